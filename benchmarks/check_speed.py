"""`orgrun check` of an org of 1,000 roles of 5 KB: cold, warm, and after an edit, against mistune's bare parse.

Run: python benchmarks/check_speed.py [rounds]. The org is generated, in a temporary folder. Every figure is of one
process from start to end but the last ones, which are of one that stays, as `--watch` does. `cold` remembers nothing,
`warm` has the store of the run before, `edited` has it and one role file whose words changed, `wishes` one that asks
for another tool, `hints` one with another `org:` that agrees with the program, `compiled` one whose `org:` others are
judged by. `mistune` reads the same files and parses their markdown, nothing else. Rounds are interleaved, so that a
busy machine slows all alike; CPU seconds are the fair figures.

Roles are read one after another: a cold check takes less than half of the bare parse as it is, and half of that is
imports and the program itself, which other processes could not take over.

Goals: cold at most 1.5 × mistune; warm below 1 s; after an edit of a role below 0.3 s, which is 0.09 × mistune.
"""

from __future__ import annotations

import os
import random
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).parents[1]
ROLES, SIZE = 1000, 5000
WORDS = sorted({word for word in __doc__.lower().split() if word.isalpha()})
BARE = """\
import sys, pathlib, mistune
parse = mistune.create_markdown(renderer=None)
for path in sorted(pathlib.Path(sys.argv[1]).rglob("*.md")):
    parse(path.read_text(encoding="utf-8"))
"""
STAYING = """\
import sys, time
from pathlib import Path
from orgruntime.api.checking import check_paths
from orgruntime.api.remembering import Store
import gc
org = Path(sys.argv[1])
store = Store([org], on_disk=False)
def look():
    gc.disable()
    wall, cpu = time.perf_counter(), time.process_time()
    with store.in_use():
        assert not check_paths([org]).has_errors
    print(time.perf_counter() - wall, time.process_time() - cpu)
    gc.enable()
look()
def edit(number, old, new):
    role = org / "roles" / f"researcher-{number:04}.md"
    role.write_text(role.read_text().replace(old, new, 1))
    look()
for number in range(int(sys.argv[2])):
    edit(number, "## Part 1", f"A word more: {time.time()}.\\n\\n## Part 1")
for number in range(int(sys.argv[2])):
    edit(number, "\\ntools: ", "\\ntools: Bash, ")
for number in range(int(sys.argv[2])):
    edit(number, "\\ntools: ", "\\norg: {count: 2}\\ntools: ")
for number in range(int(sys.argv[2])):
    edit(number, "count: 2", f"hands_off_to: [researcher-{number + 1:04}]")
"""
PROGRAM = """\
---
format: orgruntime/1
objective: {metric: val_loss, direction: minimize}
workspace:
  source: lab
  editable: [train.py]
  run: python train.py --seed {seed}
  time_limit: 60s
budget: {trials: 1000, wall_clock: 8h}
models: {default: search/tpe}
---

# A large lab

Lower the loss.

## Roles

| role | kind | count | model | resources |
|---|---|---|---|---|
"""


def make_org(folder: Path, roles: int = ROLES, size: int = SIZE) -> Path:
    """An org in which each researcher hands proposals to one trainer."""
    (folder / "roles").mkdir(parents=True)
    (folder / "lab").mkdir()
    (folder / "lab" / "train.py").write_text("RATE = 0.1\nprint('---')\nprint('val_loss: 1.0')\n")
    (folder / "roles" / "trainer.md").write_text("---\nname: Trainer\n---\n\nYou measure.\n")
    rng = random.Random(0)
    rows, items = [], []
    for number in range(roles):
        file = f"roles/researcher-{number:04}.md"
        (folder / file).write_text(role_text(number, rng, size), encoding="utf-8")
        rows.append(f"| [Researcher {number}]({file}) | agent | 1 | | |\n")
        items.append(f"{number + 1}. [Researcher {number}]({file}) → [Trainer](roles/trainer.md): `proposal`\n")
    rows.append("| [Trainer](roles/trainer.md) | experiment | | | cpus: 1 |\n")
    text = PROGRAM + "".join(rows) + "\n## Workflow\n\n" + "".join(items)
    (folder / "program.md").write_text(text, encoding="utf-8")
    return folder


