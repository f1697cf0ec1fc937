"""The border where a payload is checked against its type, and the words by which edges select it.

Does not know who sent it. Invariant: a fault is a sentence that its author can act on.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from contextlib import suppress
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
}


def faults(kind: PayloadType, body: Mapping[str, Any]) -> list[str]:
    """What is wrong with `body` as a `kind`; empty when nothing is. Unknown fields are allowed and kept."""
    found = []
    for field in kind.fields:
        if field.name not in body:
            if field.required:
                found.append(f"`{kind.name}` lacks the field `{field.name}` ({field.meaning or field.type.value})")
        elif (fault := _field_fault(field, body[field.name])) is not None:
            found.append(f"`{kind.name}`: {fault}")
    return found


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
    if field.type is FieldType.NUMBER:
        with suppress(ValueError):
            number = float(answer)
            return number if math.isfinite(number) else answer
    return answer


def _field_fault(field: PayloadField, value: Any) -> str | None:
    wrong_boolean = isinstance(value, bool) and field.type is not FieldType.BOOLEAN
    if wrong_boolean or not isinstance(value, _TYPES[field.type]):
        return f"`{field.name}` must be a {field.type.value}, not {type(value).__name__}"
    if field.type is FieldType.CHOICE and value not in field.choices:
        return f"`{field.name}` must be one of {', '.join(field.choices)}, not {value!r}"
    return None
