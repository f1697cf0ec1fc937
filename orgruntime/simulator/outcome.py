"""What a simulated run came to, and many of them together.

Works on finished runs. Invariant: shares are of device time, truths are in units of a run's spread.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import sqrt
from statistics import fmean, stdev

from orgruntime.model.base import Noun


class Step(Noun):
    """Where a run stood at one moment of its virtual time."""

    hours: float
    champion: float
    """True level of the champion over the base."""
    lead: float


class SimulatedRun(Noun):
    """`*_share`: of the device time that was spent. `wasted`: on attempts that the cluster lost and on candidates that
    crashed; `verifying`: on certifications and their laps; `exploring`: of the climb's time, on long shots."""

    trials: int
    hours: float
    champions: int
    false_champions: int
    """Certified although the true gain is at most δ."""
    gain: float
    """True level of the last champion over the base."""
    reported_gain: float
    lead: float
    tests: int
    wasted_share: float
    verifying_share: float
    exploring_share: float
    busy_share: float
    """Of the devices' time while trials waited or could have been asked for."""
    ended: str
    curve: tuple[Step, ...] = ()


class Figure(Noun):
    """A mean with its 95 % interval over the runs."""

    mean: float
    low: float
    high: float


class Simulated(Noun):
    """Many runs of one org in one world."""

    world: str
    noise: str
    devices: float
    runs: tuple[SimulatedRun, ...]

    def figure(self, name: str) -> Figure:
        """Of a field of `SimulatedRun` that is a number."""
        return figure_of([float(getattr(run, name)) for run in self.runs])


def figure_of(values: Sequence[float]) -> Figure:
    mean = fmean(values)
    half = 1.96 * stdev(values) / sqrt(len(values)) if len(values) > 1 else 0.0
    return Figure(mean=mean, low=mean - half, high=mean + half)
