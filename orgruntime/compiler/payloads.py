"""Type-checking of handoffs: what a role can hand off, what it can take, and which words select an edge.

Pure: knows roles and payload types, nothing of the shape of the graph, and reports nothing. Invariant: a sound edge can
be taken at run time.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from orgruntime.compiler.species import species_behind
from orgruntime.compiler.workflow import Edge
from orgruntime.model.manifest import ModelSpec, Role, RoleKind
from orgruntime.model.payload import BUILTIN_PAYLOADS, CONDITIONS, FieldType, PayloadType

_GIVES = {RoleKind.EXPERIMENT: "result", RoleKind.VERIFIER: "verdict", RoleKind.HUMAN: "note"}
_TAKES = {RoleKind.EXPERIMENT: "proposal", RoleKind.VERIFIER: "result"}
_FAMILY_GIVES = {"search": "proposal", "control": "proposal", "digest": "memo"}


def known_payloads(own: tuple[PayloadType, ...]) -> dict[str, PayloadType]:
    return {**BUILTIN_PAYLOADS, **{payload.name: payload for payload in own}}


def is_sound(
    edge: Edge, roles: Mapping[str, Role], payloads: Mapping[str, PayloadType], models: tuple[ModelSpec, ...]
) -> bool:
    """Whether the payload exists, the source makes it, the target takes it, and the condition is one of its words."""
    payload = payloads.get(edge.payload)
    if payload is None or cannot_give(roles[edge.source.slug], edge.payload, models) is not None:
        return False
    if edge.target and takes_only(roles[edge.target.slug]) not in (None, edge.payload):
        return False
    return edge.when is None or edge.when in conditions(payload)


def can_propose(role: Role, models: tuple[ModelSpec, ...]) -> bool:
    return role.kind is RoleKind.AGENT and cannot_give(role, "proposal", models) is None


def takes_only(role: Role) -> str | None:
    """The one payload that a role takes; None where it takes any."""
    return _TAKES.get(role.kind)


def conditions(payload: PayloadType) -> tuple[str, ...]:
    """The words that `when` may name for a payload."""
    if payload.builtin:
        return CONDITIONS.get(payload.name, ())
    flags = [field.name for field in payload.fields if field.type is FieldType.BOOLEAN]
    picks = [f"{field.name} is {choice}" for field in payload.fields for choice in field.choices]
    return (*flags, *picks)


def cannot_give(role: Role, payload: str, models: tuple[ModelSpec, ...]) -> tuple[str, str] | None:
    """(why, help) where the role cannot hand this payload off: of a panel, none of its species can."""
    gives = _GIVES.get(role.kind)
    if gives is not None and gives != payload:
        return f"`{role.slug}` is of kind `{role.kind}` and cannot hand off `{payload}`", f"it hands off `{gives}`"
    if role.kind is not RoleKind.AGENT:
        return None
    for owner, measured in ((RoleKind.EXPERIMENT, "result"), (RoleKind.VERIFIER, "verdict")):
        if payload == measured:
            help = f"only a role of kind `{owner}` measures one; let the agent hand off a `note`"
            return f"an agent such as `{role.slug}` cannot hand off a `{payload}`", help
    served = [_gives_only(name, models) for name in role.species]
    return _made_by_others(role, payload, models) if served and payload not in served and None not in served else None


def cannot_make_any(role: Role, payloads: Sequence[str], models: tuple[ModelSpec, ...]) -> tuple[str, str] | None:
    """(why, help) where one species of a panel can make none of these payloads."""
    for name in role.species:
        gives = _gives_only(name, models)
        if gives is not None and payloads and gives not in payloads:
            return _made_by_others(role.model_copy(update={"species": (name,)}), payloads[0], models)
    return None


def _gives_only(name: str, models: tuple[ModelSpec, ...]) -> str | None:
    return _FAMILY_GIVES.get(species_behind(name, models).split("/")[0])


def _made_by_others(role: Role, payload: str, models: tuple[ModelSpec, ...]) -> tuple[str, str]:
    """(why, help) of a payload that the first species of a role does not make."""
    name = role.species[0]
    help = f"let it hand off a `{_gives_only(name, models)}`, or give the role another model"
    return f"`{role.slug}` is served by `{species_behind(name, models)}`, which makes no `{payload}`", help
