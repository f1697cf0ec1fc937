"""Keeps the editor's list of findings true while files change: what to compile, when, and what to publish.

Works on one event loop; compiles in worker threads over snapshots. Invariants: a change waits for a pause and at most
one other compilation, however fast the typing; a file whose findings are gone is told so; what fails is said on
stderr and tried again at the next change.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from lsprotocol import types

from orgruntime.diagnostics.diagnostic import Diagnostic, Severity
from orgruntime.diagnostics.render import printable
from orgruntime.lsp.buffer import Buffer
from orgruntime.lsp.check import Found, UnitMemory, check_remembering
from orgruntime.lsp.session import Session

PAUSE_S = 0.03
"""Fast typists leave 60 ms between keys; compiling a shipped org takes 10 ms of CPU, and the answer may take 100."""

_SEVERITIES = {
    Severity.ERROR: types.DiagnosticSeverity.Error,
    Severity.WARNING: types.DiagnosticSeverity.Warning,
    Severity.INFO: types.DiagnosticSeverity.Information,
}
_PAGES = "https://github.com/orgruntime/orgruntime/blob/main/orgruntime/compiler/pages"

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Shown:
    """A finding as the editor shows it."""

    where: types.Range
    finding: Diagnostic


def as_diagnostic(one: Shown) -> types.Diagnostic:
    """A finding in the words of the protocol."""
    found = one.finding
    words = [found.message, f"help: {found.help}" if found.help else "", *(f"note: {note}" for note in found.notes)]
    return types.Diagnostic(
        range=one.where,
        message="\n".join(printable(word) for word in words if word),
        severity=_SEVERITIES[found.severity],
        code=found.code,
        code_description=types.CodeDescription(f"{_PAGES}/{found.code}.md"),
        source="orgrun",
    )


@dataclass
class Checker:
    session: Session
    publish: Callable[[types.PublishDiagnosticsParams], None]
    tell: Callable[[str], None]
    """Says a sentence to whoever sits at the editor."""
    _found: dict[Path, Found] = field(default_factory=dict)
    _held: dict[Path, dict[Path, Buffer]] = field(default_factory=dict)
    """What the editor had open when each unit was compiled last: what its findings are true of."""
    _shown: dict[Path, tuple[Shown, ...]] = field(default_factory=dict)
    """What the editor was told last."""
    _memories: dict[Path, UnitMemory] = field(default_factory=dict)
    """What was made of the files of each unit the last time."""
    _stale: set[Path] = field(default_factory=set)
    _tasks: dict[Path, asyncio.Task[None]] = field(default_factory=dict)

    def touch(self, path: Path) -> None:
        """A file has changed, in the editor or on disk: everything that read it, or could, is compiled again."""
        units = {unit for unit, found in self._found.items() if path in found.diagnostics}
        if (own := self.session.unit_of(path)) is not None:
            units.add(own)
        for unit in units:
            if self._is_wanted(unit):
                self._mark(unit)
            else:
                self._drop(unit)

    def touch_all(self) -> None:
        """Anything may have changed."""
        for path in list(self.session.buffers):
            self.touch(path)

    def at(self, path: Path, position: types.Position) -> Shown | None:
        """The finding shown at a place; the narrowest where there are several."""
        here = self.within(path, types.Range(position, position))
        return min(here, key=lambda one: _extent(one.where), default=None)

    def within(self, path: Path, where: types.Range) -> list[Shown]:
        """The findings shown that touch a range."""
        shown = self._shown.get(path, ())
        return [one for one in shown if one.where.start <= where.end and where.start <= one.where.end]

    def _is_wanted(self, unit: Path) -> bool:
        """Whether the editor has a file of the unit open."""
        read = self._found[unit].diagnostics if unit in self._found else {}
        return any(path in read or self.session.unit_of(path) == unit for path in self.session.buffers)

    def _mark(self, unit: Path) -> None:
        self._stale.add(unit)
        if unit not in self._tasks:
            self._tasks[unit] = asyncio.get_running_loop().create_task(self._work(unit))

    def _drop(self, unit: Path) -> None:
        self._stale.discard(unit)
        self._show(unit, Found({}, {}))
        self._found.pop(unit, None)
        self._held.pop(unit, None)
        self._memories.pop(unit, None)

    async def _work(self, unit: Path) -> None:
        try:
            while unit in self._stale:
                await asyncio.sleep(PAUSE_S)
                self._stale.discard(unit)
                reader, held = self.session.reader(unit), dict(self.session.buffers)
                memory = self._memories.setdefault(unit, UnitMemory())
                found = await asyncio.to_thread(check_remembering, unit, reader, memory)
                if self._is_wanted(unit):
                    self._held[unit] = held
                    self._show(unit, found)
        except Exception as error:
            logger.error("cannot check %s: %s: %s", unit, type(error).__name__, error)
        finally:
            del self._tasks[unit]

    def _show(self, unit: Path, found: Found) -> None:
        """Publishes each file of the unit whose findings may have changed, those of before included."""
        before = self._found.get(unit, Found({}, {}))
        self._found[unit] = found
        if found.fault and found.fault != before.fault:
            self.tell(f"{found.fault}; all findings are shown")
        for path in {**before.diagnostics, **found.diagnostics}:
            if path in self.session.buffers or before.of(path) != found.of(path):
                self._publish(path)

    def _publish(self, path: Path) -> None:
        """All findings of a file; of one that several orgs read, each once."""
        findings = {one: None for found in self._found.values() for one in found.diagnostics.get(path, ())}
        buffer = self._judged(path)
        shown = tuple(Shown(buffer.of_span(one.span), one) for one in findings)
        if shown == self._shown.get(path, ()) and path not in self.session.buffers:
            return
        self._shown[path] = shown
        items = [as_diagnostic(one) for one in shown]
        self.publish(types.PublishDiagnosticsParams(self.session.uri(path), items, buffer.version))

    def _judged(self, path: Path) -> Buffer:
        """The file as the findings know it: of what several orgs have read, the oldest."""
        units = [unit for unit, found in self._found.items() if path in found.diagnostics]
        held = [self._held[unit][path] for unit in units if path in self._held.get(unit, {})]
        if held:
            return min(held, key=lambda buffer: buffer.version or 0)
        texts = [found.texts[path] for found in self._found.values() if path in found.texts]
        return self.session.buffers.get(path) or Buffer(path, texts[0] if texts else "", self.session.encoding)


def _extent(where: types.Range) -> tuple[int, int]:
    return where.end.line - where.start.line, where.end.character - where.start.character
