"""The drafted `program.md` of a foreign organization. Pure: facts in, text out.

Invariant: what nobody said is a line that begins with `# ?`, with the form of its answer below it, commented out; what
the draft decides by itself is a `# note:`; nothing of the foreign words can end a line, a cell or a link of the draft.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from orgruntime.compiler.authority import DEFAULT_TOOLS
from orgruntime.compiler.model_names import current, family
from orgruntime.importer.adopt import TURNS, Adopted, Drafted, entries, leaves
from orgruntime.importer.foreign import Foreign, ForeignRole, Way
from orgruntime.importer.hints import one_line
from orgruntime.model.payload import BUILTIN_PAYLOADS

DEFAULT_MODEL = "claude-opus-5-5"
TRAINER_ROLE = """\
---
name: Trainer
description: Runs the trials.
org: {kind: experiment}
---

Runs the proposed change and reports what was measured. These words are for people: the runtime does it.
"""
"""Added where every role hands on, so that nobody is left to propose a change."""
RECORD = "import.json"
_MOST_LISTED = 40
"""Hints in the draft's comments; all of them are in import.json. Front matter has at most 64 KiB."""

_OBJECTIVE = ("objective: {metric: val_loss, direction: minimize}",)
_WORKSPACE = (
    "workspace:", "  source: ../my-code", "  editable: [train.py]",
    "  run: python train.py --seed {seed} --budget {budget}", "  time_limit: 10m",
)  # fmt: skip
_BUDGET = ("budget: {trials: 100, usd: 20, wall_clock: 8h}",)


@dataclass(frozen=True)
class Question:
    """What must be asked. `form`: lines of the front matter that answer it, when their values are put right."""

    topic: str
    text: str
    form: tuple[str, ...]

    def as_json(self) -> dict[str, Any]:
        return {"topic": self.topic, "question": self.text, "seen": []}


def questions(foreign: Foreign) -> tuple[Question, ...]:
    """What no foreign organization says, in the order of the front matter."""
    goals = one_line("; ".join(foreign.goals), 300)
    seen = f' The company\'s goals: "{goals}".' if goals else ""
    return (
        Question("objective", f"Which number does a trial print, and is less of it better, or more?{seen}", _OBJECTIVE),
        Question(
            "workspace", "Which folder is under research, which of its files may change, and what command measures one "
            "change?", _WORKSPACE,
        ),
        Question("budget", "How much may a run use up? Without a bound nothing is run.", _BUDGET),
    )  # fmt: skip


def program_text(foreign: Foreign, adopted: Adopted, answers: Mapping[str, tuple[str, ...]] | None = None) -> str:
    """The draft. `answers`: lines that stand in for the commented forms of open questions, by topic."""
    given = answers or {}
    lines = ["---", "format: orgruntime/1", *_head(foreign, adopted)]
    for question in questions(foreign):
        lines += ["", f"# ? {question.text}", *(f"# {line}" for line in question.form)]
        lines += given.get(question.topic, ())
    lines += ["", f"# note: {_models_asked(foreign)}", f"models: {{default: {DEFAULT_MODEL}}}"]
    lines += ["", f"# note: {_tools_asked(foreign)}", f"tools: [{', '.join(DEFAULT_TOOLS)}]"]
    lines += ["", *(f"# note: {text}" for text in _notes(foreign, adopted))]
    lines += ["---", "", f"# {label(foreign.title, 'Imported organization')}", ""]
    if foreign.mission:
        lines += [_plain_words(foreign.mission), ""]
    return "\n".join([*lines, *_roles(foreign, adopted), *_workflow(foreign, adopted)]) + "\n"


def label(text: str, other: str) -> str:
    """A name as the text of a link or heading: signs that mean something in markdown are left out."""
    words = " ".join(re.sub(r"[^\w .,&'()/+-]", " ", text).split())[:60].strip()
    return words if re.search(r"\w", words) else other


def added_trainer(foreign: Foreign, adopted: Adopted) -> str | None:
    """Path in the draft of the trainer that it adds; None where some role hands nothing on, and so proposes."""
    order = [role.slug for role in foreign.roles]
    if leaves(adopted.handoffs, order):
        return None
    slug = "drafted-trainer"
    while slug in order:
        slug += "-"
    return f"roles/{slug}.md"


