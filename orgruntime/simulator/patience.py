"""The race of candidates in a simulated run: what those before one had at the rung that it has reached.

Works on values by rung. Does not decide who goes on: the policy does. Invariant: what a candidate had at a rung counts
for those after it, whether it went on or not, as in the race of a real run.
"""

from __future__ import annotations

from collections import deque

from orgruntime.model.ids import TrialKey
from orgruntime.scheduler.decide import Racing
from orgruntime.scheduler.halving import WINDOW, rungs


class Patience:
    """`keep` 1 has no rungs, and ends nobody."""

    def __init__(self, keep: float) -> None:
        self.rungs = rungs(keep)
        self._had: dict[float, deque[float]] = {rung: deque(maxlen=WINDOW) for rung in self.rungs}
        self._due: list[Racing] = []

    def reach(self, key: TrialKey, rung: float, value: float) -> None:
        """A candidate has come to a rung."""
        self._due.append(Racing(key, rung, value, tuple(self._had[rung])))
        self._had[rung].append(value)

    def due(self) -> tuple[Racing, ...]:
        """Those to be judged, each once."""
        due, self._due = tuple(self._due), []
        return due
