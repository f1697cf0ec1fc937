"""A handoff of a payload that its source cannot make, or says that it does not."""

from __future__ import annotations

from orgruntime.compiler.facts import Facts
from orgruntime.compiler.hints import Hints
from orgruntime.compiler.payloads import cannot_give, cannot_make_any, kind_gives_other
from orgruntime.compiler.workflow import Edge
from orgruntime.diagnostics.codes import PAYLOAD_NOT_PRODUCED
from orgruntime.diagnostics.diagnostic import Findings
from orgruntime.model.manifest import ModelSpec, Role, RoleKind

CODE = PAYLOAD_NOT_PRODUCED


def check(facts: Facts, findings: Findings) -> None:
    faulty: set[str] = set()
    own: dict[str, list[Edge]] = {}
    for edge in facts.edges:
        if edge.payload in facts.payloads and edge.source.slug not in facts.unsure:
            own.setdefault(edge.source.slug, []).append(edge)
            source = facts.by_slug[edge.source.slug]
            reason = cannot_give(source, edge.payload, facts.program.models)
            if reason is not None:
                faulty.add(source.slug)
                if facts.is_sure(source.produces) or kind_gives_other(source, edge.payload) is not None:
                    findings.add(CODE, edge.payload_span, *reason)
    for role in facts.roles:
        if role.kind is RoleKind.AGENT and role.slug not in faulty:
            _check_panel(role, own.get(role.slug, []), facts.program.models, findings)
    for role, hints in facts.asked:
        _check_hints(role, hints, findings)


def _check_hints(role: Role, hints: Hints, findings: Findings) -> None:
    """What a file says that it produces, against the kind of its role."""
    for node in hints.produces or ():
        if (reason := kind_gives_other(role, node.text)) is not None:
            findings.add(CODE, node.span, *reason)


def _check_panel(role: Role, own: list[Edge], models: tuple[ModelSpec, ...], findings: Findings) -> None:
    """A species may be unable to make some of the payloads of its role, as long as it makes one. A stand-up asks for
    one payload, and any species of the panel may be the one that is asked."""
    groups = [[edge for edge in own if edge.target is not None], *([edge] for edge in own if edge.target is None)]
    for group in groups:
        found = cannot_make_any(role, [edge.payload for edge in group], models)
        if found is not None:
            findings.add(CODE, group[0].payload_span, *found)
