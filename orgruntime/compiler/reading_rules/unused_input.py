"""An input that the words of its role have no place for."""

from __future__ import annotations

from collections.abc import Sequence

from orgruntime.diagnostics.codes import UNUSED_INPUT
from orgruntime.diagnostics.diagnostic import Fault
from orgruntime.diagnostics.nearest import nearest

CODE = UNUSED_INPUT


def nowhere(name: str, places: Sequence[str]) -> Fault:
    """`places`: what does stand in double braces in the words."""
    near = nearest(name, places)
    where = f"write `{{{{{name}}}}}` where it is to stand"
    help = f"did you mean `{{{{{near}}}}}`, which stands there?" if near else where
    return Fault(CODE, f"the input `{name}` stands nowhere in the words of the role", help)
