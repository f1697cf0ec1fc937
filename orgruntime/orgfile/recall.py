"""Where what was made of a file before is asked for, so that an unchanged one is not read again.

Works on values that are functions of one `Source` alone. Knows neither roles nor how a memory keeps them. Invariant:
with a memory and without one, the same value is made and the same is found.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Protocol, TypeVar

from orgruntime.diagnostics.diagnostic import Findings
from orgruntime.orgfile.source import Source

T = TypeVar("T")


class Remembers(Protocol):
    """A memory: gives what `make` would give, and its findings, perhaps without calling it."""

    def recall(self, key: str, source: Source, findings: Findings, make: Callable[[Findings], T]) -> T: ...


_CURRENT: ContextVar[Remembers | None] = ContextVar("memory", default=None)


def recall(kind: str, source: Source, findings: Findings, make: Callable[[Findings], T]) -> T:
    """`make(findings)`, or what it gave and found before for the same file. `kind` names what it makes of the file.

    A memory is no part of what is compiled, so it is not handed through: `asking` sets it for a while.
    """
    memory = _CURRENT.get()
    if memory is None or not source.sha256:
        return make(findings)
    return memory.recall("\0".join((kind, source.sha256, source.file)), source, findings, make)


@contextmanager
def asking(memory: Remembers | None) -> Iterator[None]:
    """Inside, `recall` asks this memory, or none."""
    token = _CURRENT.set(memory)
    try:
        yield
    finally:
        _CURRENT.reset(token)
