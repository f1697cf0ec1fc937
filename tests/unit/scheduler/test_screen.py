"""The loose screen: one look at a failure, two at a promise."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orgruntime.scheduler.screen import Screening, believed_gain, screen


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
    assert (outcome is Screening.MORE) == (len(gains) == 0 or (len(gains) == 1 and gains[0] > 0))


def test_half_the_gain_is_believed() -> None:
    assert believed_gain([1.0, 0.5]) == 0.375
    assert believed_gain([]) == 0.0
