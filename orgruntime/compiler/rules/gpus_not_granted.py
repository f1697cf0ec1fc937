"""GPUs that a role file asks for, in a program that says nothing of GPUs."""

from __future__ import annotations

from orgruntime.compiler.facts import Facts
from orgruntime.diagnostics.codes import GPUS_NOT_GRANTED
from orgruntime.diagnostics.diagnostic import Findings
from orgruntime.model.manifest import RoleKind

CODE = GPUS_NOT_GRANTED


def check(facts: Facts, findings: Findings) -> None:
    if facts.program.budget.gpu_ms is not None:
        return
    for named in facts.named:
        role, needs = facts.by_slug[named.ref.slug], facts.files[named.ref.slug].hints.needs
        if not needs.resources.gpus or (named.row and named.row.needs.given):
            continue
        if needs.span and role.kind in (RoleKind.EXPERIMENT, RoleKind.VERIFIER):
            gpus = f"{needs.resources.gpus:g}"
            message = f"the file of `{role.slug}` asks for `gpus: {gpus}`, and the program grants no GPU"
            help = f"write `gpus: {gpus}` in the cell `resources` of its row, or bound `gpu_hours` in `budget:`"
            findings.add(CODE, needs.span, message, help)
