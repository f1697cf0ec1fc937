"""The border where a payload is checked against its type, and the words by which edges select it.

Does not know who sent it. Invariant: a fault is a sentence that its author can act on.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from orgruntime.model.payload import FieldType, PayloadField, PayloadType

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


def _field_fault(field: PayloadField, value: Any) -> str | None:
    wrong_boolean = isinstance(value, bool) and field.type is not FieldType.BOOLEAN
    if wrong_boolean or not isinstance(value, _TYPES[field.type]):
        return f"`{field.name}` must be a {field.type.value}, not {type(value).__name__}"
    if field.type is FieldType.CHOICE and value not in field.choices:
        return f"`{field.name}` must be one of {', '.join(field.choices)}, not {value!r}"
    return None
