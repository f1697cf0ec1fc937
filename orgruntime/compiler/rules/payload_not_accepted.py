"""A handoff of a payload that its target does not take: by its kind, or by what it says that it consumes."""

from __future__ import annotations

from orgruntime.compiler.facts import Facts
from orgruntime.compiler.payloads import cannot_give, cannot_take, kind_takes_other
from orgruntime.diagnostics.codes import PAYLOAD_NOT_ACCEPTED
from orgruntime.diagnostics.diagnostic import Findings

CODE = PAYLOAD_NOT_ACCEPTED


def check(facts: Facts, findings: Findings) -> None:
    for edge in facts.edges:
        source, target = facts.by_slug[edge.source.slug], facts.by_slug[edge.target.slug] if edge.target else None
        if target is None or edge.payload not in facts.payloads:
            continue
        reason = cannot_take(target, edge.payload) if facts.is_sure(target.consumes) else None
        reason = reason or kind_takes_other(target, edge.payload)
        if reason is not None and cannot_give(source, edge.payload, facts.program.models) is None:
            findings.add(CODE, edge.payload_span, *reason)
    for role, hints in facts.asked:
        for node in hints.consumes or ():
            if (reason := kind_takes_other(role, node.text)) is not None:
                findings.add(CODE, node.span, *reason)
        place = hints.places.get("consumes")
        if not facts.is_sure(role.consumes):
            continue
        if place and role.consumes is not None and "idea" not in role.consumes and role.slug in facts.entries:
            message = f"ideas of the queue come to `{role.slug}` first, and it says that it consumes other payloads"
            findings.add(CODE, place, message, "add `idea`, or let another role hand it work")
