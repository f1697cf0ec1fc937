"""A payload that a role says it consumes, and that no handoff brings it."""

from __future__ import annotations

from orgruntime.compiler.facts import Facts
from orgruntime.compiler.payloads import kind_takes_other
from orgruntime.diagnostics.codes import PAYLOAD_NEVER_COMES
from orgruntime.diagnostics.diagnostic import Findings
from orgruntime.diagnostics.nearest import nearest

CODE = PAYLOAD_NEVER_COMES


def check(facts: Facts, findings: Findings) -> None:
    if not facts.whole:
        return
    brought = {(edge.target.slug, edge.payload) for edge in facts.edges if edge.target}
    brought |= {(slug, "idea") for slug in facts.entries}
    for role, hints in facts.asked:
        for node in hints.consumes or ():
            is_known = node.text in facts.payloads or nearest(node.text, facts.payloads) is None
            if (role.slug, node.text) not in brought and kind_takes_other(role, node.text) is None and is_known:
                message = f"`{role.slug}` says that it consumes `{node.text}`, and no handoff brings it one"
                findings.add(CODE, node.span, message, "add a handoff to `## Workflow`, or take the name away")
