"""The payloads that an org declares, in its table or in files: put together, and references among them followed.

Invariant: a payload that was joined is whole: it holds the fields of those that its own refer to, is bounded in size,
and never holds itself.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from typing import NamedTuple

from orgruntime.compiler import reading_rules
from orgruntime.compiler.payloads import known_payloads
from orgruntime.diagnostics.diagnostic import Fault, Findings
from orgruntime.diagnostics.span import Span
from orgruntime.model.payload import FieldType, PayloadField, PayloadType
from orgruntime.orgfile.source import Source

MOST_FIELDS = 200
"""Of one payload, inner ones included: references to references double, and an author can write twenty of them."""


class Declared(NamedTuple):
    """`place`: where the payload is named first. `refs`: where it names each payload that its fields refer to."""

    payload: PayloadType
    place: Span
    refs: Mapping[str, Span] = {}
    file: Source | None = None
    """The file `path` of the org, where it is declared in one."""
    path: str = ""


def joined(rows: Iterable[Declared], files: Iterable[Declared], findings: Findings) -> tuple[Declared, ...]:
    """Rows, then files. A payload that is declared in both is that of the table."""
    found = {one.payload.name: one for one in rows}
    for one in files:
        if one.payload.name in found:
            findings.put(one.place, reading_rules.bad_payload.in_both(one.payload.name))
        else:
            found[one.payload.name] = one
    known = _Known(found, findings)
    return tuple(one._replace(payload=known.whole(name)) for name, one in found.items())


class _Known:
    """Payloads by name, each with the fields of those that it refers to."""

    def __init__(self, declared: Mapping[str, Declared], findings: Findings) -> None:
        self._declared, self._findings = declared, findings
        self._all = known_payloads(one.payload for one in declared.values())
        self._whole: dict[str, PayloadType] = {}
        self._open: list[str] = []

    def whole(self, name: str) -> PayloadType:
        if name not in self._whole:
            self._open.append(name)
            bare = self._all[name]
            payload = bare.model_copy(update={"fields": tuple(self._field(name, one) for one in bare.fields)})
            self._open.pop()
            self._whole[name] = payload if self._fits(payload) else bare
        return self._whole[name]

    def _field(self, name: str, field: PayloadField) -> PayloadField:
        if field.type is not FieldType.REF:
            inner = tuple(self._field(name, one) for one in field.fields)
            return field.model_copy(update={"fields": inner}) if inner else field
        of = reading_rules.bad_payload
        if field.of not in self._all:
            self._report(name, field.of, of.no_reference(field.of, self._all))
        elif field.of in self._open:
            self._report(name, field.of, of.within_itself(field.of))
        else:
            return field.model_copy(update={"fields": self.whole(field.of).fields})
        return field

    def _fits(self, payload: PayloadType) -> bool:
        if len(list(islice(_flat(payload.fields), MOST_FIELDS + 1))) <= MOST_FIELDS:
            return True
        self._findings.put(
            self._declared[payload.name].place, reading_rules.bad_payload.too_large(payload.name, MOST_FIELDS)
        )
        return False

    def _report(self, name: str, target: str, fault: Fault) -> None:
        one = self._declared[name]
        self._findings.put(one.refs.get(target, one.place), fault)


def _flat(fields: tuple[PayloadField, ...]) -> Iterator[PayloadField]:
    for field in fields:
        yield field
        yield from _flat(field.fields)
