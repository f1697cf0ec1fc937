"""Type-checking of handoffs: what a role can hand off, what it can take, and which words select an edge.

Knows roles and payload types, nothing of the shape of the graph. Invariant: an edge without findings
can be taken at run time.
"""

from __future__ import annotations

from collections.abc import Mapping

from orgruntime.compiler.species import species_behind
from orgruntime.compiler.workflow import Edge
from orgruntime.diagnostics.codes import (
    PAYLOAD_NOT_ACCEPTED,
    PAYLOAD_NOT_PRODUCED,
    UNKNOWN_CONDITION,
    UNKNOWN_PAYLOAD,
)
from orgruntime.diagnostics.diagnostic import Findings
from orgruntime.diagnostics.nearest import did_you_mean
from orgruntime.model.manifest import ModelSpec, Role, RoleKind
from orgruntime.model.payload import BUILTIN_PAYLOADS, CONDITIONS, FieldType, PayloadType

_GIVES = {RoleKind.EXPERIMENT: "result", RoleKind.VERIFIER: "verdict", RoleKind.HUMAN: "note"}
_TAKES = {RoleKind.EXPERIMENT: "proposal", RoleKind.VERIFIER: "result"}
_FAMILY_GIVES = {"search": "proposal", "control": "proposal", "digest": "memo"}


def known_payloads(own: tuple[PayloadType, ...]) -> dict[str, PayloadType]:
    return {**BUILTIN_PAYLOADS, **{payload.name: payload for payload in own}}


def check_edge(
    edge: Edge,
    roles: Mapping[str, Role],
    payloads: Mapping[str, PayloadType],
    models: tuple[ModelSpec, ...],
    findings: Findings,
) -> bool:
    """Reports the first type fault of an edge; whether there is none."""
    if edge.payload not in payloads:
        help = did_you_mean(edge.payload, payloads) or "declare it in a `## Payloads` table"
        findings.add(UNKNOWN_PAYLOAD, edge.payload_span, f"unknown payload `{edge.payload}`", help)
        return False
    source = roles[edge.source.slug]
    if reason := _cannot_give(source, edge.payload, models):
        findings.add(PAYLOAD_NOT_PRODUCED, edge.payload_span, reason[0], reason[1])
        return False
    target = roles[edge.target.slug] if edge.target else None
    if target and (takes := _TAKES.get(target.kind)) and takes != edge.payload:
        message = f"`{target.slug}` is of kind `{target.kind}` and does not take `{edge.payload}`"
        findings.add(PAYLOAD_NOT_ACCEPTED, edge.payload_span, message, f"it takes `{takes}`")
        return False
    return _check_condition(edge, payloads[edge.payload], findings)


def can_propose(role: Role, models: tuple[ModelSpec, ...]) -> bool:
    return role.kind is RoleKind.AGENT and _cannot_give(role, "proposal", models) is None


def conditions(payload: PayloadType) -> tuple[str, ...]:
    """The words that `when` may name for a payload."""
    if payload.builtin:
        return CONDITIONS.get(payload.name, ())
    flags = [field.name for field in payload.fields if field.type is FieldType.BOOLEAN]
    picks = [f"{field.name} is {choice}" for field in payload.fields for choice in field.choices]
    return (*flags, *picks)


def _cannot_give(role: Role, payload: str, models: tuple[ModelSpec, ...]) -> tuple[str, str] | None:
    """(why, help) where the role cannot hand this payload off."""
    gives = _GIVES.get(role.kind)
    if gives is not None and gives != payload:
        return f"`{role.slug}` is of kind `{role.kind}` and cannot hand off `{payload}`", f"it hands off `{gives}`"
    if role.kind is not RoleKind.AGENT:
        return None
    for owner, measured in ((RoleKind.EXPERIMENT, "result"), (RoleKind.VERIFIER, "verdict")):
        if payload == measured:
            help = f"only a role of kind `{owner}` measures one; let the agent hand off a `note`"
            return f"an agent such as `{role.slug}` cannot hand off a `{payload}`", help
    for name in role.species:
        family = species_behind(name, models).split("/")[0]
        gives = _FAMILY_GIVES.get(family)
        if gives is not None and gives != payload:
            help = f"let it hand off a `{gives}`, or give the role another model"
            return f"`{role.slug}` is served by `{species_behind(name, models)}`, which makes no `{payload}`", help
    return None


def _check_condition(edge: Edge, payload: PayloadType, findings: Findings) -> bool:
    if edge.when is None or edge.when_span is None:
        return True
    known = conditions(payload)
    if edge.when in known:
        return True
    message = f"`{edge.when}` is not a condition of `{payload.name}`"
    help = did_you_mean(edge.when, known) if known else f"`{payload.name}` has no conditions; leave `when` out"
    findings.add(UNKNOWN_CONDITION, edge.when_span, message, help)
    return False
