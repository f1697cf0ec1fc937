"""A budget for the models of a role that has no language model to spend it on."""

from __future__ import annotations

from orgruntime.compiler.facts import Facts
from orgruntime.diagnostics.codes import BUDGET_WITHOUT_MODEL
from orgruntime.diagnostics.diagnostic import Findings
from orgruntime.model.manifest import RoleKind

CODE = BUDGET_WITHOUT_MODEL


def check(facts: Facts, findings: Findings) -> None:
    for named in facts.named:
        role, row = facts.by_slug[named.ref.slug], named.row
        if row is None or row.hints.budget is None or facts.language_models(role):
            continue
        if role.kind is not RoleKind.AGENT:
            message = f"a role of kind `{role.kind}` has no model, so there is nothing that it could spend"
        elif role.species:
            message = f"`{role.slug}` is served by `{', '.join(role.species)}`, which spends neither tokens nor dollars"
        else:
            continue
        findings.add(CODE, row.hints.places["budget"], message, "leave the cell empty")
