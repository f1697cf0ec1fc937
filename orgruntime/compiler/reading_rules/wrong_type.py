"""A value of another shape than its key takes."""

from __future__ import annotations

from orgruntime.diagnostics.codes import WRONG_TYPE
from orgruntime.diagnostics.diagnostic import Fault

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


def item(path: str, found: str) -> Fault:
    message = f"`{path}` is a list of words, and this item is {found}"
    return Fault(CODE, message, "write each item as one word, or in quotes")


def hints(found: str) -> Fault:
    return Fault(CODE, f"`org` must be a mapping, not {found}", "write `org: {kind: agent}`, say")
