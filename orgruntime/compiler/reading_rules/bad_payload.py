"""A row of `## Payloads`, or a schema in `schemas/`, that makes no field of a payload."""

from __future__ import annotations

from collections.abc import Iterable

from orgruntime.diagnostics.codes import BAD_PAYLOAD
from orgruntime.diagnostics.diagnostic import Fault
from orgruntime.diagnostics.nearest import did_you_mean

CODE = BAD_PAYLOAD

_NAME = "use small letters, digits and `_`, such as `sample_size`"


def name(text: str, *, built_in: bool) -> Fault:
    if built_in:
        return Fault(CODE, f"the payload `{text}` is built in and has its fields", "choose another name")
    return Fault(CODE, f"`{text}` is not the name of a payload", _NAME)


def field_name(text: str) -> Fault:
    return Fault(CODE, f"`{text}` is not the name of a field" if text else "the field has no name", _NAME)


def field_again(payload: str, field: str) -> Fault:
    return Fault(CODE, f"the field `{field}` of `{payload}` is given twice", "keep one row")


def required(text: str) -> Fault:
    message = f"in the column `required` stands `{text}`, which is neither `yes` nor `no`"
    return Fault(CODE, message, "write `yes`, `no`, or nothing, which is `yes`")


def no_choices() -> Fault:
    return Fault(CODE, "`choice` is given without its words", "write `choice: low, high`")


def no_target() -> Fault:
    return Fault(CODE, "`ref` is given without its payload", "write `ref(finding)`")


def field_type(text: str, known: Iterable[str]) -> Fault:
    return Fault(CODE, f"`{text}` is not the type of a field", did_you_mean(text.partition(":")[0].casefold(), known))


def no_reference(text: str, known: Iterable[str]) -> Fault:
    """`text`: the payload whose fields an object is to have."""
    return Fault(CODE, f"no payload is called `{text}`", did_you_mean(text, known) or "name a payload: `ref(finding)`")


def no_part(text: str, known: Iterable[str]) -> Fault:
    """`text`: what a schema refers to in its own file, or in another."""
    help = (
        did_you_mean(text, known) or "refer to `#/$defs/NAME` of the file, or to another payload's `NAME.schema.json`"
    )
    return Fault(CODE, f"`{text}` leads to no part of this schema and to no payload", help)


def within_itself(text: str) -> Fault:
    return Fault(CODE, f"the payload `{text}` would hold itself", "take one of the references out")


def too_large(payload: str, most: int) -> Fault:
    message = f"`{payload}` has more than {most} fields, those that it refers to included"
    return Fault(CODE, message, "split it, or hand it off as a `note`")


def model_class(text: str) -> Fault:
    message = f"`{text}` is a class of a program, and nothing of an org is imported when it is checked"
    help = "write what its `model_json_schema()` gives to `schemas/NAME.schema.json` of the org"
    return Fault(CODE, message, help)


def in_both(name: str) -> Fault:
    return Fault(CODE, f"the payload `{name}` is declared in `## Payloads` as well", "keep the rows or the file")


def no_json(why: str) -> Fault:
    return Fault(CODE, f"the file is not JSON: {why}", "the schema of a payload is one JSON object")


def no_object() -> Fault:
    message = "the schema of a payload must be that of an object with properties"
    return Fault(CODE, message, 'write `{"type": "object", "properties": {"text": {"type": "string"}}}`')


def no_schema_type(field: str, known: Iterable[str]) -> Fault:
    words = ", ".join(f"`{one}`" for one in known)
    return Fault(CODE, f"`{field}` has no simple `type`", f"write one of {words}, or an `enum` of words")


def no_property(name: str) -> Fault:
    return Fault(CODE, f"`required` names `{name}`, which is not among the `properties`", "add it, or take it out")


def bad_choice(field: str) -> Fault:
    message = f"a word in the `enum` of `{field}` is no word of a choice"
    return Fault(CODE, message, "write texts of one line and at most 100 characters")
