"""What a changed value does to the org's authority, by the sense of its field. Works on two values and nothing else.

Invariant: where it cannot be told that the new value allows no more than the old one, the answer is not `narrower`.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from orgruntime.study.changes import Effect


def same(old: Any, new: Any) -> Effect:
    """Words and goals: no authority hangs on them."""
    return Effect.SAME


def different(old: Any, new: Any) -> Effect:
    """Values that no order holds between: commands, places."""
    return Effect.DIFFERENT


def more(old: Any, new: Any) -> Effect:
    """The larger number allows more. None on one side: not to be compared."""
    if old is None or new is None:
        return Effect.DIFFERENT
    return Effect.WIDER if new > old else Effect.NARROWER


def less(old: Any, new: Any) -> Effect:
    """The smaller number allows more."""
    return more(new, old)


def bound(old: Any, new: Any) -> Effect:
    """A limit; None is no limit."""
    if old is None:
        return Effect.NARROWER
    return Effect.WIDER if new is None else more(old, new)


def held(old: Any, new: Any) -> Effect:
    """What is taken, called or read where it is set; None is nothing."""
    if old is None:
        return Effect.WIDER
    if new is None:
        return Effect.NARROWER
    return more(old, new) if isinstance(old, int | float) else Effect.DIFFERENT


def granted(old: Collection[Any], new: Collection[Any]) -> Effect:
    """A set of things that may be used."""
    gained, lost = set(new) - set(old), set(old) - set(new)
    if gained and lost:
        return Effect.DIFFERENT
    if gained:
        return Effect.WIDER
    return Effect.NARROWER if lost else Effect.SAME
