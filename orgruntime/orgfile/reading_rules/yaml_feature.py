"""Parts of YAML that let one value stand for another: none of them is needed, and each has been used to do harm."""

from __future__ import annotations

from orgruntime.diagnostics.codes import YAML_FEATURE
from orgruntime.diagnostics.diagnostic import Fault

CODE = YAML_FEATURE


def forbidden(what: str) -> Fault:
    """`what`: `the YAML anchor `&x``, say."""
    message = f"{what} is not allowed in front matter"
    return Fault(CODE, message, "write the value out, or put it in quotes if it is text")


def merge_key() -> Fault:
    return Fault(CODE, "merge keys (`<<`) are not allowed in front matter", "write the keys out")
