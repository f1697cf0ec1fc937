"""A value of a role file that is not YAML and has one reading: the words that stand there."""

from __future__ import annotations

from orgruntime.diagnostics.codes import REPAIRED_FRONT_MATTER
from orgruntime.diagnostics.diagnostic import Fault
from orgruntime.diagnostics.fixes import Fix

CODE = REPAIRED_FRONT_MATTER


def read(key: str, reason: str, read_as: str, fix: Fix) -> Fault:
    """`reason`: why YAML refuses the value, in parentheses, or empty."""
    message = f"the value of `{key}` is not valid YAML{reason}; it is read as {read_as}"
    return Fault(CODE, message, "put the value in quotes, as `orgrun fix` does", fix=fix)
