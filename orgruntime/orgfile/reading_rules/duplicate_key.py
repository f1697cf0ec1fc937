"""A key that stands twice in one mapping: YAML readers differ in which of the two they take."""

from __future__ import annotations

from orgruntime.diagnostics.codes import DUPLICATE_KEY
from orgruntime.diagnostics.diagnostic import Fault

CODE = DUPLICATE_KEY


def again(name: str, first_line: int) -> Fault:
    return Fault(CODE, f"`{name}` is given twice; the first is in line {first_line}", "keep one of them")
