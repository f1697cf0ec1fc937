"""Payloads as JSON Schema: what a tool server, an editor or another program is told of their fields. Pure.

Invariant: what the schema of a payload refuses, the border refuses too. The border also refuses what no schema says: a
path that leaves the workspace, a number that is not finite.
"""

from __future__ import annotations

from typing import Any

from orgruntime.model.payload import FieldType, PayloadField, PayloadType

DIALECT = "https://json-schema.org/draft/2020-12/schema"
SUFFIX = ".schema.json"
"""A payload is published, and may be declared, in `NAME.schema.json`."""
FORMATS = {FieldType.PATH: "path", FieldType.METRIC: "metric"}
"""Annotations by which a type of ours comes back from its schema."""

_TYPES = {
    FieldType.STRING: "string",
    FieldType.CHOICE: "string",
    FieldType.PATH: "string",
    FieldType.NUMBER: "number",
    FieldType.METRIC: "number",
    FieldType.INTEGER: "integer",
    FieldType.BOOLEAN: "boolean",
    FieldType.ARRAY: "array",
    FieldType.OBJECT: "object",
    FieldType.REF: "object",
}


def published(payload: PayloadType) -> dict[str, Any]:
    """The schema of one payload as a document of its own."""
    made = object_schema(payload.fields, with_formats=True)
    return {"$schema": DIALECT, "title": payload.name, **made}


def object_schema(fields: tuple[PayloadField, ...], *, with_formats: bool = False) -> dict[str, Any]:
    """An object with these fields. `with_formats`: for readers that know them; a model's server may refuse them."""
    return {
        "type": "object",
        "properties": {field.name: _schema(field, with_formats) for field in fields},
        "required": [field.name for field in fields if field.required],
    }


def _schema(field: PayloadField, with_formats: bool) -> dict[str, Any]:
    schema: dict[str, Any] = {"type": _TYPES[field.type]}
    if field.type is FieldType.CHOICE:
        schema["enum"] = list(field.choices)
    if with_formats and field.type in FORMATS:
        schema["format"] = FORMATS[field.type]
    if said := _said(field):
        schema["description"] = said
    if field.fields and field.type is FieldType.ARRAY:
        schema["items"] = _schema(field.fields[0], with_formats)
    elif field.fields:
        schema |= object_schema(field.fields, with_formats=with_formats)
    return schema


def _said(field: PayloadField) -> str:
    """The meaning, and what the type asks for beyond JSON's."""
    more = {FieldType.PATH: "a path below the workspace", FieldType.REF: f"a `{field.of}`"}.get(field.type, "")
    return f"{field.meaning} ({more})" if field.meaning and more else field.meaning or more
