"""Worlds: the laws of luck and ideas, and curves that end where a run ends."""

from __future__ import annotations

from random import Random
from statistics import fmean, pstdev

import pytest

from orgruntime.simulator.worlds import NOISES, WORLDS, NoiseName, World, WorldName, curve_shape, shown_at


@pytest.mark.parametrize("name", NoiseName)
def test_luck_has_mean_0_and_spread_1(name: NoiseName) -> None:
    random = Random(1)
    draws = [NOISES[name](random) for _ in range(40_000)]
    assert fmean(draws) == pytest.approx(0.0, abs=0.03)
    assert pstdev(draws) == pytest.approx(1.0, abs=0.1)


def test_a_pair_shares_half_of_its_luck() -> None:
    random, world = Random(2), World()
    gains = []
    for _ in range(10_000):
        seed = world.noise(random)
        gains.append(world.run(0.0, seed, random) - world.run(0.0, seed, random))
    assert pstdev(gains) == pytest.approx(1.0, abs=0.05), "√2 · √½, where independent runs differ by √2"


@pytest.mark.parametrize(("name", "good"), [("null", 0.0), ("sparse", 0.06), ("typical", 0.15), ("dense", 0.35)])
def test_so_many_ideas_are_good(name: str, good: float) -> None:
    random = Random(3)
    effects = [WORLDS[WorldName(name)].effect(random, long_shot=False) for _ in range(20_000)]
    assert fmean(effect > 0 for effect in effects) == pytest.approx(good, abs=0.01)


def test_a_long_shot_gains_more_rarely_and_more() -> None:
    random, ideas = Random(4), WORLDS[WorldName.DENSE]
    shots, bets = ([ideas.effect(random, long_shot=long) for _ in range(20_000)] for long in (True, False))
    assert fmean(e > 0 for e in shots) < fmean(e > 0 for e in bets) / 2
    assert fmean(e for e in shots if e > 0) > 3 * fmean(e for e in bets if e > 0)


def test_no_attempt_is_longer_than_its_limit() -> None:
    random, world = Random(5), World(straggler=0.5, slow=100.0)
    seconds = [world.duration(random, 600.0) for _ in range(200)]
    assert max(seconds) == 600.0
    assert min(seconds) < 400.0


def test_a_curve_comes_up_to_the_end_of_its_run() -> None:
    random = Random(6)
    shape = curve_shape(random)
    early, late, end = (fmean(shown_at(5.0, shape, share, random) for _ in range(500)) for share in (0.1, 0.5, 1.0))
    assert early < late < end == pytest.approx(5.0, abs=0.05)
