"""An org whose researchers are a scripted language model over real HTTP, and what its runs are asked afterwards."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from orgruntime.ledger.store import Ledger
from orgruntime.testing.messages_script import Asked, Says, uses

PROGRAM = """\
---
format: orgruntime/1
objective: {{metric: loss, direction: minimize}}
workspace:
  source: ../ws
  editable: [train.py]
  run: python -S -E train.py --seed {{seed}} --budget {{budget}}
  time_limit: 20s
risk: {{preset: balanced, dry_spell: 100%}}
budget: {{{budget}}}
models:
  thinker: {{model: scripted, base_url: "{url}", price: {{input: 1, output: 5}}, context: 400000, max_output: 2000}}
  {more}
tools: [{tools}]
---

# Thinking lab

Make loss small.

## Standing orders

1. One change at a time.

## Roles

| role | kind | count | model | resources |
|---|---|---|---|---|
| [Thinker](roles/thinker.md) | agent | {count} | {model} | |
| [Trainer](roles/trainer.md) | experiment | | | cpus: {cpus} |

## Workflow

1. [Thinker](roles/thinker.md) → [Trainer](roles/trainer.md): `proposal`
"""
TRAIN = """\
import random, sys, time
A = 0.5  # 0.0 .. 1.0
B = 0.5  # 0.0 .. 1.0
seed = sys.argv[sys.argv.index("--seed") + 1]
time.sleep({sleep})
print("---")
print(f"loss: {{(A - 0.8) ** 2 + (B - 0.2) ** 2 + 1 + random.Random(f'{{seed}} {{A}} {{B}}').gauss(0, 0.01):.6f}}")
"""
TOOLS = "Read, Grep, Edit, Write, Bash, RunTrial, Ledger, Notebook"


def write_org(
    home: Path, url: str, *, count: int = 2, budget: str = "trials: 40", model: str = "thinker", tools: str = TOOLS,
    cpus: float = 1, sleep: float = 0.0, more: str = "",
) -> Path:  # fmt: skip
    """`home/org`, with its workspace beside it. `more` is another entry of `models:`."""
    (home / "ws").mkdir(parents=True)
    (home / "ws" / "train.py").write_text(TRAIN.format(sleep=sleep))
    (home / "ws" / "judge.py").write_text("SECRET = 1\n")
    roles = home / "org" / "roles"
    roles.mkdir(parents=True)
    (roles / "thinker.md").write_text("Move A and B towards where loss is least, one step at a time.\n")
    (roles / "trainer.md").write_text("Runs what is proposed.\n")
    text = PROGRAM.format(url=url, count=count, budget=budget, model=model, tools=tools, cpus=cpus, more=more)
    (home / "org" / "program.md").write_text(text)
    return home / "org"


def brief_of(asked: Asked) -> str:
    content = asked.body["messages"][0]["content"]
    return content if isinstance(content, str) else str(content[0]["text"])


def inquiry_of(asked: Asked) -> str:
    """Of the step that a call belongs to."""
    return brief_of(asked).partition("inquiry ")[2].partition(",")[0]


def number_of(asked: Asked) -> int:
    """A number that is the step's own, whatever the order of calls."""
    digits = "".join(sign for sign in inquiry_of(asked) if sign.isdigit())
    return int(digits or 0)


def done_by(asked: Asked) -> set[str]:
    """The tools that have served in this conversation."""
    names: dict[str, str] = {}
    served = set()
    for message in asked.body["messages"]:
        for block in message["content"] if isinstance(message["content"], list) else ():
            if block["type"] == "tool_use":
                names[block["id"]] = block["name"]
            elif block["type"] == "tool_result" and not block.get("is_error"):
                served.add(names[block["tool_use_id"]])
    return served


def steadfast(asked: Asked) -> Says:
    """Reads the file, writes a constant, looks at it, hands off. What failed it does again."""
    n, done = number_of(asked), done_by(asked)
    if "Read" not in done:
        return uses("Read", {"file_path": "train.py"})
    if "Write" not in done:
        name, value = ("A", 0.5 + n * 0.001) if n % 2 else ("B", 0.5 - n * 0.001)
        content = TRAIN.format(sleep=0.0).replace(f"{name} = 0.5", f"{name} = {value:.3f}")
        return uses("Write", {"file_path": "train.py", "content": content})
    if "Bash" not in done:
        return uses("Bash", {"command": "head -3 train.py"})
    return proposes(f"step {n} helps")


def proposes(hypothesis: str) -> Says:
    stated = {"hypothesis": hypothesis, "expected_gain": 0.01, "risk": "exploit", "cost": "nothing"}
    return uses("hand_off_proposal", stated)


def declines(reason: str) -> Says:
    return uses("decline", {"reason": reason})


def events(run: Path, kind: str) -> list[dict[str, Any]]:
    with Ledger.open_readonly(run / "ledger.db") as ledger:
        return [{**event.body, "subject": event.subject} for event in ledger.events(0, 1_000_000) if event.kind == kind]


def transcript(run: Path, step: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (run / "steps" / f"{step}.jsonl").read_text().splitlines()]


Script = Callable[[Asked], Says]
