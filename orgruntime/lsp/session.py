"""What one editor has open, and which org each file belongs to. Reads the disk through one guarded door.

Knows paths and texts, nothing of the protocol's messages. Invariants: a file's text is the editor's wherever the editor
has it open; a file that is not open is read only below the folders that the editor opened, the org of an open file, or
the shared library of roles, symbolic links followed.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from orgruntime.compiler.compile import PROGRAM
from orgruntime.compiler.library import library_root
from orgruntime.diagnostics.diagnostic import Findings
from orgruntime.diagnostics.span import Span
from orgruntime.lsp.buffer import Buffer
from orgruntime.lsp.program import ProgramView
from orgruntime.orgfile.reading_rules import unreadable_file
from orgruntime.orgfile.source import Reader, Source, decode, read_source

_ROLE_FOLDERS = ("roles", "agents")
"""Markdown elsewhere that belongs to no org is taken for a document: editors attach to every markdown file."""
_SKIPPED = ("node_modules", "__pycache__", "venv", "site-packages")
_DEEPEST, _MOST_FOLDERS = 5, 2000
"""How far programs are looked for below an opened folder: a monorepo's `team/research/orgs/lab`, within 0.1 s."""


@dataclass
class Session:
    """`buffers` by normal path, `uris` as the client spells them."""

    encoding: str = "utf-16"
    folders: tuple[Path, ...] = ()
    buffers: dict[Path, Buffer] = field(default_factory=dict)
    uris: dict[Path, str] = field(default_factory=dict)

    def open(self, path: Path, uri: str, text: str, version: int | None) -> None:
        self.buffers[path] = Buffer(path, text, self.encoding, version)
        self.uris[path] = uri

    def close(self, path: Path) -> None:
        self.buffers.pop(path, None)

    def uri(self, path: Path) -> str:
        return self.uris.get(path) or path.as_uri()

    def org_of(self, path: Path) -> Path | None:
        """The folder of the org that a program or a file below its `roles/` belongs to."""
        if path.suffix != ".md":
            return None
        if path.name == PROGRAM:
            return path.parent
        for parent in path.parents:
            if parent.name == "roles" and self._is_there(parent.parent / PROGRAM):
                return parent.parent
        return None

    def unit_of(self, path: Path) -> Path | None:
        """What is compiled for a file: its org, or the file itself where it is a role of no org; None for documents."""
        org = self.org_of(path)
        if org is not None or path.suffix != ".md":
            return org
        is_role = path.name.endswith(".agent.md") or any(one.name in _ROLE_FOLDERS for one in path.parents)
        return path if is_role else None

    def reader(self, org: Path) -> Reader:
        """Reads for one org; a snapshot of what is open now, so that it can be used in another thread."""
        roots = [*self.folders, org, *filter(None, [library_root(org)])]
        return _Reader(dict(self.buffers), tuple(root.resolve() for root in roots))

    def buffer(self, path: Path) -> Buffer | None:
        """The text of a file, from the editor or from disk."""
        if path in self.buffers:
            return self.buffers[path]
        org = self.org_of(path) or path.parent
        source = self.reader(org)(path, path.as_posix(), Findings())
        return Buffer(path, source.text, self.encoding) if source else None

    def view(self, path: Path) -> ProgramView | None:
        """The program that a file belongs to."""
        org = self.org_of(path)
        buffer = self.buffer(org / PROGRAM) if org else None
        return self.as_program(buffer) if buffer else None

    def as_program(self, buffer: Buffer) -> ProgramView:
        return ProgramView(buffer, self.reader(buffer.path.parent))

    def views(self) -> Iterator[ProgramView]:
        """Every program that is open, or lies below the opened folders."""
        orgs = {org: None for path in self.buffers if (org := self.org_of(path))}
        for folder in self.folders:
            orgs.update(dict.fromkeys(_orgs_below(folder)))
        for org in orgs:
            if view := self.view(org / PROGRAM):
                yield view

    def _is_there(self, path: Path) -> bool:
        try:
            return path in self.buffers or path.is_file()
        except (OSError, ValueError):
            return False


@dataclass(frozen=True)
class _Reader:
    buffers: Mapping[Path, Buffer]
    roots: tuple[Path, ...]
    _folders: dict[str, bool] = field(default_factory=dict, compare=False)
    """Folders that were asked for, and whether their files may be read."""

    @cached_property
    def _open(self) -> dict[str, Buffer]:
        """By name: a large org's thousand files are looked up at each key."""
        return {str(path): buffer for path, buffer in self.buffers.items()}

    def __call__(self, path: Path, shown: str, findings: Findings) -> Source | None:
        buffer = self._open.get(os.path.abspath(path))
        if buffer is not None and not buffer.is_too_big:
            return decode(buffer.data, shown, findings)
        if buffer is not None:
            findings.put(Span(shown), unreadable_file.too_large(shown))
            return None
        if not self._may_read(path):
            findings.put(Span(shown), unreadable_file.leads_out(shown))
            return None
        return read_source(path, shown, findings)

    def _may_read(self, path: Path) -> bool:
        """Folders are followed once: a thousand files of one folder differ in their last name alone."""
        try:
            if os.path.islink(path):
                return self._is_below(path.resolve())
            folder = os.path.dirname(path)
            if folder not in self._folders:
                self._folders[folder] = self._is_below(Path(folder).resolve())
            return self._folders[folder]
        except (OSError, ValueError, RuntimeError):
            return False

    def _is_below(self, real: Path) -> bool:
        return any(real.is_relative_to(root) for root in self.roots)


def _orgs_below(folder: Path) -> Iterable[Path]:
    """Folders with a program, hidden ones and installed packages left out."""
    for seen, (parent, names, files) in enumerate(os.walk(folder), 1):
        depth = len(Path(parent).relative_to(folder).parts)
        keep = seen < _MOST_FOLDERS and depth < _DEEPEST
        names[:] = sorted(one for one in names if not one.startswith(".") and one not in _SKIPPED) if keep else []
        if PROGRAM in files:
            yield Path(parent)