def _head(foreign: Foreign, adopted: Adopted) -> list[str]:
    used = sum(len(one.hints) for one in adopted.handoffs)
    every = used + len(adopted.left_out)
    return [
        f"# Drafted by `orgrun import` from `{label(foreign.title, 'a folder')}`: {len(foreign.roles)} roles, and "
        f"{len(adopted.handoffs)} handoffs from {used} of {every} hints.",
        "# `# ?`: a person has to answer: write the key and delete the question. `# note:`: what the draft decided.",
        f"# Every file and every hint with its place: {RECORD}.",
    ]


def _models_asked(foreign: Foreign) -> str:
    wishes = Counter(name for role in foreign.roles for name in role.declared.model)
    silent = sum(not role.declared.model for role in foreign.roles)
    asked = f"They ask for {_counted(wishes)}; {silent} ask for none." if wishes else "None asks for one."
    grants = {family(name): current(name) for name in wishes}
    more = ", ".join(f"{kin}: {model}" for kin, model in sorted(grants.items(), key=str) if kin and model)
    added = f" To grant what they ask for, add: {more}." if more else ""
    return f"Every role gets this model. {asked}{added} The column `model` of a row gives a role its own."


def _tools_asked(foreign: Foreign) -> str:
    wishes = Counter(name for role in foreign.roles for name in role.declared.tools or () if name not in DEFAULT_TOOLS)
    asked = f"Beyond these they ask for {_counted(wishes)}." if wishes else "They ask for no others."
    return f"Only these tools are granted. {asked}"


def _who_proposes(foreign: Foreign, adopted: Adopted) -> str:
    order = [role.slug for role in foreign.roles]
    if trainer := added_trainer(foreign, adopted):
        first = entries(adopted.handoffs, order)[0]
        return (
            f"Every role hands on, so that nobody is left to change the workspace: the draft lets `{first}` propose, "
            f"and adds {trainer}."
        )
    listed = _listed([f"`{slug}`" for slug in leaves(adopted.handoffs, order)], 12)
    return f"The roles that hand nothing on change the files of the workspace: {listed}."


def _counted(wishes: Counter[str]) -> str:
    most = sorted(wishes.items(), key=lambda pair: (-pair[1], pair[0]))
    return _listed([f"`{one_line(name, 40).replace('`', '')}` ({count})" for name, count in most], 8)


def _listed(words: list[str], most: int) -> str:
    more = f" and {len(words) - most} more" if len(words) > most else ""
    return ", ".join(words[:most]) + more


def _notes(foreign: Foreign, adopted: Adopted) -> list[str]:
    """What the draft decided about the workflow, and the hints that it could not use."""
    notes = [_who_proposes(foreign, adopted)]
    circles = [str(number) for number, one in enumerate(adopted.handoffs, 1) if one.at_most]
    if circles:
        notes.append(f"These handoffs close a circle and got `at most {TURNS} times`: {_listed(circles, 30)}.")
    for one in adopted.lost[:_MOST_LISTED]:
        near = f"; the nearest is `{one.nearest}`" if one.nearest else ""
        quote = (one.hint.quote or one.hint.name).replace('"', "'")
        notes.append(one_line(f'not adopted: {one.hint.place} "{quote}": {one.why}{near}', 400))
    if len(adopted.lost) > _MOST_LISTED:
        notes.append(f"not adopted either: {len(adopted.lost) - _MOST_LISTED} more hints, listed in {RECORD}")
    return notes


def _plain_words(text: str) -> str:
    """A paragraph that is no heading, list, table, link or markup of any kind."""
    return " ".join(re.sub(r"[^\w .,;:&'()/+?!…–—-]", " ", text).split()).lstrip("-+ .")


def _roles(foreign: Foreign, adopted: Adopted) -> list[str]:
    """The table. A role whose file says what it produces or consumes is told what the drafted handoffs carry beside."""
    said = _said(foreign, adopted)
    columns = [name for name in ("produces", "consumes") if any(name in cells for cells in said.values())]
    lines = ["## Roles", "", f"| {' | '.join(('role', 'kind', *columns))} |", "|---" * (2 + len(columns)) + "|"]
    for role in foreign.roles:
        cells = said.get(role.slug, {})
        words = (_link(role), role.declared.kind or "agent", *(cells.get(name, "") for name in columns))
        lines.append(f"| {' | '.join(words)} |")
    if trainer := added_trainer(foreign, adopted):
        lines.append(f"| [Trainer]({trainer}) | experiment |{' |' * len(columns)}")
    return [*lines, ""]


