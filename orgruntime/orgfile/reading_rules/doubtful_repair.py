"""A value of a role file that is not YAML and can be read in more than one way: the likeliest reading is taken."""

from __future__ import annotations

from orgruntime.diagnostics.codes import DOUBTFUL_REPAIR
from orgruntime.diagnostics.diagnostic import Fault
from orgruntime.diagnostics.fixes import Fix

CODE = DOUBTFUL_REPAIR


def read(key: str, reason: str, read_as: str, fix: Fix | None) -> Fault:
    """`reason`: why YAML refuses the value, in parentheses, or empty."""
    message = f"the value of `{key}` is not valid YAML{reason}; it is read as {read_as}"
    help = "check that this is what you mean" + ("; `orgrun fix --unsafe` writes it that way" if fix else "")
    return Fault(CODE, message, help, fix=fix)
