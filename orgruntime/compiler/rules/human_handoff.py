"""A handoff from a person."""

from __future__ import annotations

from orgruntime.compiler.facts import Facts
from orgruntime.diagnostics.codes import HUMAN_HANDOFF
from orgruntime.diagnostics.diagnostic import Findings
from orgruntime.model.manifest import RoleKind

CODE = HUMAN_HANDOFF


def check(facts: Facts, findings: Findings) -> None:
    for edge in facts.edges:
        if edge.target is not None and facts.by_slug[edge.source.slug].kind is RoleKind.HUMAN:
            message = f"`{edge.source.slug}` is a person, and handoffs from people are not supported yet"
            findings.add(CODE, edge.source_span, message, "people put ideas in the queue with `orgrun idea`")
