"""`program.md` in its normal form: the workflow list and the diagram drawn from it, and not one byte else.

Invariant: a file is replaced whole or not at all, and only where its org compiles.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from difflib import unified_diff
from pathlib import Path

from orgruntime.api.errors import FINDINGS, UserError
from orgruntime.api.files import replace_file
from orgruntime.compiler.compile import PROGRAM, compile_org
from orgruntime.compiler.format import OpenDiagram, format_edits
from orgruntime.compiler.library import RoleLinks
from orgruntime.diagnostics.diagnostic import Findings, Severity
from orgruntime.diagnostics.render import full, printable
from orgruntime.orgfile.document import parse_document
from orgruntime.orgfile.edits import apply_edits
from orgruntime.orgfile.source import decode

CHANGED = "{} has changed meanwhile; try again"


@dataclass(frozen=True)
class Formatted:
    path: Path
    before: bytes
    after: bytes

    @property
    def is_changed(self) -> bool:
        return self.before != self.after

    def diff(self) -> str:
        """A unified diff; empty where nothing changes. Control characters are shown as code points."""
        before, after = (data.decode("utf-8-sig").splitlines() for data in (self.before, self.after))
        name = self.path.as_posix()
        made = unified_diff(before, after, name, f"{name} (formatted)", lineterm="")
        return "".join(f"{printable(line)}\n" for line in made)


def formatted(paths: Sequence[Path]) -> list[Formatted]:
    """The programs of the orgs as they should be. Raises UserError with the faults of an org that does not compile."""
    return [_formatted(path) for path in paths]


def write(changed: Formatted) -> None:
    """Replaces the program, where it still is what was formatted. Raises UserError."""
    try:
        if changed.path.read_bytes() != changed.before:
            raise UserError(CHANGED.format(changed.path))
        replace_file(changed.path, changed.after)
    except OSError as error:
        raise UserError(f"{changed.path} cannot be written: {error.strerror or error}") from error


def _formatted(path: Path) -> Formatted:
    compilation = compile_org(path)
    if compilation.manifest is None:
        faults = [one for one in compilation.diagnostics if one.severity is Severity.ERROR]
        shown = full(faults, compilation.texts).rstrip()
        raise UserError(f"{path} is not formatted before its errors are mended:\n\n{shown}", FINDINGS)
    org = path.parent if path.name == PROGRAM and not path.is_dir() else path
    program = org / PROGRAM
    try:
        before = program.read_bytes()
    except OSError as error:
        raise UserError(f"{program} cannot be read: {error.strerror or error}") from error
    source = decode(before, program.as_posix(), Findings())
    if source is None or source.sha256 != compilation.manifest.sources[0].sha256:
        raise UserError(CHANGED.format(program))
    try:
        edits = format_edits(parse_document(source, Findings()), compilation.manifest, RoleLinks(org, org.as_posix()))
    except OpenDiagram as error:
        message = f"{program}:{error.line}: the diagram has no end; write a line `<!-- /orgrun:graph -->` below it"
        raise UserError(message, FINDINGS) from error
    return Formatted(program, before, apply_edits(before, edits))
