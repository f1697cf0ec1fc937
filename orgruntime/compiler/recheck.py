"""What was found in an org the last time, and what of it still holds: the org is compiled again only where it may not.

A compilation is a function of what it asks of the disk, of the files that it reads whole, and of the outlines of role
files; what is found in the words of one role file is a function of that file, and what is said of its wishes for tools
and models, and whether its other hints are quiet, is one of that file, of its role's `Standing` and of the program's
`Terms`. `Notes` are taken of all of it while an org is compiled. Knows no rule. Invariant: where `recheck` answers, a
compilation of now would find exactly the same; where it cannot know that, it gives None.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from orgruntime.compiler.filereport import FileReport, Part, Terms, Wished
from orgruntime.diagnostics.diagnostic import Diagnostic, Findings, in_order
from orgruntime.orgfile import disk
from orgruntime.orgfile.disk import Question
from orgruntime.orgfile.recall import asking
from orgruntime.orgfile.source import Reader

if TYPE_CHECKING:
    from orgruntime.compiler.compile import Compilation
    from orgruntime.compiler.rolefile import RoleFile


class Known(NamedTuple):
    """What a compilation rested on, and what it found."""

    answers: Mapping[Question, str]
    """Each question with the digest of its answer."""
    parts: Mapping[Question, Part]
    kept: frozenset[tuple[str, str]]
    """Path and slug of the role files whose own findings are told."""
    terms: Terms | None
    """None where no wish is judged: the program cannot be bound, or there is none."""
    wished: Mapping[tuple[str, str], Wished]
    """By path and slug of the files of roles that have work."""
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
        notes.answers, notes.parts, frozenset(notes.kept), notes.terms, notes.wished, made.of_whole, made.files,
        tuple(made.texts),
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
    now = _with_parts_of_now(known, read, texts)
    if now is None:
        return None
    return Found(_findings(now), known.files, {name: texts[name] for name in known.texts}), now


def _with_parts_of_now(known: Known, read: Reader, texts: dict[str, str]) -> Known | None:
    """None where a role file is another one for others, or for the org as a whole."""
    parts: dict[Question, Part] = {}
    wished: dict[tuple[str, str], Wished] = {}
    for question, part in known.parts.items():
        changed = _changed(question, part, read, texts)
        if changed is None:
            continue
        from orgruntime.compiler.wishes import judge_wishes  # noqa: PLC0415  # most of the time no file has changed

        file, parts[question] = changed
        held = parts[question]
        if _is_seen(part, held, known.terms):
            return None
        own = (file.shown, file.slug)
        if known.terms is not None and own in known.wished:
            before = known.wished[own]
            wished[own] = now = judge_wishes(file, before.standing, known.terms)
            are_loud = part.hints != held.hints and not (before.is_quiet and now.is_quiet)
            if are_loud or now.model != before.model:
                return None
        elif (part.models, part.leading) != (held.models, held.leading):
            # Of a role that has no work, and in a folder of role files, something is said of the models.
            return None
    if not parts:
        return known
    now_known = known._replace(parts={**known.parts, **parts}, wished={**known.wished, **wished})
    return None if any(map(partial(_are_taken, wished), (known, now_known))) else now_known


def _are_taken(changed: Iterable[tuple[str, str]], known: Known) -> bool:
    """Whether what one of these files says that its role was called, another role is called, or says so too."""
    names = {name for own in changed for name in known.wished[own].former}
    if not names or known.terms is None:
        return False
    often = Counter(name for wished in known.wished.values() for name in set(wished.former))
    return not names.isdisjoint(known.terms.slugs) or any(often[name] > 1 for name in names)


def _is_seen(before: Part, now: Part, terms: Terms | None) -> bool:
    """Whether a file is another one for others too."""
    if before.outline != now.outline:
        return True
    if terms is None:
        return False
    tools_are_seen = bool(terms.servers or terms.tool_names)
    return (tools_are_seen and before.tools != now.tools) or (
        (terms.is_drawn or terms.are_called) and before.drawn != now.drawn
    )


def _findings(known: Known) -> tuple[Diagnostic, ...]:
    every = dict.fromkeys(known.of_whole)
    for (_, _, shown, slug), part in known.parts.items():
        if part.found and (shown, slug) in known.kept:
            every.update(dict.fromkeys(part.found))
    for wished in known.wished.values():
        every.update(dict.fromkeys(wished.found))
    return in_order(every)


def _read_again(question: Question, read: Reader, texts: dict[str, str]) -> str:
    _, path, shown = question
    own = Findings()
    source = read(disk.path_of(path), shown, own)
    texts[shown] = source.text if source else ""
    return disk.digest(disk.of_reading(source, own))


def _changed(question: Question, part: Part, read: Reader, texts: dict[str, str]) -> tuple[RoleFile, Part] | None:
    """None where the file holds the same bytes. What follows from those is known, decoding included."""
    _, path, shown, slug = question
    own = Findings()
    source = read(disk.path_of(path), shown, own)
    texts[shown] = source.text if source else ""
    if source is not None and source.sha256 and source.sha256 == part.sha256:
        return None
    from orgruntime.compiler.rolefile import role_in  # noqa: PLC0415  # most files have not changed

    # A memory of files keeps those that are asked for together: this one file is not all there is.
    with asking(None):
        return role_in(source, shown, slug, own)


class _Notes:
    """What is asked, while it is. `torn`: the same question had two answers."""

    def __init__(self) -> None:
        self.answers: dict[Question, str] = {}
        self.parts: dict[Question, Part] = {}
        self.kept: dict[tuple[str, str], None] = {}
        self.terms: Terms | None = None
        self.wished: dict[tuple[str, str], Wished] = {}
        self.torn = False

    def __call__(self, question: Question, answer: object) -> None:
        if question[0] == "kept":
            self.kept[question[1], question[2]] = None
        elif isinstance(answer, Terms):
            self.terms = answer
        elif isinstance(answer, Wished):
            self.wished[question[1], question[2]] = answer
        elif question[0] == "role":
            assert isinstance(answer, Part), question
            self.torn |= self.parts.setdefault(question, answer) != answer
        else:
            digest = disk.digest(answer)
            self.torn |= self.answers.setdefault(question, digest) != digest
