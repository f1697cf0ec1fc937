"""GPUs that are reserved while nothing bounds GPU hours."""

from __future__ import annotations

from orgruntime.compiler.facts import Facts
from orgruntime.diagnostics.codes import GPUS_WITHOUT_BUDGET
from orgruntime.diagnostics.diagnostic import Findings

CODE = GPUS_WITHOUT_BUDGET


def check(facts: Facts, findings: Findings) -> None:
    for role in facts.measuring:
        if role.resources.gpus and facts.program.budget.gpu_ms is None:
            message = f"`{role.slug}` reserves GPUs, and the budget does not bound GPU hours"
            findings.add(CODE, facts.places[role.slug], message, "add `gpu_hours:` to `budget:`")
