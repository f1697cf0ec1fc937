"""A value of another shape than its key takes."""

from __future__ import annotations

from orgruntime.diagnostics.codes import WRONG_TYPE
from orgruntime.diagnostics.diagnostic import Fault
from orgruntime.orgfile.misread import glued

CODE = WRONG_TYPE

_SHAPES = {
    "one value": "write `{key}: VALUE`",
    "a list": "write `{key}: [FIRST, SECOND]`",
    "a mapping": "write its keys below it, indented, or as `{key}: {{KEY: VALUE}}`",
}


def shape(path: str, key: str, wanted: str, found: str, example: str) -> Fault:
    """`wanted`: one of the shapes above; `found`: what stands there, in words."""
    help = f"write `{key}: {example}`" if example and wanted != "one value" else _SHAPES[wanted].format(key=key)
    return Fault(CODE, f"`{path}` must be {wanted}, not {found}", help)


def no_blank(path: str, wanted: str, text: str) -> Fault | None:
    """Of a mapping that was written without a blank behind its colon, which makes it one word."""
    parts = glued(text)
    if parts is None:
        return None
    message = f"`{path}` must be {wanted}, and `{text}` is one word"
    return Fault(CODE, message, f"write a blank behind the colon: `{parts[0]}: {parts[1]}`")


def item(path: str, found: str) -> Fault:
    message = f"`{path}` is a list of words, and this item is {found}"
    return Fault(CODE, message, "write each item as one word, or in quotes")


def hints(found: str) -> Fault:
    return Fault(CODE, f"`org` must be a mapping, not {found}", "write `org: {kind: agent}`, say")
