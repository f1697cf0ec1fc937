"""A handoff of a payload that its source cannot make, or says that it does not."""

from __future__ import annotations

from orgruntime.compiler.facts import Facts
from orgruntime.compiler.payloads import cannot_give, kind_gives_other
from orgruntime.diagnostics.codes import PAYLOAD_NOT_PRODUCED
from orgruntime.diagnostics.diagnostic import Findings

CODE = PAYLOAD_NOT_PRODUCED


def check(facts: Facts, findings: Findings) -> None:
    for edge in facts.edges:
        if edge.payload in facts.payloads:
            reason = cannot_give(facts.by_slug[edge.source.slug], edge.payload, facts.program.models)
            if reason is not None:
                findings.add(CODE, edge.payload_span, reason[0], reason[1])
    for role, hints in facts.asked:
        for node in hints.produces or ():
            if (reason := kind_gives_other(role, node.text)) is not None:
                findings.add(CODE, node.span, *reason)
