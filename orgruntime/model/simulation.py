"""What simulated runs came to. True values are in units of a run's spread; shares are of device time."""

from __future__ import annotations

from orgruntime.model.base import Noun


class Figure(Noun):
    """A mean or a share, with its 95 % interval."""

    mean: float
    low: float
    high: float


class Step(Noun):
    """Where a simulated run stood when so many trials were settled."""

    trials: int
    champion: float
    """True level of the champion over the base."""
    lead: float
    """Of the lead; for the control: what the champion's score says."""


class SimulatedRun(Noun):
    trials: int
    hours: float
    device_hours: float
    candidates: int
    """Ideas that were settled."""
    kept: int
    """Of them: moved the lead."""
    champions: int
    false_champions: int
    """Certified although the true gain is at most δ."""
    gain: float
    """True level of the last champion over the base."""
    gains: tuple[tuple[float, float], ...]
    """(true, reported) gain of each champion over the one before."""
    tests: int
    verification_trials: int
    killed: int
    """Trials that patience ended."""
    lost: int
    """Attempts that the cluster lost."""
    shares: dict[str, float]
    """Of the device time: `baseline`, `exploit`, `explore`, `verifying`, `killed` (ended by patience) and `wasted`
    (attempts that the cluster lost, candidates that crashed)."""
    exploring_share: float
    """Of the climb's device time, what long shots had."""
    exploring_target: float
    """What they were to have: the dial, doubled while the run was stuck; a mean over that time."""
    busy_share: float
    """Of the time of the devices that were there, from the first trial to the end."""
    largest_bite: float
    """The most that a trial of the climb held of what was left when it was started, trials aside."""
    overspent: bool
    ended: str
    curve: tuple[Step, ...] = ()

    @property
    def any_false(self) -> bool:
        return self.false_champions > 0


class GreedyRun(Noun):
    """The negative control: whoever scores best is the champion."""

    trials: int
    champions: int
    false_champions: int
    """Champions that are no better than the one before."""
    gain: float
    """True level of the last one over the base."""
    recorded_gain: float
    """What its score says over that of the base."""
    curve: tuple[Step, ...] = ()

    @property
    def any_false(self) -> bool:
        return self.false_champions > 0

    @property
    def false_share(self) -> float:
        return self.false_champions / self.champions if self.champions else 0.0


class Simulation(Noun):
    """Many runs of one org in one world, and the control on the same world, as many trials each."""

    org: str
    preset: str
    world: str
    noise: str
    slots: int
    seed: int
    runs: tuple[SimulatedRun, ...]
    greedy: tuple[GreedyRun, ...]
