"""Shares of the sleeves: claim C7, within one trial of the target at every moment while both have work."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orgruntime.model.research import RiskClass
from orgruntime.scheduler.sleeves import MOST, STUCK_AFTER, Sleeves, share_of_long_shots, turn, wanted_next

COSTS = st.floats(1.0, 100.0)
BOTH = (RiskClass.EXPLORE, RiskClass.EXPLOIT)


@given(st.floats(0.0, MOST), st.lists(st.tuples(COSTS, COSTS), min_size=1, max_size=200))
def test_a_share_is_within_one_trial_of_its_target_at_every_moment(share: float, pairs: list[tuple[float, float]]):
    sleeves, largest = Sleeves(), 0.0
    for explore, exploit in pairs:
        costs = {RiskClass.EXPLORE: explore, RiskClass.EXPLOIT: exploit}
        chosen = turn(sleeves, share, costs)
        sleeves = sleeves.given(chosen, costs[chosen])
        largest = max(largest, explore, exploit)
        assert abs(sleeves.explore - share * sleeves.total) <= largest + 1e-6


@given(st.sampled_from(BOTH), COSTS, st.floats(0, 1000), st.floats(0, 1000))
def test_a_sleeve_that_alone_has_work_gets_it(alone: RiskClass, cost: float, explore: float, exploit: float):
    assert turn(Sleeves(explore, exploit), 0.3, {alone: cost}) is alone


def test_nothing_waits():
    with pytest.raises(ValueError, match="no sleeve"):
        turn(Sleeves(), 0.3, {})


@given(st.floats(0.0, MOST), st.integers(1, 300), COSTS)
def test_the_next_trials_hold_the_shares_to_within_one(share: float, count: int, cost: float):
    assert abs(wanted_next(Sleeves(), share, cost, count) - share * count) <= 1


@pytest.mark.parametrize(
    ("exploration", "since_kept", "share"),
    [(0.3, 0, 0.3), (0.3, STUCK_AFTER - 1, 0.3), (0.3, STUCK_AFTER, 0.6), (0.3, 2 * STUCK_AFTER, MOST), (0.0, 99, 0.0)],
)
def test_the_share_doubles_while_the_org_is_stuck(exploration: float, since_kept: int, share: float):
    assert share_of_long_shots(exploration, since_kept) == pytest.approx(share)


def test_what_ran_at_once_is_no_sign_of_being_stuck():
    assert [share_of_long_shots(0.1, n, at_once=64) for n in (63, 64, 128)] == pytest.approx([0.1, 0.2, 0.4])


@given(st.floats(0.0, MOST), st.integers(0, 100_000))
def test_being_stuck_never_lowers_the_share_nor_passes_the_cap(exploration: float, since_kept: int):
    now, later = (share_of_long_shots(exploration, n) for n in (since_kept, since_kept + 1))
    assert exploration <= now <= later <= MOST


@given(st.floats(0, 100), st.floats(0, 100), st.floats(-200, 0))
def test_a_refund_never_makes_an_account_negative(explore: float, exploit: float, refund: float):
    sleeves = Sleeves(explore, exploit).given(RiskClass.EXPLORE, refund)
    assert sleeves.explore >= 0
    assert sleeves.exploit == exploit
