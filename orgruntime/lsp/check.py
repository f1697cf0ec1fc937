"""The findings of an org or a loose role file, over what the editor has open. Knows the compiler, not the protocol.

Invariant: every finding is given under the file that it is shown in, and every file that was read is named, so that the
caller knows what to clear and what to compile again.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from orgruntime.api.checking import RULES
from orgruntime.api.errors import UserError
from orgruntime.api.rechecking import Remembered, look, remembering
from orgruntime.api.settings import Asked, Judge, Settings
from orgruntime.compiler import compile_org
from orgruntime.compiler.compile import PROGRAM
from orgruntime.compiler.rolefile import keep_found, read_role, report_empty, slug_of
from orgruntime.diagnostics.diagnostic import Diagnostic, Findings, in_order
from orgruntime.model.manifest import RoleKind
from orgruntime.orgfile.memory import Memory
from orgruntime.orgfile.source import Reader, Source


@dataclass(frozen=True)
class Found:
    """Findings by file, as the settings beside them judge; texts of the files that were read. `fault`: why the settings
    cannot be read, and judge nothing."""

    diagnostics: Mapping[Path, tuple[Diagnostic, ...]]
    texts: Mapping[Path, str]
    fault: str = ""

    def of(self, path: Path) -> tuple[object, ...]:
        """All that is shown of one file."""
        return self.diagnostics.get(path), self.texts.get(path)


class UnitMemory:
    """What was found in a unit and made of its files the last time."""

    def __init__(self) -> None:
        self._files = Memory(as_bytes=False)
        self._found: dict[str, Remembered] = {}

    @contextmanager
    def in_use(self) -> Iterator[None]:
        with self._files.in_use(), remembering(self):
            yield

    def get(self, path: str) -> Remembered | None:
        return self._found.get(path)

    def put(self, path: str, remembered: Remembered) -> None:
        self._found[path] = remembered


def check_remembering(unit: Path, read: Reader, memory: UnitMemory) -> Found:
    """As `check_unit`, with the memory of the last time, which becomes that of this time."""
    with memory.in_use():
        return check_unit(unit, read)


def check_unit(unit: Path, read: Reader) -> Found:
    """`unit`: the folder of an org, or a role file that belongs to none. Raises nothing for what files hold.

    Nothing is said of a program that was never saved: its folder is no org yet, and its author knows.
    """
    texts: dict[Path, str] = {}

    def remember(path: Path, shown: str, findings: Findings) -> Source | None:
        source = read(path, shown, findings)
        texts[_path(shown)] = source.text if source else ""
        return source

    if unit.suffix == ".md":
        findings, home = _loose(unit, remember), unit
    else:
        home = unit / PROGRAM
        findings = _org(unit, remember) if os.path.lexists(home) else ()
    found: dict[Path, list[Diagnostic]] = {path: [] for path in (home, *texts)}
    judge, fault = _judge(home)
    for one in filter(None, map(judge, findings)):
        path = _path(one.span.file)
        found[path if path in found else home].append(one)
    return Found({path: tuple(ones) for path, ones in found.items()}, texts, fault)


def _org(unit: Path, read: Reader) -> tuple[Diagnostic, ...]:
    return look(unit, lambda once: compile_org(unit, once, seal=False), lambda _: (), read).diagnostics


@lru_cache(maxsize=4096)
def _path(shown: str) -> Path:
    """The same object again: to make one and to hash it takes as long as to read a small file."""
    return Path(shown)


def _judge(home: Path) -> tuple[Judge, str]:
    """What `.orgrun.toml` makes of a finding, as for `check`; all of them stay where it cannot be read."""
    try:
        return Settings(Asked(), RULES).judge(home), ""
    except UserError as error:
        return (lambda found: found), str(error)


def _loose(path: Path, read: Reader) -> tuple[Diagnostic, ...]:
    """A role of no org. Without front matter it may as well be a document, so nothing is said of it."""
    findings = Findings()
    role = read_role(path, path.as_posix(), slug_of(path.name), read)
    keep_found(role, findings)
    if not role.has_front_matter and not role.broken:
        return ()
    if role.kind in (None, RoleKind.AGENT):
        report_empty(role, findings)
    return in_order(findings)
