"""A bare `program.md` with its files: every fact that an org needs, each with its evidence, and what must be asked.

Reads the folder, runs nothing, writes nothing. Does not know how a draft looks. Invariant: each topic that an org
cannot do without is either a fact or a question.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from orgruntime.diagnostics.diagnostic import Findings as Faults
from orgruntime.importer.bare_code import Code, read_code
from orgruntime.importer.bare_command import Command, Commands, find_commands
from orgruntime.importer.bare_facts import Answer, Evidence, Fact, Findings, Question, Topic, inferred, stated
from orgruntime.importer.bare_files import find_files
from orgruntime.importer.bare_limits import find_limits
from orgruntime.importer.bare_log import ResultLog, find_logs, header_of, read_log
from orgruntime.importer.bare_metric import Metric, find_metric
from orgruntime.importer.bare_places import is_readable, read_some
from orgruntime.importer.bare_prose import Prose, read_prose
from orgruntime.importer.kinds import PROGRAM, split_front
from orgruntime.model.manifest import Direction
from orgruntime.orgfile.source import Source, read_source

README = "README.md"
MOST_CHARACTERS = 1 << 18
"""The longest program in the wild has 48,000; reading takes time in proportion."""


class BareError(Exception):
    """The program cannot be read: one sentence."""


@dataclass(frozen=True)
class BareProgram:
    """`body` is the program's whole text, without front matter; `sha256` of its bytes."""

    root: Path
    file: str
    title: str
    body: str
    sha256: str
    findings: Findings
    setup: tuple[Command, ...] = ()
    logs: tuple[ResultLog, ...] = ()


def read_bare(path: Path, wanted: Direction | None = None) -> BareProgram:
    """`path`: a folder with `program.md`, or the file. `wanted`: the direction, said by the user. Raises BareError."""
    root, file = (path.parent, path.name) if path.is_file() else (path, PROGRAM)
    source = _source(root, file)
    front, words = split_front(source.text)
    prose = read_prose(file, words)
    readme = read_prose(README, read_some(root, README, MOST_CHARACTERS) or "")
    commands = find_commands(prose, root)
    script = commands.script
    code = read_code(root, script) if script and script.endswith(".py") else Code()
    named = _results_name(prose)
    files = find_logs(root, named.text if named else None)
    metric = find_metric(prose, readme, code, _header(prose, root, files), wanted)
    logs = tuple(read_log(root, one, metric.name) for one in files)
    setup = commands.setup or find_commands(readme, root).setup
    facts = _answers(prose, root, commands, code, metric)
    facts += _others(prose, commands, setup, code, _results(named, logs))
    findings = Findings(
        tuple(one for one in facts if isinstance(one, Fact)),
        tuple(replace(one, seen=tuple(dict.fromkeys(one.seen))) for one in facts if isinstance(one, Question)),
        (*_front_remarks(file, front), *_remarks(commands, code, logs)),
    )
    title = prose.title or root.resolve().name
    return BareProgram(root, file, title, words, source.sha256, findings, setup, logs)


def _source(root: Path, file: str) -> Source:
    if (root / file).is_file() and not is_readable(root, file):
        raise BareError(f"`{file}` is a link that leaves the folder; copy the file in")
    faults = Faults()
    source = read_source(root / file, file, faults)
    if source is None:
        raise BareError(next(iter(faults)).message)
    if len(source.text) > MOST_CHARACTERS:
        raise BareError(f"`{file}` has more than {MOST_CHARACTERS:,} characters; a program is words, not data")
    if not source.text.strip():
        raise BareError(f"`{file}` is empty")
    return source


def _answers(prose: Prose, root: Path, commands: Commands, code: Code, metric: Metric) -> list[Answer]:
    """What an org cannot do without."""
    files = find_files(prose, root, commands.script)
    timeout = None
    if commands.command and commands.command.timeout_s:
        timeout = (commands.command.timeout_s, commands.command.source.evidence)
    budget, kill = find_limits(prose, code, timeout)
    found: list[Answer | None] = [
        commands.run, metric.metric, metric.printed, metric.direction, files.editable, files.frozen, budget, kill,
    ]  # fmt: skip
    return [one for one in found if one is not None]


