"""Synthetic research: what ideas are worth, what luck does, what goes wrong on the way.

Works on numbers in units of a run's spread. Does not know clusters or policies. A candidate adds a true effect to the
code that it changes; a run shows the code's level plus luck, half of whose variance belongs to its seed and is shared
by a pair. On its way there a run shows a learning curve, and curves of different codes cross. Limits: effects add up,
ideas do not get harder to find, a straggler still gives its number within the time limit.

Invariant: everything is a function of the generator that is handed in.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from random import Random

SEED_SHARE = 0.5
"""Share of a run's variance that belongs to its seed."""
LONG_SHOT_RARITY = 3.0
"""A long shot gains this much more rarely than a safe bet …"""
LONG_SHOT_REACH = 5.0
"""… and this much more when it does: the mean is higher, so is the spread."""
CURVE_JITTER = 0.1
"""Spread of a point of a curve around the curve, in run spreads."""


@dataclass(frozen=True)
class Ideas:
    """What candidates are worth."""

    nothing: float
    """Share of candidates without an effect."""
    worse: float
    """Share of candidates that do harm: half-normal, 0.8 run spreads."""
    good_scale: float = 0.5
    """The rest: exponential gains of this mean, in run spreads."""

    @property
    def good(self) -> float:
        return max(0.0, 1.0 - self.nothing - self.worse)

    def effect(self, random: Random, *, long_shot: bool) -> float:
        good, reach = (self.good / LONG_SHOT_RARITY, LONG_SHOT_REACH) if long_shot else (self.good, 1.0)
        draw = random.random()
        if draw < good:
            return random.expovariate(1.0 / (self.good_scale * reach))
        if draw < good + self.worse:
            return -abs(random.gauss(0.0, 0.8))
        return 0.0


class WorldName(StrEnum):
    NULL = "null"
    SPARSE = "sparse"
    TYPICAL = "typical"
    DENSE = "dense"


class NoiseName(StrEnum):
    GAUSSIAN = "gaussian"
    HEAVY = "heavy-tailed"
    TWO_POINT = "two-point"
    SKEWED = "skewed"


WORLDS = {
    WorldName.NULL: Ideas(0.60, 0.40),
    WorldName.SPARSE: Ideas(0.60, 0.34),
    WorldName.TYPICAL: Ideas(0.55, 0.30),
    WorldName.DENSE: Ideas(0.40, 0.25),
}


def _gaussian(random: Random) -> float:
    return random.gauss(0.0, 1.0)


def _student3(random: Random) -> float:
    """Student's t with 3 degrees of freedom, scaled to variance 1."""
    chi2 = sum(random.gauss(0.0, 1.0) ** 2 for _ in range(3))
    return random.gauss(0.0, 1.0) / math.sqrt(chi2 / 3.0) / math.sqrt(3.0)


def _two_point(random: Random) -> float:
    """A run that falls into one of two basins, with a little blur; variance 1."""
    return (random.choice((-1.0, 1.0)) + random.gauss(0.0, 0.1)) / math.sqrt(1.01)


def _skewed(random: Random) -> float:
    """A log-normal with mean 0 and variance 1: rare great luck, frequent small misfortune."""
    sigma = 0.8
    mean, spread = math.exp(sigma**2 / 2), math.sqrt((math.exp(sigma**2) - 1) * math.exp(sigma**2))
    return (random.lognormvariate(0.0, sigma) - mean) / spread


NOISES: dict[NoiseName, Callable[[Random], float]] = {
    NoiseName.GAUSSIAN: _gaussian,
    NoiseName.HEAVY: _student3,
    NoiseName.TWO_POINT: _two_point,
    NoiseName.SKEWED: _skewed,
}


@dataclass(frozen=True)
class World:
    """`crash`: share of candidates whose code fails. `lost`: chance that the cluster loses an attempt. `straggler`:
    chance that an attempt takes `slow` times as long."""

    ideas: Ideas = WORLDS[WorldName.TYPICAL]
    noise: Callable[[Random], float] = _gaussian
    crash: float = 0.05
    lost: float = 0.01
    straggler: float = 0.02
    slow: float = 4.0
    trial_s: float = 300.0
    think_s: float = 5.0
    """From an invitation to a proposal."""
    language_models: bool = False
    """Whether those who think hold back nobody while a place is empty, as desks of language models do not."""
    node_life_s: float = math.inf
    """Mean time until a node is lost with everything that runs on it."""
    node_back_s: float = 600.0
    """Until a node comes back."""

    def run(self, level: float, seed_luck: float, random: Random) -> float:
        return level + math.sqrt(SEED_SHARE) * seed_luck + math.sqrt(1.0 - SEED_SHARE) * self.noise(random)

    def duration(self, random: Random, limit_s: float) -> float:
        """Seconds of one attempt, at most its limit."""
        slow = self.slow if random.random() < self.straggler else 1.0
        return min(limit_s, self.trial_s * slow * (0.9 + 0.2 * random.random()))


def curve_shape(random: Random) -> tuple[float, float]:
    """How a code learns: (how far below its end it starts, how fast it comes up)."""
    return random.uniform(0.5, 1.5), random.uniform(0.2, 0.6)


def shown_at(final: float, shape: tuple[float, float], share: float, random: Random) -> float:
    """What a run that will end at `final` shows when it has spent `share` of its budget: a power law, with jitter."""
    gap, bend = shape
    return final - gap * (math.pow(share, -bend) - 1.0) + random.gauss(0.0, CURVE_JITTER)
