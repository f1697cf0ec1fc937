"""A handoff from a person of something that only a role can make."""

from __future__ import annotations

from orgruntime.compiler.facts import Facts
from orgruntime.compiler.workflow import Edge
from orgruntime.diagnostics.codes import HUMAN_HANDOFF
from orgruntime.diagnostics.diagnostic import Findings
from orgruntime.model.manifest import RoleKind

CODE = HUMAN_HANDOFF


_MADE = ("proposal", "result", "verdict")
"""What people cannot write; they can pass on what they were handed."""


def check(facts: Facts, findings: Findings) -> None:
    for edge in facts.edges:
        if edge.target is None or edge.payload not in _MADE:
            continue
        if facts.by_slug[edge.source.slug].kind is not RoleKind.HUMAN or _arrives(facts, edge):
            continue
        message = f"`{edge.source.slug}` is a person and cannot make a `{edge.payload}`, only pass one on"
        help = f"hand a `{edge.payload}` to `{edge.source.slug}` first, for approval; or let the person write a `note`"
        findings.add(CODE, edge.source_span, message, help)


def _arrives(facts: Facts, edge: Edge) -> bool:
    return any(
        one.target is not None and one.target.slug == edge.source.slug and one.payload == edge.payload
        for one in facts.edges
    )
