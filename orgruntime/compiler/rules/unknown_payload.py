"""A payload that is none, or a slip of one that is known: in a handoff, or in what a role says of itself."""

from __future__ import annotations

from orgruntime.compiler.facts import Facts
from orgruntime.diagnostics.codes import UNKNOWN_PAYLOAD
from orgruntime.diagnostics.diagnostic import Findings

CODE = UNKNOWN_PAYLOAD
_NAME = "a payload is called by small letters, digits and `_`, such as `gap_report`"


def check(facts: Facts, findings: Findings) -> None:
    for edge in facts.edges:
        if edge.payload not in facts.payloads:
            near = facts.slips[edge.payload]
            help = f"did you mean `{near}`?" if near else _NAME
            findings.add(CODE, edge.payload_span, f"unknown payload `{edge.payload}`", help)
    for _, hints in facts.asked:
        for node in (*(hints.produces or ()), *(hints.consumes or ())):
            if near := facts.slips_of_roles.get(node.text):
                findings.add(CODE, node.span, f"unknown payload `{node.text}`", f"did you mean `{near}`?")
