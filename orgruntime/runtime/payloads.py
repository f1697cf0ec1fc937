"""The border where a payload is checked against its type, and the words by which edges select it.

Does not know who sent it. Invariant: a fault is a sentence that its author can act on.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from itertools import islice
from typing import Any

from orgruntime.model.base import canonical_json
from orgruntime.model.payload import FieldType, PayloadField, PayloadType
from orgruntime.model.people import chosen_of

_TYPES: dict[FieldType, tuple[type, ...]] = {
    FieldType.STRING: (str,),
    FieldType.NUMBER: (int, float),
    FieldType.BOOLEAN: (bool,),
    FieldType.CHOICE: (str,),
    FieldType.ARRAY: (list, tuple),
    FieldType.OBJECT: (dict,),
    FieldType.INTEGER: (int, float),
    FieldType.PATH: (str,),
    FieldType.METRIC: (int, float),
    FieldType.REF: (dict,),
}
_NUMBERS = (FieldType.NUMBER, FieldType.INTEGER, FieldType.METRIC)
_MOST_FAULTS = 20
"""Sentences that are said at once: an array may have a thousand items, each of them wrong."""


def faults(kind: PayloadType, body: Mapping[str, Any]) -> list[str]:
    """What is wrong with `body` as a `kind`; empty when nothing is. Unknown fields are allowed and kept."""
    return list(islice(_faults(kind.name, kind.fields, body), _MOST_FAULTS))


def choice_words(kind: PayloadType, body: Mapping[str, Any]) -> tuple[str, ...]:
    """`FIELD` for each boolean that is true, `FIELD is CHOICE` for each choice."""
    words = []
    for field in kind.fields:
        value = body.get(field.name)
        if field.type is FieldType.BOOLEAN and value is True:
            words.append(field.name)
        elif field.type is FieldType.CHOICE and isinstance(value, str):
            words.append(f"{field.name} is {value}")
    return tuple(words)


def written(kind: PayloadType, answer: str) -> dict[str, Any] | list[str]:
    """What a person wrote, as the body of a `kind`; or what is wrong with it. A JSON object gives the fields; plain
    words are the field `text`, or the one field that must be there."""
    body = _object(answer)
    if body is None:
        needed = [field for field in kind.fields if field.required] or list(kind.fields[:1])
        field = next((one for one in kind.fields if one.name == "text"), needed[0] if len(needed) == 1 else None)
        if field is None:
            names = ", ".join(f'"{one.name}": {one.type.value}' for one in needed)
            return [f"`{kind.name}` has several fields; give them as JSON: {{{names}}}"]
        body = {field.name: _value(field, answer.strip())}
    return faults(kind, body) or body


def _object(answer: str) -> dict[str, Any] | None:
    try:
        found = json.loads(answer)
        canonical_json(found)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def _value(field: PayloadField, answer: str) -> Any:
    """As the field takes it, where the words can be read so."""
    if field.type is FieldType.CHOICE:
        return chosen_of(field.choices, answer) or answer
    if field.type is FieldType.BOOLEAN:
        return {"yes": True, "true": True, "no": False, "false": False}.get(answer.casefold(), answer)
    if field.type in _NUMBERS:
        with suppress(ValueError):
            number = float(answer)
            return number if math.isfinite(number) else answer
    return answer


def _faults(of: str, fields: Iterable[PayloadField], body: Mapping[str, Any]) -> Iterator[str]:
    """`of`: the payload, and within it the way to what is looked at."""
    for field in fields:
        if field.name in body:
            yield from _faults_of(of, field, body[field.name])
        elif field.required:
            yield f"`{of}` lacks the field `{field.name}` ({field.meaning or field.type.value})"


def _faults_of(of: str, field: PayloadField, value: Any) -> Iterator[str]:
    fault = _field_fault(field, value)
    if fault is not None:
        yield f"`{of}`: {fault}"
    elif field.fields and field.type is FieldType.ARRAY:
        for number, item in enumerate(value):
            one = field.fields[0].model_copy(update={"name": f"{field.name}[{number}]"})
            yield from _faults_of(of, one, item)
    elif field.fields:
        yield from _faults(f"{of}.{field.name}", field.fields, value)


def _field_fault(field: PayloadField, value: Any) -> str | None:
    wrong_boolean = isinstance(value, bool) and field.type is not FieldType.BOOLEAN
    if wrong_boolean or not isinstance(value, _TYPES[field.type]):
        wanted = f"`{field.of}`, an object" if field.type is FieldType.REF else field.type.value
        article = "an" if wanted[0] in "aeiou" else "a"
        return f"`{field.name}` must be {article} {wanted}, not {type(value).__name__}"
    if field.type is FieldType.CHOICE and value not in field.choices:
        return f"`{field.name}` must be one of {', '.join(field.choices)}, not {value!r}"
    if field.type is FieldType.PATH and not _is_below(str(value)):
        return f"`{field.name}` must be a path below the workspace, such as `src/model.py`, not {str(value)[:100]!r}"
    if field.type is FieldType.METRIC and isinstance(value, float) and not math.isfinite(value):
        return f"`{field.name}` must be a finite number, not {value}"
    if field.type is FieldType.INTEGER and isinstance(value, float) and not value.is_integer():
        return f"`{field.name}` must be a whole number, not {value}"
    return None


def _is_below(path: str) -> bool:
    """Whether a text is a path that stays below the folder it starts from."""
    return bool(path.strip()) and "\0" not in path and path[0] != "/" and ".." not in path.split("/")
