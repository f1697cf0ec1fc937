"""Cells of `## Roles` that the kind of their role has no use for."""

from __future__ import annotations

from orgruntime.compiler.facts import Facts
from orgruntime.diagnostics.codes import ROLE_KIND_CLASH
from orgruntime.diagnostics.diagnostic import Findings
from orgruntime.model.manifest import RoleKind

CODE = ROLE_KIND_CLASH


def check(facts: Facts, findings: Findings) -> None:
    for named in facts.named:
        kind, row = facts.by_slug[named.ref.slug].kind, named.row
        if row is None:
            continue
        if row.panel.names and kind is not RoleKind.AGENT:
            message = f"a role of kind `{kind}` has no model"
            findings.add(CODE, row.panel.names[0].span, message, "leave the cell empty")
        if row.needs.given and row.needs.span and kind in (RoleKind.AGENT, RoleKind.HUMAN):
            message = f"a role of kind `{kind}` runs no trials, so its resources are not used"
            findings.add(CODE, row.needs.span, message, "give them to the role of kind `experiment`")
        if row.count and row.count > 1 and row.count_span and kind is not RoleKind.AGENT:
            message = f"a role of kind `{kind}` has no desks to count: the cluster decides how many trials run at once"
            findings.add(CODE, row.count_span, message, "leave the cell empty")
