"""Characters that no editor shows and every model reads."""

from __future__ import annotations

from orgruntime.diagnostics.codes import HIDDEN_CHARACTER
from orgruntime.diagnostics.diagnostic import Fault

CODE = HIDDEN_CHARACTER


def invisible(char: str) -> Fault:
    message = f"an invisible character, U+{ord(char):04X}: what people see is not what a model reads"
    return Fault(CODE, message, "delete the character")
