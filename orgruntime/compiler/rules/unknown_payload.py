"""A handoff of something that is neither built in nor declared."""

from __future__ import annotations

from orgruntime.compiler.facts import Facts
from orgruntime.diagnostics.codes import UNKNOWN_PAYLOAD
from orgruntime.diagnostics.diagnostic import Findings
from orgruntime.diagnostics.nearest import did_you_mean

CODE = UNKNOWN_PAYLOAD


def check(facts: Facts, findings: Findings) -> None:
    for edge in facts.edges:
        if edge.payload not in facts.payloads:
            help = did_you_mean(edge.payload, facts.payloads) or "declare it in a `## Payloads` table"
            findings.add(CODE, edge.payload_span, f"unknown payload `{edge.payload}`", help)
