"""A section of the program that stands there twice."""

from __future__ import annotations

from orgruntime.diagnostics.codes import DUPLICATE_SECTION
from orgruntime.diagnostics.diagnostic import Fault

CODE = DUPLICATE_SECTION


def again(title: str, line: int) -> Fault:
    message = f"the section `{title}` is there twice; the first is in line {line}"
    return Fault(CODE, message, "put both below one heading")
