"""A payload that is neither built in nor declared: in a handoff, or in what a role says of itself."""

from __future__ import annotations

from orgruntime.compiler.facts import Facts
from orgruntime.diagnostics.codes import UNKNOWN_PAYLOAD
from orgruntime.diagnostics.diagnostic import Findings
from orgruntime.diagnostics.nearest import did_you_mean, nearest

CODE = UNKNOWN_PAYLOAD


def check(facts: Facts, findings: Findings) -> None:
    for edge in facts.edges:
        if edge.payload not in facts.payloads:
            help = did_you_mean(edge.payload, facts.payloads) or "declare it in a `## Payloads` table"
            findings.add(CODE, edge.payload_span, f"unknown payload `{edge.payload}`", help)
    for _, hints in facts.asked:
        for node in (*(hints.produces or ()), *(hints.consumes or ())):
            near = nearest(node.text, facts.payloads) if node.text not in facts.payloads else None
            if near:
                findings.add(CODE, node.span, f"unknown payload `{node.text}`", f"did you mean `{near}`?")
