"""Single slips in values from closed or known sets: what a slip of the hand does to a word that means something.

Of role files: tools, what is held back, models, kinds. Of a program: keys at every level, headers of tables, cells from
closed sets, links, and words of the workflow. Invariant: what is not changed here is exempt by a reason in `EXEMPT`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from corpus_typos import Typo

EXEMPT = {
    "objective.metric": "free: the run prints it; held against what the workspace prints",
    "free words": "missions, sections, descriptions and names are for people and agents",
    "numbers": "another number is as good a number",
    "units": "`60s` with a letter lost is `60`, which is told; with one doubled it is told too; `m` for `h` is a time",
    "short": "a word of three letters is nobody's slip: `ask` may be a model, `bas` a tool",
    "//": "the same path",
    "time, trial": "the grammar takes both forms",
    "names of models:": "the org's own words; a slip in a use of one is told where it is used",
    "payloads": "a name that nobody declares is a note, and said (ORG309)",
}

ROLE = """---
name: Scout
tools: [Read, Grep, WebFetch, Bash]
disallowedTools: Write, Edit
model: sonnet
permission: {edit: deny, bash: ask}
org: {kind: agent, memory: own}
---

You look.
"""

PROGRAM = """---
format: orgruntime/1
objective:
  metric: val_loss
  direction: minimize
  min_effect: 0.005
workspace:
  source: lab
  editable: [train.py]
  run: python train.py --seed {seed} --budget {budget}
  time_limit: 60s
risk: {preset: balanced, dry_spell: 60%, blast_radius: {files: 3, time: 10m}}
budget: {trials: 140, wall_clock: 30m, usd: 20}
models:
  default: {model: claude-opus-5-5, max_output: 8k, effort: high}
  tuner: search/cmaes
tools: [Read, Grep, Edit, Ledger]
---

# Lab

Lower the loss.

## Roles

| role | kind | count | model | resources | memory |
|---|---|---|---|---|---|
| [Researcher](roles/researcher.md) | agent | 2 | default | | own |
| [Trainer](roles/trainer.md) | experiment | | | cpus: 1, minutes: 6 | |
| [Referee](roles/referee.md) | verifier | | | cpus: 1 | |

## Workflow

1. [Researcher](roles/researcher.md) → [Trainer](roles/trainer.md): `proposal`
2. [Trainer](roles/trainer.md) → [Referee](roles/referee.md): `result`, when promising
3. [Trainer](roles/trainer.md) → [Researcher](roles/researcher.md): `result`, when crashed, at most 2 times
4. [Researcher](roles/researcher.md) every 20 trials: `memo`
5. [Trainer](roles/trainer.md) → [Researcher](roles/researcher.md): `result`, otherwise
"""

_WORDS_OF_ROLE = re.compile(
    r"(?<=[\[ ,{])(Read|Grep|WebFetch|Bash|Write|Edit|sonnet|edit|bash|deny|agent|kind|memory)\b"
)
_KEYS = re.compile(r"(?<=[\n {])([a-z_]{4,})(?=:)")
_VALUES = re.compile(
    r"(?<=[ \[])(orgruntime|minimize|balanced|claude-opus-5-5|search/cmaes|high|Read|Grep|Edit|Ledger|train\.py"
    r"|python)\b"
)
_CELLS = re.compile(r"(?<=\| )(role|kind|count|model|resources|memory|agent|experiment|verifier|default)\b")
_RESOURCES = re.compile(r"(?<=[ ])(cpus|minutes)(?=:)")
_LINKS = re.compile(r"roles/[a-z]+\.md")
_GRAMMAR = re.compile(r"\b(when|promising|crashed|most|times|every|trials|otherwise|result|proposal|memo)\b")
_HEADINGS = re.compile(r"(?<=## )(Roles|Workflow)")


def slips_of_role() -> Iterator[Typo]:
    front = ROLE.index("\n---\n", 4)
    for match in _WORDS_OF_ROLE.finditer(ROLE, 0, front):
        yield from strokes(ROLE, match.start(1), match.end(1))


def slips_of_program() -> Iterator[Typo]:
    front, roles, flow = PROGRAM.index("\n---\n", 4), PROGRAM.index("## Roles"), PROGRAM.index("## Workflow")
    places = [
        *(match.span(1) for pattern in (_KEYS, _VALUES) for match in pattern.finditer(PROGRAM, 0, front)),
        *(match.span(1) for pattern in (_CELLS, _RESOURCES) for match in pattern.finditer(PROGRAM, roles, flow)),
        *(match.span() for match in _LINKS.finditer(PROGRAM, roles)),
        *(match.span(1) for match in _GRAMMAR.finditer(PROGRAM, flow)),
        *(match.span(1) for match in _HEADINGS.finditer(PROGRAM, roles)),
    ]
    for start, end in places:
        if PROGRAM[start:end] not in ("default", "tuner") or PROGRAM[end] != ":":
            yield from strokes(PROGRAM, start, end)


def strokes(text: str, start: int, end: int) -> Iterator[Typo]:
    """Letters lost, doubled, swapped or changed between two offsets; the case of a letter is none of ours."""
    word = text[start:end]
    for at in range(len(word)):
        ways = {
            "lost": word[:at] + word[at + 1 :],
            "twice": word[: at + 1] + word[at:],
            "swapped": word[:at] + word[at + 1 : at + 2] + word[at] + word[at + 2 :],
            "changed": word[:at] + ("x" if word[at] != "x" else "q") + word[at + 1 :],
        }
        for what, slip in ways.items():
            is_short = len(word) <= 4 and len(slip) < 4
            is_same = slip.casefold() == word.casefold() or "//" in slip or f"{slip}s" == word in ("times", "trials")
            if not is_short and not is_same:
                yield Typo(f"{word} → {slip} ({what})", text[:start] + slip + text[end:])
