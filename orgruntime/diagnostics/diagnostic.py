"""A fault in a file, as a value: collected, never raised.

Knows nothing of markdown or roles. Invariant: a diagnostic names its code, its place and its fault in one
sentence that reads without the excerpt; `help` says what to write instead.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from enum import StrEnum
from typing import NamedTuple

from orgruntime.diagnostics.fixes import Edit, Fix
from orgruntime.diagnostics.span import Span

_LONGEST = 600
"""Characters of a message or a remedy."""


class Severity(StrEnum):
    ERROR = "error"
    WARNING = "warning"
    INFO = "info"


class Code(NamedTuple):
    """A rule: `id` is never reused, `name` is for reading."""

    id: str
    name: str
    severity: Severity


class Diagnostic(NamedTuple):
    code: str
    name: str
    severity: Severity
    span: Span
    message: str
    help: str = ""
    notes: tuple[str, ...] = ()
    fix: Fix | None = None
    """What `orgrun fix` would do about it."""


class Fault(NamedTuple):
    """What a rule has to say of a fault, before a reader says where. `instead`: what should stand at that place."""

    code: Code
    message: str
    help: str = ""
    fix: Fix | None = None
    instead: str = ""


class Findings:
    """Collects the diagnostics of one compilation."""

    def __init__(self) -> None:
        self._all: dict[Diagnostic, bool] = {}
        """Each with whether more than one file's own words say it."""

    def __iter__(self) -> Iterator[Diagnostic]:
        return iter(self._all)

    @property
    def has_errors(self) -> bool:
        return any(found.severity is Severity.ERROR for found in self._all)

    def add(
        self, code: Code, span: Span, message: str, help: str = "", notes: tuple[str, ...] = (), fix: Fix | None = None
    ) -> None:
        """Adds one finding; an equal one is kept once."""
        found = Diagnostic(code.id, code.name, code.severity, span, _short(message), _short(help), notes, fix)
        self.keep(found)

    def put(self, span: Span, fault: Fault) -> None:
        """Adds a fault at its place. What should stand there instead is offered as a fix that is not safe."""
        fix = fault.fix
        if fix is None and fault.instead:
            fix = Fix(f"write `{fault.instead}`", (Edit(span, fault.instead),), is_safe=False)
        self.add(fault.code, span, fault.message, fault.help, fix=fix)

    def keep(self, found: Diagnostic, *, of_file: bool = False) -> None:
        """`of_file`: it follows from the words of one file, whatever else there is."""
        self._all[found] = self._all.get(found, False) or not of_file

    def of_whole(self) -> tuple[Diagnostic, ...]:
        """Those that were not found in the words of one file alone."""
        return tuple(found for found, is_of_whole in self._all.items() if is_of_whole)

    def sorted(self) -> tuple[Diagnostic, ...]:
        return in_order(self._all)


def _short(text: str) -> str:
    """A sentence that quotes a value of any length, in a length that is read."""
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST // 2]} … {text[-_LONGEST // 2 :]}"


def in_order(diagnostics: Iterable[Diagnostic]) -> tuple[Diagnostic, ...]:
    """One order for all outputs: by file, place, code, message."""
    return tuple(sorted(diagnostics, key=lambda found: (found.span, found.code, found.message, found.help)))
