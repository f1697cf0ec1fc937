"""A handoff of a payload that its target does not take."""

from __future__ import annotations

from orgruntime.compiler.facts import Facts
from orgruntime.compiler.payloads import cannot_give, takes_only
from orgruntime.diagnostics.codes import PAYLOAD_NOT_ACCEPTED
from orgruntime.diagnostics.diagnostic import Findings

CODE = PAYLOAD_NOT_ACCEPTED


def check(facts: Facts, findings: Findings) -> None:
    for edge in facts.edges:
        source, target = facts.by_slug[edge.source.slug], facts.by_slug[edge.target.slug] if edge.target else None
        if target is None or edge.payload not in facts.payloads:
            continue
        takes = takes_only(target)
        if takes in (None, edge.payload) or cannot_give(source, edge.payload, facts.program.models):
            continue
        message = f"`{target.slug}` is of kind `{target.kind}` and does not take `{edge.payload}`"
        findings.add(CODE, edge.payload_span, message, f"it takes `{takes}`")
