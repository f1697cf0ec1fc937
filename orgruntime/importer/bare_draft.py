"""A draft: the strict `program.md` and the roles that a bare program becomes, each line with its evidence.

Works on what was found; writes nothing to disk. Invariant: a key stands in the draft only if it is a fact; a question
is a comment that begins with `# ?`, and the key is left out.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

from orgruntime.importer.bare import BareProgram
from orgruntime.importer.bare_facts import Evidence, Fact, Topic
from orgruntime.importer.bare_limits import seconds, spelled
from orgruntime.importer.role_texts import REFEREE, TRAINER
from orgruntime.model.history import HISTORY_FILE

QUESTION = re.compile(r"^\s*# \? (?P<text>.*)$", re.MULTILINE)
"""A question that nobody has answered yet, in a `program.md`."""
DRAFTED = "# Drafted by `orgrun import`"
"""Begins a line of the front matter of every draft."""

_SPECIES = "search/tpe"
_PLAIN = re.compile(r"[A-Za-z./][\w./@ +-]*")
_WORDS = {"true", "false", "yes", "no", "on", "off", "null", "y", "n"}
_INSTALLS = re.compile(r"(?:uv (?:sync|pip|venv|add)|(?:python\S* -m )?pip3? |poetry|pdm|pixi|npm|conda)\b")


def draft(program: BareProgram, source: str) -> dict[str, str]:
    """Path → text of each file of the org. `source`: the way from the org to the folder that is imported."""
    files = {"program.md": _program(program, source), "roles/researcher.md": _researcher(program)}
    if _gpus(program):
        files |= {"roles/trainer.md": TRAINER, "roles/referee.md": REFEREE}
    rows = [row for log in program.logs for row in log.rows]
    if rows:
        files[HISTORY_FILE] = "".join(f"{row.model_dump_json()}\n" for row in rows)
    return files


def _program(program: BareProgram, source: str) -> str:
    lines = [
        "---",
        "format: orgruntime/1",
        f"{DRAFTED} from {_line(program.file)}, sha256 {program.sha256[:12]}; it stays as it is.",
        "# `stated`: its words say so. `inferred`: it follows from the code. `# ?`: a person has to answer: write the",
        "# key and delete the question.",
        "objective:",
        *_key(program, Topic.METRIC, "metric"),
        *_note(program, Topic.PRINTED, "printed as"),
        *_key(program, Topic.DIRECTION, "direction"),
        "workspace:",
        f"  source: {_yaml(source)}",
        *_editable(program),
        *_note(program, Topic.FROZEN, "frozen, as is everything else:"),
        *_setup(program),
        *_key(program, Topic.RUN, "run"),
        *_note(program, Topic.LOG, "its output went to"),
        *_time_limit(program),
        "models:",
        f"  default: {_SPECIES}  # no model is named; this one tunes upper-case constants and needs no key",
        "# No bound of the whole run is stated: `orgrun run` asks for one, e.g. `--budget trials=100`, or write",
        "# budget: {trials: 100, wall_clock: 10h}",
        *(f"# note: {_line(remark)}" for remark in program.findings.remarks),
        "---",
    ]
    return "\n".join([*lines, "", *_sections(program)]) + "\n"


def _key(program: BareProgram, topic: Topic, key: str) -> Iterator[str]:
    fact = program.findings.fact(topic)
    if fact is not None:
        yield from _evidence(fact)
        yield f"  {key}: {_yaml(fact.value)}"
    yield from _questions(program, topic, key)


def _note(program: BareProgram, topic: Topic, words: str) -> Iterator[str]:
    fact = program.findings.fact(topic)
    if fact is not None:
        yield f"  # {words} {_line(fact.value)}"
        yield from _evidence(fact)
    yield from _questions(program, topic, topic.value)


def _questions(program: BareProgram, topic: Topic, key: str) -> Iterator[str]:
    for question in program.findings.questions:
        if question.topic is topic:
            yield f"  # ? {key}: {_line(question.text)}"
            yield from (_seen(one) for one in question.seen)


def _evidence(fact: Fact) -> Iterator[str]:
    for one in fact.evidence[:2]:
        yield f"  # {fact.confidence.value}, {_line(one.place)}: {_line(one.quote)}"


def _seen(one: Evidence) -> str:
    return f"  #   {_line(one.place)}: {_line(one.quote)}"


def _editable(program: BareProgram) -> Iterator[str]:
    fact = program.findings.fact(Topic.EDITABLE)
    if fact is not None:
        yield from _evidence(fact)
        yield f"  editable: [{', '.join(_yaml(name) for name in fact.values)}]"
    yield from _questions(program, Topic.EDITABLE, "editable")


def _setup(program: BareProgram) -> Iterator[str]:
    """One command that prepares data. What installs packages is the machine's, before a run: trials have no network."""
    commands = [one for one in program.setup if not _INSTALLS.match(one.text)]
    if len(commands) == 1:
        place = commands[0].source.evidence
        yield f"  # stated, {_line(place.place)}: {_line(place.quote)}"
        yield f"  setup: {_yaml(commands[0].text)}"
    for one in program.setup:
        if len(commands) != 1 or one not in commands:
            yield f"  # note: set-up that is left to you: {_line(one.text)} ({_line(one.source.evidence.place)})"


