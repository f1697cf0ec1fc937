"""Commands of a workspace: placeholders filled, words split. No shell ever sees them."""

from __future__ import annotations

import shlex
from functools import lru_cache


def filled_command(command: str, *, seed: int, budget: float) -> tuple[str, ...]:
    """The words of `command` with {seed} and {budget} (a fraction in (0, 1]) filled in after the split, so that
    nothing that is filled in can become two words."""
    values = {"{seed}": str(seed), "{budget}": f"{budget:g}"}
    words = list(_words(command))
    for name, value in values.items():
        words = [word.replace(name, value) for word in words]
    return tuple(words)


@lru_cache(maxsize=16)
def _words(command: str) -> tuple[str, ...]:
    """A run has two commands, and a trial every few milliseconds at best."""
    return tuple(shlex.split(command))
