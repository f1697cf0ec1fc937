"""What a foreign organization becomes: the draft is compiled with stand-in answers, and each role is compared.

Knows the compiler and nothing of runs. Invariant: what is called effective was read off a manifest, not foretold.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from orgruntime.compiler import Compilation, compile_org
from orgruntime.diagnostics.diagnostic import Diagnostic, Severity
from orgruntime.importer.adopt import Adopted
from orgruntime.importer.draft import Question, questions
from orgruntime.importer.foreign import Declared, Fate, Foreign
from orgruntime.model.ids import RoleSlug
from orgruntime.model.manifest import Manifest, Role, RoleKind

PROBE_FOLDER = "stand-in-workspace"
PROBE_FILE = f"{PROBE_FOLDER}/work.py"
PROBE_ANSWERS = {
    "objective": ("objective: {metric: stand_in, direction: minimize}",),
    "workspace": (
        f"workspace: {{source: {PROBE_FOLDER}, editable: [work.py], run: 'python work.py --seed {{seed}}'}}",
    ),
    "budget": ("budget: {trials: 1000, wall_clock: 8h}",),
}
"""Answers that let the draft compile. None of them reaches a role."""


@dataclass(frozen=True)
class Effective:
    """What a role has in the compiled org."""

    model: tuple[str, ...]
    tools: tuple[str, ...]
    kind: str
    handoffs: tuple[str, ...]
    resources: str

    def as_json(self) -> dict[str, Any]:
        return {
            "model": list(self.model), "tools": list(self.tools), "kind": self.kind, "handoffs": list(self.handoffs),
            "resources": self.resources,
        }  # fmt: skip


@dataclass(frozen=True)
class Row:
    """One role, before and after. `hints`: how many places speak of its handoffs. None: the draft does not compile."""

    slug: str
    name: str
    path: str
    stored: str
    declared: Declared
    hints: int
    effective: Effective | None


@dataclass(frozen=True)
class ForeignReport:
    """All that `orgrun import` found. `into`: the org that was written, if one was."""

    kind: str
    foreign: Foreign
    adopted: Adopted
    rows: tuple[Row, ...]
    questions: tuple[Question, ...]
    faults: tuple[Diagnostic, ...]
    """Errors of the draft that no answer mends."""
    into: Path | None = None
    files: tuple[str, ...] = ()
    """What was written, relative to `into`."""

    @property
    def is_settled(self) -> bool:
        """Whether every role could be taken over, and nothing that was written waits for an answer."""
        return self.into is None and not self.faults and not self.foreign.count(Fate.REFUSED)

    def as_json(self) -> dict[str, Any]:
        fates = {str(fate): self.foreign.count(fate) for fate in Fate}
        used = sum(len(one.hints) for one in self.adopted.handoffs)
        return {
            "kind": self.kind,
            "source": str(self.foreign.root),
            "into": str(self.into) if self.into else None,
            "files": list(self.files),
            "title": self.foreign.title,
            "looked_in": list(self.foreign.looked_in),
            "counts": {
                "found": len(self.foreign.files), **fates, "hints": len(self.foreign.hints), "adopted": used,
                "left_out": len(self.adopted.left_out),
                "covered": len(self.adopted.left_out) - len(self.adopted.lost), "handoffs": len(self.adopted.handoffs),
            },
            "roles": [_row_json(row) for row in self.rows],
            "handoffs": [one.as_json() for one in self.adopted.handoffs],
            "left_out": [one.as_json() for one in self.adopted.left_out],
            "questions": [one.as_json() for one in self.questions],
            "notices": [one.as_json() for one in self.foreign.notices],
            "remarks": [_found_json(one) for one in self.foreign.remarks],
            "faults": [_found_json(one) for one in self.faults],
            "found": [one.as_json() for one in self.foreign.files],
        }  # fmt: skip


def compared(kind: str, foreign: Foreign, adopted: Adopted, probe: Path) -> ForeignReport:
    """The report, with what each role has in the org in `probe`: the draft with PROBE_ANSWERS."""
    compilation = compile_org(probe)
    manifest = compilation.manifest
    said = Counter(hint.role for hint in foreign.hints)
    rows = tuple(
        Row(
            role.slug, role.name, role.path, role.stored, role.declared,
            said[role.slug], _effective(manifest, role.slug),
        )
        for role in foreign.roles
    )  # fmt: skip
    return ForeignReport(kind, foreign, adopted, rows, questions(foreign), _faults(compilation, probe))


def role_faults(report: ForeignReport) -> dict[str, str]:
    """Slug → the first error of its file, where the compiler refuses what the reading took."""
    stored = {role.stored: role.slug for role in report.foreign.roles}
    found: dict[str, str] = {}
    for one in report.faults:
        if one.span.file in stored:
            found.setdefault(stored[one.span.file], f"line {one.span.line}: {one.message} ({one.code})")
    return found


def _effective(manifest: Manifest | None, slug: str) -> Effective | None:
    if manifest is None:
        return None
    role = manifest.role(RoleSlug(slug))
    handoffs = tuple(
        f"{'asks ' if edge.kind == 'ask' else ''}{edge.target}" for edge in manifest.graph.edges_from(role.slug)
    )
    return Effective(role.species, role.tools, str(role.kind), handoffs, _resources(role))


def _resources(role: Role) -> str:
    if role.kind in (RoleKind.EXPERIMENT, RoleKind.VERIFIER):
        return f"{role.resources.cpus:g} CPU, {role.resources.all_gpus:g} GPU a trial"
    return "1 desk" if role.count == 1 else f"{role.count} desks"


def _faults(compilation: Compilation, probe: Path) -> tuple[Diagnostic, ...]:
    """The errors of the draft, with paths as they will be in the org."""
    prefix = f"{probe.as_posix()}/"
    return tuple(
        one._replace(
            span=one.span._replace(file=one.span.file.removeprefix(prefix)),
            message=one.message.replace(prefix, ""),
        )
        for one in compilation.diagnostics
        if one.severity is Severity.ERROR
    )


def _row_json(row: Row) -> dict[str, Any]:
    return {
        "slug": row.slug, "name": row.name, "path": row.path, "stored": row.stored, "hints": row.hints,
        "declared": row.declared.as_json(), "effective": row.effective.as_json() if row.effective else None,
    }  # fmt: skip


def _found_json(one: Diagnostic) -> dict[str, Any]:
    return {
        "code": one.code, "name": one.name, "file": one.span.file, "line": one.span.line, "message": one.message,
        "help": one.help,
    }  # fmt: skip
