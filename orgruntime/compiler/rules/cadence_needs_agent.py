"""A role that is called on a schedule and is no agent."""

from __future__ import annotations

from orgruntime.compiler.facts import Facts
from orgruntime.diagnostics.codes import CADENCE_NEEDS_AGENT
from orgruntime.diagnostics.diagnostic import Findings
from orgruntime.model.manifest import RoleKind

CODE = CADENCE_NEEDS_AGENT


def check(facts: Facts, findings: Findings) -> None:
    for edge in facts.edges:
        kind = facts.by_slug[edge.source.slug].kind
        if edge.target is None and kind is not RoleKind.AGENT:
            message = f"`{edge.source.slug}` is of kind `{kind}` and cannot be called on a schedule"
            help = "only agents can; what measures is called by handoffs, and people are asked by them"
            findings.add(CODE, edge.source_span, message, help)