def _said(foreign: Foreign, adopted: Adopted) -> dict[str, dict[str, str]]:
    """Slug → column → cell, where a drafted handoff carries what the file of the role does not speak of."""
    carried = _carried(foreign, adopted)
    # Where ideas come in, an idea is what the role must take.
    first = entries(adopted.handoffs, [role.slug for role in foreign.roles])
    carried |= {("", slug): "idea" for slug in first}
    found: dict[str, dict[str, str]] = {}
    for role in foreign.roles:
        ends = ((role.file.hints.produces, "produces", 0), (role.file.hints.consumes, "consumes", 1))
        for nodes, column, end in ends:
            own = [node.text for node in nodes or ()]
            more = [name for pair, name in carried.items() if pair[end] == role.slug and name not in own]
            if nodes is not None and more:
                found.setdefault(role.slug, {})[column] = ", ".join(dict.fromkeys([*own, *more]))
    return found


def _carried(foreign: Foreign, adopted: Adopted) -> dict[tuple[str, str], str]:
    """The payload of each handoff: one of its own where the source has several ways on; else the first that the source
    says it produces and the target says it consumes; else a note."""
    several = _payloads(adopted)
    by_slug = {role.slug: role for role in foreign.roles}
    found: dict[tuple[str, str], str] = {}
    for one in adopted.handoffs:
        gives, takes = by_slug[one.source].file.hints.produces or (), by_slug[one.target].file.hints.consumes
        fit = (node.text for node in gives if takes is None or node.text in [taken.text for taken in takes])
        found[one.source, one.target] = several.get(one.source) or next(filter(_is_word, fit), "note")
    return found


def _is_word(name: str) -> bool:
    return re.fullmatch(r"[a-z][a-z0-9_]*", name) is not None


def _workflow(foreign: Foreign, adopted: Adopted) -> list[str]:
    payloads, carried = _payloads(adopted), _carried(foreign, adopted)
    links = {role.slug: _link(role) for role in foreign.roles}
    choices = {slug: _choices(adopted.outgoing[slug]) for slug in payloads}
    lines: list[str] = []
    for one in adopted.handoffs:
        arrow = "→" if one.way is Way.HANDS else "asks"
        payload = carried[one.source, one.target]
        which = f", when to is {choices[one.source][one.target]}" if one.source in choices else ""
        bound = f", at most {one.at_most} times" if one.at_most else ""
        lines.append(f"{links[one.source]} {arrow} {links[one.target]}: `{payload}`{which}{bound}")
    if trainer := added_trainer(foreign, adopted):
        first = entries(adopted.handoffs, [role.slug for role in foreign.roles])[0]
        lines.append(f"{links[first]} → [Trainer]({trainer}): `proposal`")
    if not lines:
        return []
    rows = _payload_rows(payloads, choices)
    numbered = [f"{number}. {line}" for number, line in enumerate(lines, 1)]
    return ["## Workflow", "", *numbered, *(["", "## Payloads", "", *rows] if rows else [])]


def _payloads(adopted: Adopted) -> dict[str, str]:
    """A payload of its own for each role with several ways on, since the first open one is always taken."""
    found: dict[str, str] = {}
    taken = set(BUILTIN_PAYLOADS)
    for slug, ways in adopted.outgoing.items():
        if len(ways) > 1:
            word = re.sub(r"[^a-z0-9]+", "_", slug.rpartition("/")[2].casefold()).strip("_") or "role"
            found[slug] = _free(f"from_{word}", taken, "_")
    return found


def _choices(ways: tuple[Drafted, ...]) -> dict[str, str]:
    """The targets of a role as choices of a field, each its own. `/` parts choices, and `x2` counts in the grammar."""
    found: dict[str, str] = {}
    taken: set[str] = set()
    for one in ways:
        word = re.sub(r"[^a-z0-9]+", "-", one.target.rsplit("/", 1)[-1].casefold()).strip("-") or "role"
        found[one.target] = _free(f"to-{word}" if re.fullmatch(r"x\d+", word) else word, taken, "-")
    return found


def _free(word: str, taken: set[str], sign: str) -> str:
    """The word, with a number where it is taken; it is taken from now on."""
    made, number = word, 1
    while made in taken:
        number += 1
        made = f"{word}{sign}{number}"
    taken.add(made)
    return made


def _payload_rows(payloads: Mapping[str, str], choices: Mapping[str, Mapping[str, str]]) -> list[str]:
    lines = ["| payload | field | type | required | meaning |", "|---|---|---|---|---|"] if payloads else []
    for slug, name in payloads.items():
        lines.append(f"| {name} | to | choice: {', '.join(choices[slug].values())} | yes | who goes on |")
        lines.append("| | text | string | yes | what to know, and what to do |")
    return lines


def _link(role: ForeignRole) -> str:
    return f"[{label(role.name, role.slug)}]({role.stored})"
