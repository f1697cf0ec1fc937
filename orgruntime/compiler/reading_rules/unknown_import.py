"""An entry of `imports:` that brings no role."""

from __future__ import annotations

from orgruntime.diagnostics.codes import UNKNOWN_IMPORT
from orgruntime.diagnostics.diagnostic import Fault

CODE = UNKNOWN_IMPORT


def other_repository(text: str) -> Fault:
    message = f"`{text}`: imports from other repositories are not supported yet"
    return Fault(CODE, message, "copy the role into `roles/`, or into the shared library")


def unresolved(message: str, help: str) -> Fault:
    return Fault(CODE, message, help or "write `lib/NAME` or `roles/NAME.md`")
