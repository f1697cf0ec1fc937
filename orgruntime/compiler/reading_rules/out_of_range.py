"""A number, or a count of things, that cannot stand where it stands."""

from __future__ import annotations

from orgruntime.diagnostics.codes import OUT_OF_RANGE
from orgruntime.diagnostics.diagnostic import Fault

CODE = OUT_OF_RANGE


def value(path: str, why: str, help: str) -> Fault:
    """`why` completes "`PATH`: …"."""
    return Fault(CODE, f"`{path}`: {why}", help)


def no_room(path: str, context: int) -> Fault:
    message = f"`{path}` leaves no room for a question: a call has {context} tokens in all"
    return Fault(CODE, message, "let it be well below `context`")


def items(path: str, count: int, most: int) -> Fault:
    return Fault(CODE, f"`{path}` has {count} items, and {most} are allowed", "use patterns, or fewer items")
