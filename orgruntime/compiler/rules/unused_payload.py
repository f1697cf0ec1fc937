"""A payload that the org declares and no handoff carries."""

from __future__ import annotations

from orgruntime.compiler.facts import Facts
from orgruntime.diagnostics.codes import UNUSED_PAYLOAD
from orgruntime.diagnostics.diagnostic import Findings

CODE = UNUSED_PAYLOAD


def check(facts: Facts, findings: Findings) -> None:
    if not facts.whole:
        return
    used = {edge.payload for edge in facts.edges} | {name for one in facts.declared for name in one.refs}
    for one in facts.declared:
        if one.payload.name not in used:
            help = f"use it in `## Workflow`, or remove its {'file' if one.file else 'rows'}"
            findings.add(CODE, one.place, f"no handoff carries the payload `{one.payload.name}`", help)
