"""Toy research worlds in which the truth is known: what the claims about evidence are checked in.

A candidate adds a true effect to the code that it changes; a run shows the code's level plus luck of spread 1, half of
whose variance is the seed's and shared by a pair. Limits: effects add up, proposals do not get harder to find, a run
costs one unit.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random

SEED_SHARE = 0.5
"""Share of a run's variance that belongs to its seed."""


@dataclass(frozen=True)
class World:
    nothing: float
    """Share of candidates without an effect."""
    worse: float
    """Share of candidates that do harm: half-normal, 0.8 run spreads."""
    good_scale: float = 0.5
    """The rest: exponential gains of this mean, in run spreads."""

    def effect(self, random: Random) -> float:
        draw = random.random()
        if draw < self.nothing:
            return 0.0
        if draw < self.nothing + self.worse:
            return -abs(random.gauss(0.0, 0.8))
        return random.expovariate(1.0 / self.good_scale)


WORLDS = {
    "null": World(0.60, 0.40),
    "sparse": World(0.60, 0.34),
    "typical": World(0.55, 0.30),
    "dense": World(0.40, 0.25),
}


@dataclass
class Lab:
    """Runs code of a known level and counts the runs. `noise` draws luck of mean 0 and spread about 1."""

    random: Random
    world: World
    noise: Callable[[Random], float] = lambda random: random.gauss(0.0, 1.0)
    runs: int = 0
    seeds: dict[int, float] = field(default_factory=dict)

    def run(self, level: float, seed: int | None = None) -> float:
        """One run; without a seed, a fresh one."""
        self.runs += 1
        luck = self.noise(self.random) if seed is None or seed not in self.seeds else self.seeds[seed]
        if seed is not None:
            self.seeds[seed] = luck
        return level + math.sqrt(SEED_SHARE) * luck + math.sqrt(1.0 - SEED_SHARE) * self.noise(self.random)

    def gain(self, old: float, new: float) -> float:
        """One fresh pair on a seed of its own: the new code's metric minus the old's."""
        seed = -1 - self.runs
        return self.run(new, seed) - self.run(old, seed)


def student3(random: Random) -> float:
    """Student's t with 3 degrees of freedom, scaled to variance 1."""
    chi2 = sum(random.gauss(0.0, 1.0) ** 2 for _ in range(3))
    return random.gauss(0.0, 1.0) / math.sqrt(chi2 / 3.0) / math.sqrt(3.0)


def two_point(random: Random) -> float:
    """A run that falls into one of two basins, with a little blur."""
    return random.choice((-1.0, 1.0)) + random.gauss(0.0, 0.1)


def skewed(random: Random) -> float:
    """A log-normal with mean 0 and variance 1: rare great luck, frequent small misfortune."""
    sigma = 0.8
    mean, spread = math.exp(sigma**2 / 2), math.sqrt((math.exp(sigma**2) - 1) * math.exp(sigma**2))
    return (random.lognormvariate(0.0, sigma) - mean) / spread


def skewed_down(random: Random) -> float:
    """The mirror image: rare disasters, frequent small luck. The mean is 0, the clipped mean is above it."""
    return -skewed(random)


NOISES: dict[str, Callable[[Random], float]] = {
    "Gaussian": lambda random: random.gauss(0.0, 1.0),
    "t3": student3,
    "two-point": two_point,
    "skewed up": skewed,
    "skewed down": skewed_down,
}
