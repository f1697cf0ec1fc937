"""A program without the part that is enforced."""

from __future__ import annotations

from orgruntime.diagnostics.codes import MISSING_FRONT_MATTER
from orgruntime.diagnostics.diagnostic import Fault

CODE = MISSING_FRONT_MATTER


def of_program() -> Fault:
    message = "the program has no front matter, where its objective, workspace and budget are to stand"
    help = (
        "begin with `---`, `format: orgruntime/1`, `objective:`, `workspace:`, `budget:` and `---`; "
        "`orgrun import` drafts it from a program that is prose alone"
    )
    return Fault(CODE, message, help)
