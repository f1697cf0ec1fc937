"""Payloads that have become other ones between two orgs: which handoffs that breaks, and by which field.

Works on two manifests. Knows neither files nor roles' words. Invariant: a handoff is named exactly where a payload that
was right for the old org may be refused in the new one, or may lack a field that was always there.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from orgruntime.model.manifest import Cadence, Handoff, HandoffKind, Manifest
from orgruntime.model.payload import FieldType, PayloadField
from orgruntime.study.changes import Change, Kind, Topic

_FITS = {
    (FieldType.INTEGER, FieldType.NUMBER), (FieldType.METRIC, FieldType.NUMBER), (FieldType.CHOICE, FieldType.STRING),
    (FieldType.PATH, FieldType.STRING), (FieldType.REF, FieldType.OBJECT),
}  # fmt: skip
"""(old, new) types of which every old value is a new one."""


def broken_handoffs(old: Manifest, new: Manifest) -> list[Change]:
    """One change a handoff of both orgs whose payload was changed so that one of before does not do any more. `old`
    calls its roles as `new` does."""
    before = {payload.name: payload.stated.fields for payload in old.payloads}
    after = {payload.name: payload.stated.fields for payload in new.payloads}
    reasons = {
        name: tuple(_breaks(_by_name(before[name]), _by_name(fields), ""))
        for name, fields in after.items() if name in before and before[name] != fields
    }  # fmt: skip
    there = {_ends(edge) for edge in _edges(old)}
    return [
        Change(
            topic=Topic.PAYLOADS, kind=Kind.FOLLOWS, path=f"graph.{edge.id}.payload", subject=edge_name(edge),
            said=f"a {edge.payload} as before does not do any more: {', '.join(reasons[edge.payload])}",
            before=True, after=False,
        )
        for edge in _edges(new)
        if _ends(edge) in there and reasons.get(edge.payload)
    ]  # fmt: skip


def edge_name(edge: Handoff | Cadence) -> str:
    if isinstance(edge, Cadence):
        return f"{edge.role}: {edge.payload}"
    arrow = "asks" if edge.kind is HandoffKind.ASK else "→"
    return f"{edge.source} {arrow} {edge.target}: {edge.payload}"


def _edges(org: Manifest) -> Iterator[Handoff | Cadence]:
    yield from org.graph.handoffs
    yield from org.graph.cadences


def _ends(edge: Handoff | Cadence) -> tuple[str, ...]:
    return (edge.role, edge.payload) if isinstance(edge, Cadence) else (edge.source, edge.target, edge.payload)


def _by_name(fields: tuple[PayloadField, ...]) -> Mapping[str, PayloadField]:
    return {field.name: field for field in fields}


def _breaks(old: Mapping[str, PayloadField], new: Mapping[str, PayloadField], within: str) -> Iterator[str]:
    for name, field in new.items():
        was = old.get(name)
        said = f"`{within}{name}`"
        if was is None:
            if field.required:
                yield f"{said} must be there now"
        else:
            yield from _of_field(was, field, said, within)
    for name, was in old.items():
        if was.required and name not in new:
            yield f"`{within}{name}` is no longer promised"


def _of_field(old: PayloadField, new: PayloadField, said: str, within: str) -> Iterator[str]:
    if new.type is not old.type and (old.type, new.type) not in _FITS:
        yield f"{said} is {_kind(new)} now, and was {_kind(old)}"
        return
    if new.required and not old.required:
        yield f"{said} must be there now"
    if old.required and not new.required:
        yield f"{said} is no longer promised"
    if lost := [word for word in old.choices if new.choices and word not in new.choices]:
        yield f"{said} may no longer be {' or '.join(f'`{word}`' for word in lost)}"
    if old.of != new.of and FieldType.REF in (old.type, new.type):
        yield f"{said} is {_kind(new)} now, and was {_kind(old)}"
    yield from _breaks(_by_name(old.fields), _by_name(new.fields), f"{within}{new.name}.")


def _kind(field: PayloadField) -> str:
    words = f" {field.of}" if field.of else ""
    kind = f"{field.type.value}{words}"
    return f"an {kind}" if kind[0] in "aeiou" else f"a {kind}"