@dataclass(frozen=True)
class _Named:
    text: str
    evidence: Evidence


def _results_name(prose: Prose) -> _Named | None:
    for line in prose.code:
        if match := re.search(r"[\w./-]*results?[\w.-]*\.(?:tsv|csv)\b", line.text, re.ASCII):
            return _Named(match[0].removeprefix("./"), line.evidence)
    return None


def _header(prose: Prose, root: Path, files: Sequence[Path]) -> tuple[str, ...]:
    """Columns that the program prescribes, or that a log has."""
    for line in prose.code:
        cells = [cell.strip() for cell in re.split(r"\t|\\t", line.text)]
        if len(cells) >= 3 and {"status", "description", "commit"} & {cell.casefold() for cell in cells}:
            return tuple(cells)
    return next((header for file in files if (header := header_of(root, file))), ())


def _results(named: _Named | None, logs: Sequence[ResultLog]) -> Fact | None:
    if named:
        return stated(Topic.RESULTS, (named.text,), (named.evidence,))
    return inferred(Topic.RESULTS, (logs[0].file,), (Evidence(logs[0].file, 1, "it is there"),)) if logs else None


def _others(
    prose: Prose, commands: Commands, setup: Sequence[Command], code: Code, results: Fact | None
) -> list[Answer]:
    """What an org can do without."""
    found: list[Answer | None] = []
    if commands.command and commands.command.log:
        found.append(stated(Topic.LOG, (commands.command.log,), (commands.command.source.evidence,)))
    found.append(results)
    if setup:
        places = tuple(one.source.evidence for one in setup)
        found.append(stated(Topic.SETUP, tuple(one.text for one in setup), places))
    found.append(_gpus(prose, code))
    return [one for one in found if one is not None]


def _gpus(prose: Prose, code: Code) -> Fact | None:
    for sentence in prose.sentences:
        if re.search(r"\b(?:a|one|1|single)\s+(?:\w+\s+)?GPU\b", sentence.text):
            return stated(Topic.GPUS, ("1",), (sentence.evidence, *code.devices[:1]))
    return inferred(Topic.GPUS, ("1",), code.devices[:2]) if code.devices else None


def _front_remarks(file: str, front: str) -> list[str]:
    return [f"the front matter of {file} is another program's: it is neither read nor taken over"] if front else []


def _remarks(commands: Commands, code: Code, logs: Sequence[ResultLog]) -> list[str]:
    """What a person should know, and what blocks nothing."""
    said = []
    if commands.command and commands.command.text.startswith("uv run "):
        said.append(
            "a trial has neither network nor home, which `uv run` wants: install the packages where `orgrun` runs, and "
            "write `python` for `uv run`, unless the proof passes as it is"
        )
    for one in commands.untold[:3]:
        place = one.source.evidence
        said.append(f"`{one.text}` ({place.place}) is named, and no words tell to run it: it is not taken for a set-up")
    if code.seeds:
        place = code.seeds[0]
        said.append(
            f"the seed is fixed in the code ({place.place}: {place.quote}): let the run command take "
            "`--seed {seed}`, so that luck can be told from progress"
        )
    elif code.seed_options:
        said.append(f"the code takes a seed ({code.seed_options[0].place}): add `--seed {{seed}}` to the run command")
    if code.homes:
        place = code.homes[0]
        said.append(
            f"files below the user's home are read or written ({place.place}: {place.quote}): a trial in the sandbox "
            "sees the workspace alone, so keep data there"
        )
    for log in logs:
        if log.rows and not log.column:
            said.append(f"{log.file} has no column of the metric: its rows are history without numbers")
        if log.left_out:
            said.append(f"{log.file}: the {log.left_out} oldest rows are left out")
    return said
