"""A markdown file beside roles that is none, and why."""

from __future__ import annotations

from orgruntime.diagnostics.codes import NOT_A_ROLE
from orgruntime.diagnostics.diagnostic import Fault

CODE = NOT_A_ROLE


def left(why: str, *, is_plain: bool) -> Fault:
    """`is_plain`: the file is sound and merely has no front matter."""
    help = (
        "nothing has to be done if it is no role; otherwise begin it with front matter, or link it in the program"
        if is_plain
        else ""
    )
    return Fault(CODE, f"not read as a role: {why}", help)
