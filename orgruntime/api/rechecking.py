"""Look at a path as `check` does: what was found the last time where it still holds, else all anew.

Works on the findings of one path, and on the environment variables that its org needs. Invariant: with something known
and without, the same is found; what is kept on disk is words and numbers, which are read and never called.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from orgruntime.compiler.filereport import FileReport, Offer, Part, Standing, Terms, Wished
from orgruntime.compiler.recheck import Known, noting, recheck
from orgruntime.diagnostics.diagnostic import Diagnostic
from orgruntime.diagnostics.stored import from_plain
from orgruntime.orgfile.source import Reader, read_source, reading_once

if TYPE_CHECKING:
    from orgruntime.compiler import Compilation

Needs = tuple[tuple[str, Diagnostic], ...]
"""Environment variables, each with what is said where it is not set."""


class Looked(NamedTuple):
    """What was found below one path. `needs`: of an org without errors."""

    diagnostics: tuple[Diagnostic, ...]
    files: tuple[FileReport, ...]
    texts: Mapping[str, str]
    needs: Needs = ()


class Remembered(NamedTuple):
    """What is known of one path."""

    known: Known
    needs: Needs


class Remembers(Protocol):
    """Where what is known of paths is kept between two looks."""

    def get(self, path: str) -> Remembered | None: ...
    def put(self, path: str, remembered: Remembered) -> None: ...


_MEMORY: ContextVar[Remembers | None] = ContextVar("known", default=None)


@contextmanager
def remembering(memory: Remembers | None) -> Iterator[None]:
    """Inside, `look` asks this memory, and tells it."""
    token = _MEMORY.set(memory)
    try:
        yield
    finally:
        _MEMORY.reset(token)


def look(
    path: Path,
    make: Callable[[Reader], Compilation],
    needs_of: Callable[[Compilation], Needs],
    read: Reader = read_source,
) -> Looked:
    """What `make` compiles of a path with `read`, called only where what is known does not answer. What was read to see
    that it does not, is not read again."""
    memory = _MEMORY.get()
    if memory is None:
        made = make(read)
        return Looked(made.diagnostics, made.files, made.texts, needs_of(made))
    before = memory.get(str(path))
    read = reading_once(read) if before else read
    answer = recheck(before.known, read) if before else None
    if before and answer:
        found, known = answer
        if known is not before.known:
            memory.put(str(path), Remembered(known, before.needs))
        return Looked(found.diagnostics, found.files, found.texts, before.needs)
    made, noted = noting(lambda: make(read))
    needs = needs_of(made)
    if noted is not None:
        memory.put(str(path), Remembered(noted, needs))
    return Looked(made.diagnostics, made.files, made.texts, needs)


def as_bytes(all_known: Mapping[str, Remembered]) -> bytes:
    return json.dumps({path: _plain(one) for path, one in all_known.items()}, separators=(",", ":")).encode()


def from_bytes(content: bytes) -> dict[str, Remembered]:
    """Raises ValueError, TypeError or KeyError for bytes that `as_bytes` did not make."""
    return {path: _remembered(value) for path, value in json.loads(content).items()}


def _plain(one: Remembered) -> dict[str, Any]:
    known = one.known
    return {
        "answers": list(known.answers.items()),
        "parts": list(known.parts.items()),
        "kept": sorted(known.kept),
        "terms": known.terms,
        "wished": list(known.wished.items()),
        "of_whole": known.of_whole,
        "files": known.files,
        "texts": known.texts,
        "needs": one.needs,
    }


def _remembered(value: Any) -> Remembered:
    known = Known(
        answers={tuple(question): answer for question, answer in value["answers"]},
        parts={
            tuple(question): Part(sha256, outline, drawn, tools, models, hints, leading, tuple(map(from_plain, found)))
            for question, (sha256, outline, drawn, tools, models, hints, leading, found) in value["parts"]
        },
        kept=frozenset((path, slug) for path, slug in value["kept"]),
        terms=None if value["terms"] is None else _terms(value["terms"]),
        wished={
            (path, slug): Wished(_standing(*standing), model, is_quiet, tuple(former), tuple(map(from_plain, found)))
            for (path, slug), (standing, model, is_quiet, former, found) in value["wished"]
        },
        of_whole=tuple(map(from_plain, value["of_whole"])),
        files=tuple(FileReport(*file) for file in value["files"]),
        texts=tuple(value["texts"]),
    )
    return Remembered(known, tuple((variable, from_plain(found)) for variable, found in value["needs"]))


def _terms(value: list[Any]) -> Terms:
    told = Terms._make(value)
    return told._replace(
        grants=tuple(told.grants), servers=tuple(told.servers), offers=tuple(Offer(*one) for one in told.offers),
        radius=tuple(told.radius), tool_names=tuple((name, tool) for name, tool in told.tool_names),
        slugs=tuple(told.slugs),
    )  # fmt: skip


def _standing(
    kind: str, species: list[str], has_row: bool, row_has_models: bool, is_sure: bool, *graph: list[str]
) -> Standing:
    return Standing(kind, tuple(species), has_row, row_has_models, is_sure, *map(tuple, graph))
