"""The race of candidates that run side by side: how far each has come, and what it had there.

Works in memory on points of curves. Does not decide who goes on: the policy does (`scheduler.halving`). Invariants: a
candidate meets only those of its own hardware class, at an equal share of an equal budget; what it had at a rung counts
for those after it, whether it went on or not.
"""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from orgruntime.model.ids import AttemptId, TrialKey
from orgruntime.model.trial import TrialProgress
from orgruntime.scheduler.decide import Racing
from orgruntime.scheduler.halving import WINDOW, newly_reached, rungs, value_at


@dataclass
class _Runner:
    attempt: AttemptId
    hardware: str
    curve: list[tuple[float, float]] = field(default_factory=list)
    judged: float = 0.0


class Race:
    """One a run, in the driver."""

    def __init__(self, keep: float, past: Iterable[tuple[str, Sequence[tuple[float, float]]]]) -> None:
        """`keep`: share that goes on past each rung. `past`: (hardware, curve) of earlier candidates, oldest first."""
        self._keep = keep
        self.rungs = rungs(keep)
        self._runners: dict[TrialKey, _Runner] = {}
        self._keys: dict[AttemptId, TrialKey] = {}
        self._had: dict[tuple[str, float], deque[float]] = defaultdict(lambda: deque(maxlen=WINDOW))
        self.ended: dict[AttemptId, str] = {}
        """Those that the policy has ended, and why, until they are settled."""
        for hardware, curve in past:
            for rung in self.rungs:
                value = value_at(curve, rung)
                if value is not None:
                    self._had[hardware, rung].append(value)

    def enter(self, key: TrialKey, attempt: AttemptId, hardware: str) -> None:
        self._runners[key] = _Runner(attempt, hardware)
        self._keys[attempt] = key

    def hear(self, news: TrialProgress) -> None:
        runner = self._runners.get(self._keys.get(news.attempt, TrialKey("")))
        if runner is not None:
            last = runner.curve[-1][0] if runner.curve else 0.0
            runner.curve += [(at, value) for at, value in news.points if at > last]

    def due(self) -> tuple[Racing, ...]:
        """Those that have reached a rung which they were not judged at."""
        found: list[Racing] = []
        had: dict[tuple[str, float], list[float]] = {}
        for key, runner in self._runners.items():
            rung = newly_reached(runner.curve, runner.judged, self._keep)
            if rung is None or runner.attempt in self.ended:
                continue
            place = (runner.hardware, rung)
            others = had.setdefault(place, list(self._had[place]))
            value = value_at(runner.curve, rung)
            assert value is not None, "a rung that was reached has its value"
            found.append(Racing(key, rung, value, tuple(others)))
            others.append(value)
        return tuple(found)

    def note(self, judged: Iterable[Racing]) -> None:
        for one in judged:
            runner = self._runners[one.key]
            runner.judged = one.rung
            self._had[runner.hardware, one.rung].append(one.value)

    def end(self, key: TrialKey, reason: str) -> AttemptId:
        """The attempt that is to be cancelled."""
        attempt = self._runners[key].attempt
        self.ended[attempt] = reason
        return attempt

    def leave(self, attempt: AttemptId) -> None:
        """It is settled."""
        self._runners.pop(self._keys.pop(attempt, TrialKey("")), None)
        self.ended.pop(attempt, None)
