"""The loose screen: one look at a failure, two at a promise."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orgruntime.scheduler.screen import SURE, TAU, Screening, believed_gain, screen


@pytest.mark.parametrize(
    ("gains", "outcome"),
    [
        ([], Screening.MORE),
        ([0.1], Screening.MORE),
        ([0.0], Screening.FAIL),
        ([-0.1], Screening.FAIL),
        ([float("nan")], Screening.FAIL),
        ([0.4, 0.3], Screening.PASS),
        ([0.3, 0.3], Screening.FAIL),
        ([1.9], Screening.MORE),
        ([2.0], Screening.PASS),
        ([1.0, -0.3], Screening.PASS),
        ([1.0, -0.5], Screening.FAIL),
        ([-1.0, 9.0], Screening.FAIL),
    ],
)
def test_the_outcomes_of_a_screen_at_a_noise_of_1(gains: list[float], outcome: Screening) -> None:
    assert screen(gains, 1.0) is outcome


@given(st.lists(st.floats(-10, 10), max_size=4), st.floats(1e-9, 10))
def test_two_pairs_always_decide(gains: list[float], sd: float) -> None:
    outcome = screen(gains, sd)
    assert (outcome is Screening.MORE) == (len(gains) == 0 or (len(gains) == 1 and 0 < gains[0] < SURE * sd))


def test_a_first_gain_that_decides_alone_would_hardly_ever_be_undone() -> None:
    """Whatever the candidate is worth, few of those that one pair passes would fail on a second."""
    rng = random.Random(1)
    for spread in (0.0, 0.5, 1.0, 2.0):
        firsts = ((worth, rng.gauss(worth, 1.0)) for worth in (rng.gauss(0.0, spread) for _ in range(100_000)))
        alone = [(worth, first) for worth, first in firsts if screen([first], 1.0) is Screening.PASS]
        undone = sum(not (first + rng.gauss(worth, 1.0)) / 2 > TAU for worth, first in alone)
        assert undone / len(alone) < (0.06 if spread == 0.0 else 0.05)


def test_half_the_gain_of_two_pairs_is_believed_and_a_third_of_one() -> None:
    assert believed_gain([1.0, 0.5]) == 0.375
    assert believed_gain([3.0]) == 1.0
    assert believed_gain([]) == 0.0
