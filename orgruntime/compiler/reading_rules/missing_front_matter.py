"""A program without the part that is enforced."""

from __future__ import annotations

from collections.abc import Sequence

from orgruntime.diagnostics.codes import MISSING_FRONT_MATTER
from orgruntime.diagnostics.diagnostic import Fault

CODE = MISSING_FRONT_MATTER


def of_program() -> Fault:
    return Fault(CODE, "the program has no front matter, where its objective, workspace and budget are to stand", _HELP)


def of_somebody_else(names: Sequence[str]) -> Fault:
    """Of front matter with none of our keys."""
    shown = ", ".join(f"`{name[:40]}`" for name in names[:4])
    has = f"holds {shown}{' and more' if len(names) > 4 else ''}" if names else "is empty"
    return Fault(CODE, f"the front matter {has}, and no objective, workspace or budget: the program is prose", _HELP)


_HELP = (
    "begin with `---`, `format: orgruntime/1`, `objective:`, `workspace:`, `budget:` and `---`; "
    "`orgrun import` drafts it from a program that is prose alone"
)
