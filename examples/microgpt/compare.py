"""The rows of the README: settings of train.py by name, on several seeds, each run as an experiment runs it.

    python compare.py                      # every row, 6 seeds, validation and held-out names (about two minutes)
    python compare.py default --seeds 3    # one row
    python compare.py --references > references.tsv   # the rows that a run's report draws as thin lines

It stands outside the experiment: nothing here is imported by a trial, and no proposal can change it.
Settings are written into a copy of train.py, in the way the search algorithms do it.
"""

from __future__ import annotations

import argparse
import re
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from prepare import TABLES, count_tables, evaluate, load_names, table_predictor

HERE = Path(__file__).parent

ROWS: dict[str, dict[str, object]] = {
    # As they stand: nanoGPT's defaults, scaled down. They come from models a thousand times as large.
    "default": {},
    # What microgpt publishes for itself (4,192 parameters), with 32 names a step instead of one.
    "microgpt": {
        "LEARNING_RATE": 1e-2,
        "SCHEDULE": "linear",
        "BETA1": 0.85,
        "BETA2": 0.99,
        "WEIGHT_DECAY": 0.0,
        "BATCH": 32,
        "WIDTH": 16,
        "DEPTH": 1,
        "HEADS": 4,
        "INIT_SCALE": 0.08,
        "ACTIVATION": "relu",
    },
}


def main() -> None:
    parser = argparse.ArgumentParser(description="Measure named settings of train.py on several seeds.")
    parser.add_argument("rows", nargs="*", help=f"of {', '.join(ROWS)}; default: all")
    parser.add_argument("--seeds", type=int, default=6, help="1, 2, ... up to this")
    parser.add_argument("--references", action="store_true", help="print references.tsv instead")
    options = parser.parse_args()
    if options.references:
        print_references(range(1, options.seeds + 1))
        return
    unknown = [row for row in options.rows if row not in ROWS]
    if unknown or options.seeds < 1:
        parser.error(f"no row {unknown[0]!r}: choose from {', '.join(ROWS)}" if unknown else "--seeds must be positive")
    print(f"{'row':<12}{'val':>8} {'sd':>8}{'holdout':>10} {'sd':>8}{'params':>9}{'steps':>7}{'CPU s':>7}", flush=True)
    for row in options.rows or ROWS:
        print(f"{row:<12}{measure(ROWS[row], range(1, options.seeds + 1))}", flush=True)


def print_references(seeds: range) -> None:
    """What a result has to beat to be worth its price: tables of counts, and microgpt's own settings (validation)."""
    names = load_names()
    for label, table in zip(TABLES, count_tables(names.train), strict=True):
        if label != "letter":
            print(f"{label} counts\t{evaluate(table_predictor(table), names.val):.4f}")
    with changed_tree(ROWS["microgpt"]) as tree:
        losses = [run_once(tree, seed, "val")["val_loss"] for seed in seeds]
    print(f"microgpt's own settings\t{statistics.mean(losses):.4f}")


def measure(settings: dict[str, object], seeds: range) -> str:
    """The row's figures: mean and standard deviation over the seeds, and CPU seconds of a whole trial."""
    with changed_tree(settings) as tree:
        before = cpu_seconds()
        val = [run_once(tree, seed, "val") for seed in seeds]
        cpu = (cpu_seconds() - before) / len(seeds)
        holdout = [run_once(tree, seed, "holdout") for seed in seeds]
    columns = f"{spread([run['val_loss'] for run in val])}{spread([run['val_loss'] for run in holdout]):>19}"
    return f"{columns}{val[0]['params']:>9.0f}{val[0]['steps']:>7.0f}{cpu:>7.2f}"


@contextmanager
def changed_tree(settings: dict[str, object]) -> Iterator[Path]:
    """A copy of this folder whose train.py has the settings."""
    with tempfile.TemporaryDirectory() as folder:
        tree = Path(shutil.copytree(HERE, Path(folder) / "tree", ignore=shutil.ignore_patterns("__pycache__")))
        script = tree / "train.py"
        script.write_text(with_settings(script.read_text(encoding="utf-8"), settings), encoding="utf-8")
        yield tree


def with_settings(source: str, settings: dict[str, object]) -> str:
    """The source with each constant set. Raises KeyError for a constant that it does not have."""
    for name, value in settings.items():
        source, found = re.subn(rf"^{name} = .*?(?=  #)", f"{name} = {value!r}", source, count=1, flags=re.MULTILINE)
        if not found:
            raise KeyError(name)
    return source


def run_once(tree: Path, seed: int, split: str) -> dict[str, float]:
    """The figures of the closing block of one full-budget run."""
    command = [sys.executable, "train.py", "--seed", str(seed), "--budget", "1", "--split", split]
    done = subprocess.run(command, cwd=tree, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"seed {seed} failed: {done.stderr.strip().splitlines()[-1]}")
    block = done.stdout.rsplit("---\n", 1)[1]
    return {name: float(value) for name, value in (line.split(":") for line in block.splitlines())}


def spread(values: list[float]) -> str:
    deviation = f"{statistics.stdev(values):8.4f}" if len(values) > 1 else f"{'':8}"
    return f"{statistics.mean(values):8.4f} {deviation}"


def cpu_seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


if __name__ == "__main__":
    main()
