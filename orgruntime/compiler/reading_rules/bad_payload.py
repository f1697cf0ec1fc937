"""A row of `## Payloads` that makes no field of a payload."""

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


def field_type(text: str, known: Iterable[str]) -> Fault:
    return Fault(CODE, f"`{text}` is not the type of a field", did_you_mean(text.partition(":")[0].casefold(), known))
