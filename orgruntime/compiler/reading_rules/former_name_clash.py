"""A former slug that another role has: what is said of the old name could mean either."""

from __future__ import annotations

from orgruntime.diagnostics.codes import FORMER_NAME_CLASH
from orgruntime.diagnostics.diagnostic import Fault

CODE = FORMER_NAME_CLASH


def taken(old: str, slug: str, owner: str) -> Fault:
    """`owner`: the role that has the name, or had it."""
    if owner == slug:
        message = f"`was: {old}` is what the role is called now"
        return Fault(CODE, message, "name what it was called before, or delete it")
    how = "is called so" if owner == old else "was called so too"
    message = f"`{slug}` cannot have been `{old}`: the role `{owner}` {how}"
    return Fault(CODE, message, "delete the name from the `was` of one of the two")
