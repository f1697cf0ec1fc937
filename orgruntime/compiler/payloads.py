"""Type-checking of handoffs: what a role can hand off, what it can take, and which words select an edge.

Pure: knows roles and payload types, nothing of the shape of the graph, and reports nothing. Invariant: a typed edge
whose condition is known can be taken at run time.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from orgruntime.compiler.species import species_behind
from orgruntime.compiler.workflow import Edge
from orgruntime.diagnostics.nearest import nearest
from orgruntime.diagnostics.pattern import pattern
from orgruntime.model.manifest import ModelSpec, Role, RoleKind
from orgruntime.model.payload import (
    BUILTIN_PAYLOADS,
    CONDITIONS,
    STANDARD_PAYLOADS,
    FieldType,
    PayloadType,
    note_called,
)

NAME = pattern(r"[a-z][a-z0-9_]*")
"""How payloads and their fields are called."""
MOST_GUESSES = 100
"""Unknown names that are compared with the known ones: a hostile program has thousands of both."""

_GIVES = {RoleKind.EXPERIMENT: "result", RoleKind.VERIFIER: "verdict"}
_TAKES = {RoleKind.EXPERIMENT: "proposal", RoleKind.VERIFIER: "result"}
_FAMILY_GIVES = {"search": "proposal", "control": "proposal", "digest": "memo"}


def known_payloads(own: Iterable[PayloadType]) -> dict[str, PayloadType]:
    """The built-in ones, the standard set, and the org's own, which win over that."""
    return {**BUILTIN_PAYLOADS, **STANDARD_PAYLOADS, **{payload.name: payload for payload in own}}


def slips(edges: Iterable[Edge], known: Mapping[str, PayloadType]) -> dict[str, str | None]:
    """Payloads that edges carry and nobody declares, each with the known one that it nearly is."""
    names = dict.fromkeys(edge.payload for edge in edges if edge.payload not in known)
    return {name: nearest(name, known) if number < MOST_GUESSES else None for number, name in enumerate(names)}


def undeclared(slips: Mapping[str, str | None]) -> dict[str, PayloadType]:
    """Those of them that are names and no slips, as notes."""
    return {name: note_called(name) for name, near in slips.items() if near is None and NAME.fullmatch(name)}


def is_typed(
    edge: Edge, roles: Mapping[str, Role], payloads: Mapping[str, PayloadType], models: tuple[ModelSpec, ...]
) -> bool:
    """Whether the payload exists, the source makes it and the target takes it."""
    if edge.payload not in payloads or cannot_give(roles[edge.source.slug], edge.payload, models) is not None:
        return False
    return edge.target is None or cannot_take(roles[edge.target.slug], edge.payload) is None


def has_condition(edge: Edge, payloads: Mapping[str, PayloadType]) -> bool:
    """Whether its condition, if it has one, is a word of its payload."""
    return edge.when is None or edge.when in conditions(payloads[edge.payload])


def can_propose(role: Role, models: tuple[ModelSpec, ...]) -> bool:
    return role.kind is RoleKind.AGENT and cannot_give(role, "proposal", models) is None


def cannot_take(role: Role, payload: str) -> tuple[str, str] | None:
    """(why, help) where the role does not take this payload: its kind takes another, or it says so."""
    other = kind_takes_other(role, payload)
    if other is None and role.consumes is not None and payload not in role.consumes:
        return _not_said(role, "consumes", role.consumes, payload)
    return other


def kind_takes_other(role: Role, payload: str) -> tuple[str, str] | None:
    """(why, help) where the kind of the role takes one payload, and it is not this one."""
    takes = _TAKES.get(role.kind)
    if takes in (None, payload):
        return None
    return f"`{role.slug}` is of kind `{role.kind}` and does not take `{payload}`", f"it takes `{takes}`"


def conditions(payload: PayloadType) -> tuple[str, ...]:
    """The words that `when` may name for a payload."""
    if payload.builtin:
        return CONDITIONS.get(payload.name, ())
    flags = [field.name for field in payload.fields if field.type is FieldType.BOOLEAN]
    picks = [f"{field.name} is {choice}" for field in payload.fields for choice in field.choices]
    return (*flags, *picks)


def cannot_give(role: Role, payload: str, models: tuple[ModelSpec, ...]) -> tuple[str, str] | None:
    """(why, help) where the role cannot hand this payload off: by its kind, by what it says that it produces, or as
    no species of its panel can."""
    reason = kind_gives_other(role, payload)
    if reason is not None or role.kind is not RoleKind.AGENT:
        return reason
    if role.produces is not None and payload not in role.produces:
        return _not_said(role, "produces", role.produces, payload)
    served = [_gives_only(name, models) for name in role.species]
    return _made_by_others(role, payload, models) if served and payload not in served and None not in served else None


def kind_gives_other(role: Role, payload: str) -> tuple[str, str] | None:
    """(why, help) where the kind of the role makes other payloads."""
    gives = _GIVES.get(role.kind)
    if gives is not None and gives != payload:
        return f"`{role.slug}` is of kind `{role.kind}` and cannot hand off `{payload}`", f"it hands off `{gives}`"
    for owner, measured in ((RoleKind.EXPERIMENT, "result"), (RoleKind.VERIFIER, "verdict")):
        if payload == measured and role.kind is RoleKind.AGENT:
            help = f"only a role of kind `{owner}` measures one; let the agent hand off a `note`"
            return f"an agent such as `{role.slug}` cannot hand off a `{payload}`", help
    return None


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


def _not_said(role: Role, key: str, said: tuple[str, ...], payload: str) -> tuple[str, str]:
    listed = ", ".join(f"`{name}`" for name in said) or "nothing"
    return f"`{role.slug}` says that it {key} {listed}, and not `{payload}`", f"add `{payload}` to its `{key}`"
