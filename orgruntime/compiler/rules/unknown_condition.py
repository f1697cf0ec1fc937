"""A `when` that is none of the words of its payload."""

from __future__ import annotations

from orgruntime.compiler.facts import Facts
from orgruntime.compiler.payloads import conditions
from orgruntime.diagnostics.codes import UNKNOWN_CONDITION
from orgruntime.diagnostics.diagnostic import Findings
from orgruntime.diagnostics.nearest import did_you_mean

CODE = UNKNOWN_CONDITION


def check(facts: Facts, findings: Findings) -> None:
    for edge in facts.edges:
        payload = facts.payloads.get(edge.payload)
        if payload is None or edge.when is None or edge.when_span is None:
            continue
        known = conditions(payload)
        if edge.when not in known:
            message = f"`{edge.when}` is not a condition of `{payload.name}`"
            help = did_you_mean(edge.when, known) if known else f"`{payload.name}` has no conditions; leave `when` out"
            findings.add(CODE, edge.when_span, message, help)
