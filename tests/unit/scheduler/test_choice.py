"""The choice within a panel: shares hold at every moment, results concentrate it and starve nobody."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, replace
from statistics import fmean

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orgruntime.scheduler.choice import (
    FIRST_TRIES,
    LEAST_SHARE,
    Record,
    by_results,
    by_shares,
    in_turn,
)

NAMES = ("a", "b", "c")


def known(name: str, *gains: float, usd: float = 0.1, pending: int = 0) -> Record:
    """A member past its first tries, whose steps cost `usd` each."""
    steps = len(gains) + pending
    return Record(name, steps=steps, pending=pending, gains=gains, usd=usd * steps)


@dataclass(frozen=True)
class Member:
    """What a simulated member is really like."""

    mean: float
    usd: float = 0.1
    sd: float = 1.0


def simulated(members: Sequence[Member], steps: int, quantile: float = 0.9, seed: int = 1, late: int = 0) -> list[int]:
    """How many of `steps` each member gets. `late`: results come in so many steps after the choice."""
    rng = random.Random(seed)
    gains: list[list[float]] = [[] for _ in members]
    given_to: list[int] = []
    for _ in range(steps):
        done = max(0, len(given_to) - late)
        panel = []
        for i, member in enumerate(members):
            so_far, pending = given_to.count(i), given_to[done:].count(i)
            panel.append(Record(str(i), so_far, pending, tuple(gains[i][: so_far - pending]), usd=member.usd * so_far))
        i = int(by_results(panel, quantile).name)
        given_to.append(i)
        gains[i].append(rng.gauss(members[i].mean, members[i].sd))
    return [given_to.count(i) for i in range(len(members))]


def test_in_turn_is_by_desk() -> None:
    assert [in_turn(NAMES, desk) for desk in range(5)] == ["a", "b", "c", "a", "b"]


@given(st.lists(st.floats(0.001, 1), min_size=1, max_size=8), st.integers(1, 120))
def test_shares_hold_within_one_step_at_every_moment(weights: list[float], steps: int) -> None:
    shares = {str(i): weight for i, weight in enumerate(weights)}
    counts = dict.fromkeys(shares, 0)
    for step in range(1, steps + 1):
        counts[by_shares(shares, counts).name] += 1
        for name, weight in shares.items():
            assert abs(counts[name] - step * weight / sum(weights)) <= 1 + 1e-6


def test_the_largest_deficit_first_would_not_hold_them() -> None:
    """The negative control: the simple rule leaves a member more than a step behind."""
    weights = [0.2072, 0.0928, 0.0439, 0.256, 0.0081, 0.0167, 0.0005, 0.0778, 0.2872, 0.0098]
    counts, worst = [0] * 10, 0.0
    for step in range(1, 150):
        counts[max(range(10), key=lambda i: weights[i] * step - counts[i])] += 1
        worst = max(worst, *(abs(weights[i] * step - counts[i]) for i in range(10)))
    assert worst > 1


def test_a_share_of_nothing_gets_nothing() -> None:
    counts = {"a": 0, "b": 0}
    for _ in range(20):
        counts[by_shares({"a": 1.0, "b": 0.0}, counts).name] += 1
    assert counts == {"a": 20, "b": 0}


def test_everybody_is_tried_first() -> None:
    counts = dict.fromkeys(NAMES, 0)
    for _ in range(3 * FIRST_TRIES):
        pick = by_results([Record(name, steps=counts[name], gains=(9.0,) * counts[name]) for name in NAMES], 0.9)
        counts[pick.name] += 1
        assert "before results count" in pick.reason
    assert set(counts.values()) == {FIRST_TRIES}


def test_the_better_member_gets_most_steps_and_the_other_is_never_starved() -> None:
    for seed in range(20):
        worse, better = simulated([Member(0.0), Member(1.5)], 300, seed=seed)
        assert better > 200, seed
        assert worse >= int(LEAST_SHARE / 2 * 299), seed


def test_results_that_come_late_change_little() -> None:
    counts = [simulated([Member(0.0), Member(1.5)], 300, seed=seed, late=8)[1] for seed in range(10)]
    assert fmean(counts) > 200


def test_of_equal_gains_the_cheaper_wins() -> None:
    counts = [simulated([Member(0.5, usd=1.0), Member(0.5, usd=0.1)], 300, seed=seed)[1] for seed in range(10)]
    assert fmean(counts) > 200


def test_what_is_free_does_not_win_by_being_free() -> None:
    counts = [simulated([Member(-3.0, usd=0.0), Member(1.5, usd=0.1)], 300, seed=seed)[1] for seed in range(10)]
    assert fmean(counts) > 200


@given(st.floats(0.5, 0.99), st.lists(st.floats(-3, 3), min_size=3, max_size=12), st.floats(0.01, 3))
def test_a_dominated_member_is_not_chosen(quantile: float, gains: list[float], usd: float) -> None:
    """As often tried, never better, never cheaper."""
    good = known("good", *[gain + 0.5 for gain in gains], usd=usd)
    bad = known("bad", *gains, usd=2 * usd)
    assert by_results([bad, good], quantile).name == "good"


def test_a_dominated_member_gets_fewer_steps() -> None:
    for seed in range(10):
        counts = simulated([Member(0.2, usd=0.3), Member(0.8), Member(1.2)], 300, seed=seed)
        assert counts[0] == min(counts) < 300 / 10


records = st.builds(
    lambda gains, usd, pending: (gains, usd, pending),
    st.lists(st.floats(-3, 5), min_size=3, max_size=30),
    st.floats(0.01, 2),
    st.integers(0, 5),
)


@given(st.lists(records, min_size=2, max_size=5), st.floats(0.5, 0.99), st.floats(0.5, 0.99))
def test_more_optimism_never_judges_a_member_worse(
    panel: list[tuple[list[float], float, int]], low: float, high: float
) -> None:
    low, high = sorted((low, high))
    members = [known(str(i), *gains, usd=usd, pending=pending) for i, (gains, usd, pending) in enumerate(panel)]
    cautious, bold = by_results(members, low).numbers, by_results(members, high).numbers
    for member in members:
        if f"{member.name}: bound" in cautious:
            assert float(bold[f"{member.name}: bound"]) >= float(cautious[f"{member.name}: bound"])


def test_more_optimism_backs_the_less_known() -> None:
    """The second is a little worse and tried less: below some quantile the first is chosen, above it the second."""
    panel = [known("known", *[1.0, 0.5] * 10), known("new", 0.6, 0.7, 0.5, 0.6)]
    picks = [by_results(panel, q / 100).name for q in range(50, 100)]
    assert picks == sorted(picks)
    assert set(picks) == {"known", "new"}


@given(st.lists(records, min_size=2, max_size=5), st.floats(0.5, 0.99))
def test_the_same_records_give_the_same_pick(panel: list[tuple[list[float], float, int]], quantile: float) -> None:
    members = [known(str(i), *gains, usd=usd, pending=pending) for i, (gains, usd, pending) in enumerate(panel)]
    assert by_results(members, quantile) == by_results([replace(member) for member in members], quantile)


def test_ties_go_to_fewer_steps_then_to_the_order() -> None:
    same = [Record(name, steps=5, gains=(1.0,) * 5) for name in NAMES]
    assert by_results(same, 0.9).name == "a"


def test_a_member_that_proposes_nothing_pays_for_its_silence() -> None:
    """Its steps bring no number and cost dollars."""
    silent = known("silent", *[0.0] * 10, usd=0.5)
    assert by_results([silent, known("speaks", *[0.1] * 10, usd=0.5)], 0.9).name == "speaks"


def test_device_time_counts() -> None:
    gains = (0.5,) * 5
    thrifty = Record("thrifty", steps=5, gains=gains, usd=0.5, gpu_s=60)
    greedy = Record("greedy", steps=5, gains=gains, usd=0.5, gpu_s=36_000)
    assert by_results([greedy, thrifty], 0.9).name == "thrifty"
    assert thrifty.cost == pytest.approx(0.5 + 60 * 2.5 / 3600)
