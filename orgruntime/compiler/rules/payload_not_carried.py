"""A payload that a role says it produces, and that no handoff of its carries."""

from __future__ import annotations

from orgruntime.compiler.facts import Facts
from orgruntime.compiler.payloads import kind_gives_other
from orgruntime.diagnostics.codes import PAYLOAD_NOT_CARRIED
from orgruntime.diagnostics.diagnostic import Findings

CODE = PAYLOAD_NOT_CARRIED


def check(facts: Facts, findings: Findings) -> None:
    if not facts.whole:
        return
    carried = {(edge.source.slug, edge.payload) for edge in facts.edges}
    for role, hints in facts.asked:
        for node in hints.produces or ():
            if node.text in facts.slips_of_roles:
                continue
            if (role.slug, node.text) not in carried and kind_gives_other(role, node.text) is None:
                message = f"`{role.slug}` says that it produces `{node.text}`, and none of its handoffs carries that"
                findings.add(CODE, node.span, message, "add a handoff to `## Workflow` if it is wanted")
