"""What stands in for a name or a description that a role file does not give."""

from __future__ import annotations

from orgruntime.diagnostics.codes import STAND_IN
from orgruntime.diagnostics.diagnostic import Fault

CODE = STAND_IN


def name(what: str, used: str) -> Fault:
    """`what` stands in: `its path`, `its first heading`."""
    return Fault(CODE, f"`name` is missing; {what} stands in: `{used}`", "add `name:` to have it otherwise")


def description() -> Fault:
    message = "`description` is missing; `title` stands in"
    return Fault(CODE, message, "add `description:` to have it otherwise")


def no_front_matter() -> Fault:
    message = "no front matter; the first heading and the first paragraph stand in for name and description"
    return Fault(CODE, message, "nothing has to be done; front matter would say what tools and model the role asks for")
