"""Patience in a simulated run: what each rung has seen, and who goes on from it.

Works on values by seed and rung. Invariant: the seeds of a screen belong to the lead, so those who are compared ran on
the same seed, against the same lead, and had spent the same.
"""

from __future__ import annotations

from orgruntime.model.manifest import Direction
from orgruntime.scheduler.halving import Rung, rungs


class Patience:
    """`keep` 1 ends nobody."""

    def __init__(self, keep: float) -> None:
        self._keep = keep
        self.rungs = rungs(keep)
        self._seen: dict[tuple[str, float], Rung] = {}

    def goes_on(self, seed: str, rung: float, value: float) -> bool:
        """Whether a trial that has come to a rung with `value` (larger is better) goes on. The value is remembered."""
        found = self._seen.get((seed, rung))
        if found is None:
            found = self._seen[seed, rung] = Rung(self._keep, Direction.MAXIMIZE)
        return found.goes_on(value)
