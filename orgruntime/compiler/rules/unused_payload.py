"""A payload that the org declares and no handoff carries."""

from __future__ import annotations

from orgruntime.compiler.facts import Facts
from orgruntime.diagnostics.codes import UNUSED_PAYLOAD
from orgruntime.diagnostics.diagnostic import Findings

CODE = UNUSED_PAYLOAD


def check(facts: Facts, findings: Findings) -> None:
    carried = {edge.payload for edge in facts.edges}
    section = facts.parts.payloads
    block = next((block for block in section.blocks if block.kind == "table"), None) if section else None
    if block is None or not facts.whole:
        return
    unused = {payload.name for payload in facts.own_payloads} - carried
    for row in facts.document.table(block).rows:
        name = row[0].text.strip("` ")
        if name in unused:
            unused.discard(name)
            span = facts.document.source.span(row[0].start, row[0].end)
            findings.add(
                CODE, span, f"no handoff carries the payload `{name}`", "use it in `## Workflow`, or remove its rows"
            )
