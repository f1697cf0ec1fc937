"""A handoff of a payload that its source cannot make."""

from __future__ import annotations

from orgruntime.compiler.facts import Facts
from orgruntime.compiler.payloads import cannot_give
from orgruntime.diagnostics.codes import PAYLOAD_NOT_PRODUCED
from orgruntime.diagnostics.diagnostic import Findings

CODE = PAYLOAD_NOT_PRODUCED


def check(facts: Facts, findings: Findings) -> None:
    for edge in facts.edges:
        if edge.payload in facts.payloads:
            reason = cannot_give(facts.by_slug[edge.source.slug], edge.payload, facts.program.models)
            if reason is not None:
                findings.add(CODE, edge.payload_span, reason[0], reason[1])
