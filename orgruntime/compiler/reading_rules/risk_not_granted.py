"""A blast radius of a role file that is wider than the org's: a file may only narrow it."""

from __future__ import annotations

from collections.abc import Sequence

from orgruntime.diagnostics.codes import RISK_NOT_GRANTED
from orgruntime.diagnostics.diagnostic import Fault

CODE = RISK_NOT_GRANTED


def too_wide(beyond: Sequence[tuple[str, float, float]]) -> Fault:
    """`beyond`: (number, asked, allowed)."""
    words = ", ".join(f"{asked:g} {name}" for name, asked, _ in beyond)
    most = ", ".join(f"{allowed:g}" for _, _, allowed in beyond)
    message = f"the role asks for a blast radius of {words}, and the program allows {most}"
    return Fault(CODE, message, "write it in the cell `risk` of its row if the org may have it")
