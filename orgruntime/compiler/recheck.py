"""What was found in an org the last time, and what of it still holds: the org is compiled again only where it may not.

A compilation is a function of what it asks of the disk, of the files that it reads whole, and of the outlines of role
files; what is found in the words of one role file is a function of that file. `Notes` are taken of all of it while an
org is compiled. Knows no rule. Invariant: where `recheck` answers, a compilation of now would find exactly the same;
where it cannot know that, it gives None.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from orgruntime.compiler.filereport import FileReport, Part
from orgruntime.diagnostics.diagnostic import Diagnostic, Findings, in_order
from orgruntime.orgfile import disk
from orgruntime.orgfile.disk import Question
from orgruntime.orgfile.recall import asking
from orgruntime.orgfile.source import Reader

if TYPE_CHECKING:
    from orgruntime.compiler.compile import Compilation


class Known(NamedTuple):
    """What a compilation rested on, and what it found."""

    answers: Mapping[Question, str]
    """Each question with the digest of its answer."""
    parts: Mapping[Question, Part]
    kept: frozenset[tuple[str, str]]
    """Path and slug of the role files whose own findings are told."""
    of_whole: tuple[Diagnostic, ...]
    files: tuple[FileReport, ...]
    texts: tuple[str, ...]
    """Paths of the files whose text is shown around a finding."""


class Found(NamedTuple):
    """As of a compilation, without its manifest."""

    diagnostics: tuple[Diagnostic, ...]
    files: tuple[FileReport, ...]
    texts: Mapping[str, str]


def noting(make: Callable[[], Compilation]) -> tuple[Compilation, Known | None]:
    """What `make` compiles, and what is known from then on; None where files changed while they were read."""
    notes = _Notes()
    with disk.noting(notes):
        made = make()
    known = Known(
        notes.answers, notes.parts, frozenset(notes.kept), made.of_whole, made.files, tuple(made.texts),
    )  # fmt: skip
    return made, None if notes.torn else known


def recheck(known: Known, read: Reader) -> tuple[Found, Known] | None:
    """What a compilation would find now, and what is known then: `known` itself where no byte is another one. None
    where the org must be compiled to know it."""
    for question, answer in known.answers.items():
        if disk.is_asked_here(question) and disk.digest(disk.again(question)) != answer:
            return None
    texts: dict[str, str] = {}
    for question, answer in known.answers.items():
        if not disk.is_asked_here(question) and _read_again(question, read, texts) != answer:
            return None
    changed: dict[Question, Part] = {}
    for question, part in known.parts.items():
        held = _part_again(question, part, read, texts)
        if held.outline != part.outline:
            return None
        if held is not part:
            changed[question] = held
    now = known._replace(parts={**known.parts, **changed}) if changed else known
    return Found(_findings(now), known.files, {name: texts[name] for name in known.texts}), now


def _findings(known: Known) -> tuple[Diagnostic, ...]:
    every = dict.fromkeys(known.of_whole)
    for (_, _, shown, slug), part in known.parts.items():
        if part.found and (shown, slug) in known.kept:
            every.update(dict.fromkeys(part.found))
    return in_order(every)


def _read_again(question: Question, read: Reader, texts: dict[str, str]) -> str:
    _, path, shown = question
    own = Findings()
    source = read(Path(path), shown, own)
    texts[shown] = source.text if source else ""
    return disk.digest(disk.of_reading(source, own))


def _part_again(question: Question, part: Part, read: Reader, texts: dict[str, str]) -> Part:
    """The same part where the file holds the same bytes. What follows from those is known, decoding included."""
    _, path, shown, slug = question
    own = Findings()
    source = read(Path(path), shown, own)
    texts[shown] = source.text if source else ""
    if source is not None and source.sha256 and source.sha256 == part.sha256:
        return part
    from orgruntime.compiler.rolefile import part_of, role_in  # noqa: PLC0415  # most files have not changed

    # A memory of files keeps those that are asked for together: this one file is not all there is.
    with asking(None):
        return part_of(role_in(source, shown, slug, own))


class _Notes:
    """What is asked, while it is. `torn`: the same question had two answers."""

    def __init__(self) -> None:
        self.answers: dict[Question, str] = {}
        self.parts: dict[Question, Part] = {}
        self.kept: dict[tuple[str, str], None] = {}
        self.torn = False

    def __call__(self, question: Question, answer: object) -> None:
        if question[0] == "kept":
            self.kept[question[1], question[2]] = None
        elif question[0] == "role":
            assert isinstance(answer, Part), question
            self.torn |= self.parts.setdefault(question, answer) != answer
        else:
            digest = disk.digest(answer)
            self.torn |= self.answers.setdefault(question, digest) != digest
