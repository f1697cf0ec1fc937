"""Bare programs for tests: one family near the well-known shape, and variants that leave it in one respect each."""

from __future__ import annotations

from pathlib import Path

PROGRAM = """\
# tinylm research

An agent improves a small language model by itself, one experiment after another.

## Setup

Before the first experiment:

1. Agree on a tag and make a branch: `git checkout -b research/<tag>` from the main branch.
2. Read the repository. It is small: `README.md`, `prepare.py` and `train.py`.
3. See that `~/.cache/tinylm/` has the token shards and the tokenizer. If it has not, tell the human to run
   `uv run prepare.py`.
4. Start `results.tsv` with the header row only.

## Experimenting

Every experiment runs on a single GPU. The training script runs for a **fixed time budget of 5 minutes** of wall clock
(start-up and compilation are not counted). One experiment is launched like this: `uv run train.py`.

**What you CAN do:**

- Modify `train.py`: it is the only file that you edit. Architecture, optimizer, batch size: all of it is fair game.

**What you CANNOT do:**

- Modify `prepare.py`. It is read-only: it holds the evaluation, the data loading and the constants.
- Install packages. Use what `pyproject.toml` brings.
- Modify how the model is evaluated. `evaluate_bpb` in `prepare.py` is the ground truth.

**The goal is simple: get the lowest val_bpb.** Since the time budget is fixed, training time is not your worry.

**VRAM** is a soft limit. A little more is fine for a real gain of val_bpb, but it should not explode.

**Simplicity**: all else being equal, simpler is better. A tiny gain that costs twenty ugly lines is not worth it.

The first run is always the baseline: run the training script as it is.

## Output

When the script is done it prints a summary like this:

```
---
val_bpb:          0.981200
training_seconds: 300.0
peak_vram_mb:     41200.1
```

Pull the number out of the log:

```
grep "^val_bpb:" run.log
```

## Logging results

Every finished experiment gets a line in `results.tsv` (tabs, not commas). The header and the five columns:

```
commit	val_bpb	memory_gb	status	description
```

1. the short commit hash
2. the val_bpb that was reached, 0.000000 for a crash
3. peak memory in GB, 0.0 for a crash
4. status: `keep`, `discard` or `crash`
5. a few words on what was tried

## The loop

LOOP FOREVER:

1. Look at the state of the repository.
2. Change `train.py` with an idea, and commit.
3. Run it: `uv run train.py > run.log 2>&1` (send everything to the file, do not flood your context).
4. Read the result: `grep "^val_bpb:\\|^peak_vram_mb:" run.log`
5. If the grep is empty, the run crashed: `tail -n 50 run.log` shows the trace.
6. Write the result down.
7. If val_bpb improved (lower), keep the commit and go on from there.
8. If val_bpb is equal or worse, reset to where you started.

**Timeout**: an experiment should take about 5 minutes in total (plus some seconds of start-up). If a run goes past
10 minutes, kill it and treat it as a failure.

**Never stop**: do not ask the human whether to go on.
"""

TRAIN = '''\
"""Trains the model for a fixed time."""

import time

import torch

from prepare import TIME_BUDGET, Tokenizer, evaluate_bpb

torch.manual_seed(42)
device = torch.device("cuda")
DEPTH = 8


def main():
    started = time.time()
    steps = 0
    while time.time() - started < TIME_BUDGET:
        steps += 1
        print(f"\\rstep {steps} val_loss: {steps:.3f}", end="")
    val_bpb = evaluate_bpb(None, Tokenizer(), 8)
    print("---")
    print(f"val_bpb:          {val_bpb:.6f}")
    print(f"training_seconds: {time.time() - started:.1f}")
    print(f"peak_vram_mb:     {torch.cuda.max_memory_allocated() / 2**20:.1f}")
    print(f"depth:            {DEPTH}")


main()
'''

PREPARE = '''\
"""Data, tokenizer and evaluation. Fixed."""

import os

TIME_BUDGET = 300
CACHE = os.path.join(os.path.expanduser("~"), ".cache", "tinylm")


class Tokenizer:
    pass


def evaluate_bpb(model, tokenizer, batch_size):
    return 0.9812
'''

README = """\
# tinylm

Run `uv sync`, then `uv run prepare.py` once. The agent edits `train.py`; the metric is val_bpb, lower is better.
"""

TEMPLATE = {"program.md": PROGRAM, "train.py": TRAIN, "prepare.py": PREPARE, "README.md": README, "pyproject.toml": ""}


def put(folder: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return folder


def without(text: str, *parts: str) -> str:
    """The text without lines that hold one of the parts. Each part must be there."""
    for part in parts:
        assert part in text, part
    return "\n".join(line for line in text.split("\n") if not any(part in line for part in parts))