def role_text(number: int, rng: random.Random, size: int) -> str:
    """A role in the manner of those in the wild: front matter, headings, lists, links, code, quotes, a table."""
    text = (
        f"---\nname: Researcher {number}\ndescription: Works on direction {number} of the lab.\ntools: Read, Grep\n"
        f"---\n\n# Researcher {number}\n\n"
    )
    part = 0
    while len(text) < size:
        part += 1
        first, second = (" ".join(rng.choice(WORDS) for _ in range(14)).capitalize() for _ in range(2))
        text += (
            f"## Part {part}\n\n{first}, as in [the notes](notes/{part}.md), with `code {part}` and **care** — "
            f"{second}.\n\n"
            f"1. {first}.\n2. {second}.\n   - nested\n\n```python\nvalue = measure(seed={part})\n```\n\n> {second}.\n\n"
            f"| part | meaning |\n|---|---|\n| {part} | {first} |\n\n"
        )
    return text


def measured(words: list[str], env: dict[str, str]) -> tuple[float, float]:
    """Wall and CPU seconds of a process and its children."""
    wall, before = time.perf_counter(), resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(words, env=env, check=True, stdout=subprocess.DEVNULL)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return time.perf_counter() - wall, cpu


def main(rounds: int) -> None:
    with tempfile.TemporaryDirectory() as name:
        base = Path(name)
        org = make_org(base / "org")
        env = {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}
        env |= {"PYTHONPYCACHEPREFIX": f"{base}/bytecode", "ORGRUN_CACHE": f"{base}/cache", "PYTHONPATH": str(ROOT)}
        check = [sys.executable, "-c", "from orgruntime.cli.main import main; main()", "check", str(org)]

        def edited() -> tuple[float, float]:
            with (org / "roles" / "researcher-0999.md").open("a") as role:
                role.write(f"\nA word more: {time.time()}.\n")
            return measured(check, env)

        def wished() -> tuple[float, float]:
            role = org / "roles" / "researcher-0998.md"
            role.write_text(role.read_text().replace("\ntools: ", "\ntools: Bash, ", 1))
            return measured(check, env)

        def hinted(number: int, hint: str) -> tuple[float, float]:
            role = org / "roles" / f"researcher-{number:04}.md"
            front, _, words = role.read_text().partition("\n---\n")
            kept = [line for line in front.split("\n") if not line.startswith("org:")]
            role.write_text("\n".join([*kept, f"org: {{{hint}}}", "---", words]))
            return measured(check, env)

        lanes: dict[str, Callable[[], tuple[float, float]]] = {
            "mistune": lambda: measured([sys.executable, "-c", BARE, str(org)], env),
            "cold": lambda: measured([*check, "--no-cache"], env),
            "warm": lambda: measured(check, env),
            "edited": edited,
            "wishes": wished,
            "hints": lambda: hinted(997, f"count: {2 + time.time_ns() % 900}, produces: [proposal]"),
            "compiled": lambda: hinted(996, f"hands_off_to: [researcher-{time.time_ns() // 1000 % 900:04}]"),
        }
        for lane in lanes.values():
            lane()
        times: dict[str, list[tuple[float, float]]] = {name: [] for name in lanes}
        for _ in range(rounds):
            for name, lane in lanes.items():
                times[name].append(lane())
        staying = [sys.executable, "-c", STAYING, str(org), str(rounds)]
        lines = subprocess.run(staying, env=env, check=True, capture_output=True, text=True).stdout.splitlines()
        first, *rest = [(float(wall), float(cpu)) for wall, cpu in (line.split() for line in lines)]
        times["staying: first"] = [first]
        for at, name in enumerate(("an edit", "wishes", "hints", "a hint for others")):
            times[f"staying: after {name}"] = rest[at * rounds : (at + 1) * rounds]
    floor = statistics.median(cpu for _, cpu in times["mistune"])
    print(f"{ROLES} roles of {SIZE} bytes, {rounds} rounds, {os.cpu_count()} cores")
    for name, pairs in times.items():
        wall, cpu = (statistics.median(part) for part in zip(*pairs, strict=True))
        least = min(cpu for _, cpu in pairs)
        print(f"{name:30} wall {wall:.3f} s, CPU {cpu:.3f} s (least {least:.3f}), {cpu / floor:.2f} × mistune")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 5)
