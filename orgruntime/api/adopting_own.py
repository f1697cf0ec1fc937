"""Adopt the hints of an org's own role files: the handoffs that its workflow lacks become lines of it.

Runs nothing. Invariant: the program gets lines at the end of its list and keeps every other byte; a line never brings
an error with it; a hint without a line is reported with the reason and the nearest role.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from orgruntime.api.errors import FINDINGS, UserError
from orgruntime.api.formatting import CHANGED, Formatted, write
from orgruntime.compiler.compile import PROGRAM, Compilation, compile_org
from orgruntime.diagnostics.diagnostic import Diagnostic, Findings, Severity
from orgruntime.diagnostics.render import full
from orgruntime.importer.adopt import Drafted, LeftOut
from orgruntime.importer.kinds import Kind
from orgruntime.importer.own_org import OwnOrg, lines_for, read_own
from orgruntime.orgfile.edits import apply_edits
from orgruntime.orgfile.source import Reader, Source, decode, read_source

_MENDED = "unreachable-role"
"""What is no reason to refuse an org: hints may lead to the role."""
_DEFAULT = "default-added"
_MOST_TRIED = 200
"""Handoffs for which a line is looked for: each costs a compilation or more."""


@dataclass(frozen=True)
class OwnImport:
    """`added`: each handoff with its line. `is_written`: the lines stand in the program."""

    program: Path
    own: OwnOrg
    added: tuple[tuple[Drafted, str], ...]
    left_out: tuple[LeftOut, ...]
    is_written: bool

    @property
    def is_settled(self) -> bool:
        return not self.is_written or not self._lost

    @property
    def _lost(self) -> list[LeftOut]:
        return [one for one in self.left_out if not one.is_covered]

    def as_json(self) -> dict[str, Any]:
        return {
            "kind": Kind.ORG.value,
            "source": str(self.program),
            "into": str(self.program) if self.is_written and self.added else None,
            "hints": self.own.hints,
            "handoffs": [{**one.as_json(), "line": line} for one, line in self.added],
            "left_out": [one.as_json() for one in self.left_out],
        }

    def lines(self) -> list[str]:
        if not self.own.hints:
            return [f"{self.program}: its roles hint at no handoffs, so there is nothing to add"]
        covered, lost = [one for one in self.left_out if one.is_covered], self._lost
        verb = "added to" if self.is_written else "missing in"
        said = [f"{self.program}: its roles hint {self.own.hints} times at handoffs; {len(covered)} need none"]
        said += [f"Handoffs {verb} `## Workflow`: {len(self.added)}"]
        for one, line in self.added:
            first = one.hints[0]
            said += [f"  {line}   {first.place} ({first.origin})"]
        said += [f"Hints left out: {len(lost)}"] if lost else []
        for left in lost:
            near = f"; the nearest is `{left.nearest}`" if left.nearest else ""
            said.append(f"  {left.hint.place} ({left.hint.origin}) `{left.hint.name}`: {left.why}{near}")
        if not self.added:
            return said
        if self.is_written:
            return [*said, "next: `orgrun fmt` draws the diagram again; read the new lines before you run the org"]
        return [*said, "nothing was written; `--adopt` adds the handoffs"]


def import_own(path: Path, *, adopt: bool) -> OwnImport:
    """What the roles of the org at `path` hint at. Raises UserError for an org that names no role, and for one with
    errors other than that no handoff leads to a role: that is what hints may mend."""
    org = path.parent if path.name == PROGRAM and not path.is_dir() else path
    program, shown = org / PROGRAM, (org / PROGRAM).as_posix()
    compilation = compile_org(org, seal=False)
    if faults := [one for one in _errors(compilation) if one.name != _MENDED]:
        listed = full(faults, compilation.texts).rstrip()
        raise UserError(f"{path} has errors, which are mended before its hints are read:\n\n{listed}", FINDINGS)
    before = program.read_bytes()
    source = decode(before, shown, Findings())
    if source is None or source.text != compilation.texts[shown]:
        raise UserError(CHANGED.format(program))
    own = read_own(org, source)
    if not own.links:
        raise UserError(f"{program} links to no role; list the roles of the org below `## Roles` first")
    added, refused = _Lines(org, before, own, compilation).found()
    if adopt and added:
        write(Formatted(program, before, apply_edits(before, [own.edit([line for _, line in added])])))
    return OwnImport(program, own, added, (*own.found.left_out, *refused), adopt)


def _errors(compilation: Compilation) -> list[Diagnostic]:
    return [one for one in compilation.diagnostics if one.severity is Severity.ERROR]


def _built_in(compilation: Compilation) -> list[str]:
    """The handoffs that no line makes, in words: proposals before what follows from them."""
    said = (one.message.partition(" makes is added: ")[2] for one in compilation.diagnostics if one.name == _DEFAULT)
    return sorted(filter(None, said), key=lambda words: "`proposal`" not in words)


class _Lines:
    """Looks for a line a handoff that brings no error. `as_is`: the org without any of them."""

    def __init__(self, org: Path, before: bytes, own: OwnOrg, as_is: Compilation) -> None:
        self._org, self._before, self._own = org, before, own
        self._known = {one.message for one in _errors(as_is)}
        self._built_in = _built_in(as_is)

    def found(self) -> tuple[tuple[tuple[Drafted, str], ...], tuple[LeftOut, ...]]:
        """The handoffs with their lines, and the hints of those for which there is none."""
        added: list[tuple[Drafted, str]] = []
        left: list[LeftOut] = []
        for number, one in enumerate(self._own.found.handoffs):
            line, why = self._line(one, added) if number < _MOST_TRIED else ("", "too many")
            if line:
                added.append((one, line))
            else:
                left += [LeftOut(hint, why) for hint in one.hints]
        return tuple(added), tuple(left)

    def _line(self, one: Drafted, added: Sequence[tuple[Drafted, str]]) -> tuple[str, str]:
        """The line, or why none of those that were tried is taken."""
        why = ""
        taken = set(self._own.hands.get(one.source, ()))
        taken |= {line.split(": `")[-1].split("`")[0] for other, line in added if other.source == one.source}
        for line in lines_for(one, self._own, taken):
            made = self._compiled([*(other for _, other in added), line])
            fault = next((found for found in _errors(made) if found.message not in self._known), None)
            if fault is None:
                return line, ""
            why = why or self._refusal(made, fault)
        return "", why

    def _refusal(self, made: Compilation, fault: Diagnostic) -> str:
        gone = [one for one in self._built_in if one not in _built_in(made)]
        if fault.name != _MENDED or not gone:
            return f"the workflow does not take it: {fault.message}"
        return (
            f"it would end a built-in handoff, {gone[0]}, which a role has that hands nothing on itself, and then "
            f"{fault.message}; write that one as a line of `## Workflow`, then adopt again (a built-in role is linked "
            "once it has a file and a row in `## Roles`)"
        )

    def _compiled(self, lines: Sequence[str]) -> Compilation:
        after = apply_edits(self._before, [self._own.edit(lines)])
        program = self._org / PROGRAM

        def read(path: Path, shown: str, findings: Findings) -> Source | None:
            return decode(after, shown, findings) if path == program else read_source(path, shown, findings)

        reader: Reader = read
        return compile_org(self._org, reader, seal=False)