def _time_limit(program: BareProgram) -> Iterator[str]:
    kill, budget = (program.findings.fact(topic) for topic in (Topic.KILL_AFTER, Topic.TIME_BUDGET))
    asked = [one for one in program.findings.questions if one.topic in (Topic.KILL_AFTER, Topic.TIME_BUDGET)]
    if budget is not None:
        yield f"  # one run takes {budget.value}"
        yield from _evidence(budget)
    if kill is not None:
        yield from _evidence(kill)
        yield f"  time_limit: {kill.value}"
    elif budget is not None and not asked:
        yield "  # inferred: twice what one run takes, since no words say when a run is killed"
        yield f"  time_limit: {spelled(2 * seconds(budget.value))}"
    for question in asked:
        yield from _questions(program, question.topic, "time_limit")


def _sections(program: BareProgram) -> Iterator[str]:
    yield f"# {_line(program.title) or 'Imported program'}"
    yield ""
    yield f"Drafted from {_line(program.file)}, a program for one agent. Its words, as they were written, are the"
    yield "prompt of the researcher. The runtime measures, keeps and certifies what is proposed."
    yield ""
    yield "## Roles"
    yield ""
    yield "| role | kind | count | model | resources |"
    yield "|---|---|---|---|---|"
    yield "| [Researcher](roles/researcher.md) | agent | 1 | default | |"
    if gpus := _gpus(program):
        yield f"| [Trainer](roles/trainer.md) | experiment | | | gpus: {gpus.value} |"
        yield f"| [Referee](roles/referee.md) | verifier | | | gpus: {gpus.value} |"
        yield ""
        yield f"<!-- gpus: {gpus.confidence.value}, {_line(gpus.evidence[0].place)} -->"


def _gpus(program: BareProgram) -> Fact | None:
    return program.findings.fact(Topic.GPUS)


_PREFACE = """\
You work in an organization that does the bookkeeping for you: it commits, runs, measures, keeps and resets. Take the
aim, the limits and the taste from the program below, which was written for an agent that works alone; leave out its
loop, its commands, its log and its git. Hand off one `proposal` at a time: the new contents of editable files, and a
hypothesis of one to three sentences.

What follows is the program as it was written.

"""


def _researcher(program: BareProgram) -> str:
    front = "---\nname: Researcher\ndescription: Proposes one change at a time, as the imported program asks.\n---\n\n"
    return f"{front}{_PREFACE}{program.body.strip()}\n"


def _line(text: str) -> str:
    """One printable line, for a comment."""
    return "".join(char for char in " ".join(text.split()) if char.isprintable())


def _yaml(text: str) -> str:
    """A scalar that reads back as the same text."""
    is_plain = _PLAIN.fullmatch(text) and text.casefold() not in _WORDS and text == text.strip() and " #" not in text
    return text if is_plain else json.dumps(text, ensure_ascii=False)
