"""Characters that change the direction of writing: the text then reads differently from what is in the file."""

from __future__ import annotations

from orgruntime.diagnostics.codes import BIDI_CONTROL
from orgruntime.diagnostics.diagnostic import Fault

CODE = BIDI_CONTROL


def control(char: str) -> Fault:
    message = f"the direction control U+{ord(char):04X} makes the text read differently from what is in the file"
    return Fault(CODE, message, "delete the character")
