"""The e-process is fair under H0, replayable, stops where it may, and keeps its promises in simulation."""

from __future__ import annotations

import itertools
from random import Random
from statistics import fmean

import pytest
from claims_evidence import clipped_centre, ever_reaches, lower, upper
from hypothesis import assume, given
from hypothesis import strategies as st
from two_tier import run_greedy, run_org
from worlds import NOISES, WORLDS, Lab

from orgruntime.model.appetite import PRESETS, Preset
from orgruntime.model.manifest import Direction
from orgruntime.model.research import EvidenceState, Pair
from orgruntime.scheduler.evidence import (
    LARGEST_STAKE,
    Evidence,
    bet,
    fewest_pairs,
    hypothesis,
    judge,
    lap_summary,
    observe,
    replay,
    stake,
    threshold,
)

GAINS = st.lists(st.floats(-1e6, 1e6), max_size=30)


def after(gains: list[float], delta: float = 0.0, scale: float = 1.0) -> Evidence:
    evidence = Evidence()
    for gain in gains:
        evidence = bet(evidence, gain, delta, scale)
    return evidence


def pair(champion: float | None, lead: float | None, gain: float = 0.0) -> Pair:
    return Pair(seed=1, champion=champion, lead=lead, gain=gain, order="champion first")


# The bet


@given(GAINS, st.floats(0.0, 5.0), st.floats(-2.0, 2.0))
def test_a_fair_coin_leaves_the_wealth_as_it_was_whatever_came_before(
    gains: list[float], size: float, delta: float
) -> None:
    before = after(gains, delta)
    up, down = bet(before, delta + size, delta, 1.0), bet(before, delta - size, delta, 1.0)
    assert (up.wealth + down.wealth) / 2 == pytest.approx(before.wealth, rel=1e-6)


@given(GAINS)
def test_the_wealth_is_never_lost_entirely_and_no_stake_leaves_its_range(gains: list[float]) -> None:
    evidence = Evidence()
    for gain in gains:
        assert 0.0 <= stake(evidence) <= LARGEST_STAKE
        following = bet(evidence, gain, 0.0, 1.0)
        assert following.wealth >= evidence.wealth * (1 - LARGEST_STAKE) * 0.999
        evidence = following
    assert evidence.wealth > 0


@given(GAINS, st.floats(-3, 3), st.floats(0, 3))
def test_a_larger_gain_is_never_worth_less(gains: list[float], gain: float, more: float) -> None:
    before = after(gains)
    assert bet(before, gain + more, 0.0, 1.0).wealth >= bet(before, gain, 0.0, 1.0).wealth


@given(st.lists(st.floats(-1e3, 1e3), max_size=30), st.floats(0.001, 1000.0), st.floats(-100.0, 100.0))
def test_the_evidence_does_not_depend_on_the_metrics_unit(gains: list[float], unit: float, delta: float) -> None:
    plain = after(gains, delta, 2.0)
    scaled = after([gain * unit for gain in gains], delta * unit, 2.0 * unit)
    assert scaled.wealth == pytest.approx(plain.wealth, rel=1e-6)


def test_a_gain_counts_from_delta_and_no_further_than_the_scale() -> None:
    assert bet(Evidence(), 0.5, 0.5, 1.0).wealth == 1.0
    assert bet(Evidence(), 1.5, 0.5, 1.0).wealth == bet(Evidence(), 99.0, 0.5, 1.0).wealth == 1.5
    assert bet(Evidence(), -99.0, 0.5, 1.0).wealth == 0.5


def test_a_tie_is_evidence_against_a_lead_that_should_be_better_by_delta() -> None:
    evidence = bet(Evidence(), 0.0, 0.5, 1.0)
    assert evidence.wealth < 1
    assert evidence.wins == 0


def test_a_lead_that_crashed_loses_the_whole_bet() -> None:
    crashed = bet(Evidence(), None, 0.1, 2.0)
    assert (crashed.wealth, crashed.wins, crashed.excess) == (0.5, 0, -2.0)


@pytest.mark.parametrize(("gain", "scale"), [(float("nan"), 1.0), (float("inf"), 1.0), (1.0, 0.0), (1.0, float("nan"))])
def test_nonsense_is_refused(gain: float, scale: float) -> None:
    with pytest.raises(ValueError, match="must be"):
        bet(Evidence(), gain, 0.0, scale)


def test_the_wealth_of_known_pairs_by_hand() -> None:
    # Stakes .5, then .95 (a mean of 1 over a second moment of 1), then mean .75 over (1 + 1 + .25)/3 = .75: .95 again.
    assert after([1.0]).wealth == pytest.approx(1.5)
    assert after([1.0, 0.5]).wealth == pytest.approx(1.5 * (1 + 0.95 * 0.5))
    assert after([1.0, 0.5, -1.0]).wealth == pytest.approx(1.5 * (1 + 0.95 * 0.5) * (1 - 0.95))
    assert after([-1.0, -1.0, 1.0]).wealth == pytest.approx(0.5 * 0.5)


# Recorded pairs


def test_a_champion_that_crashed_alone_voids_the_pair() -> None:
    evidence = observe(Evidence(), pair(None, 1.0), 0.0, 1.0)
    assert (evidence.wealth, evidence.bets, evidence.voids, evidence.pairs) == (1.0, 0, 1, 1)


@pytest.mark.parametrize("champion", [None, 1.0])
def test_a_lead_that_crashed_loses_whatever_the_champion_did(champion: float | None) -> None:
    assert observe(Evidence(), pair(champion, None), 0.0, 1.0).wealth == 0.5


@given(GAINS)
def test_a_replay_gives_the_e_value_of_the_run(gains: list[float]) -> None:
    pairs = [pair(1.0, 1.0, gain) for gain in gains]
    assert replay(pairs, 0.2, 1.5) == after(gains, 0.2, 1.5).wealth


def test_a_replay_with_a_direction_does_not_believe_the_recorded_gain() -> None:
    forged = [pair(2.0, 2.5, gain=9.0)] * 5
    assert replay(forged, 0.0, 0.5) > 20
    assert replay(forged, 0.0, 0.5, Direction.MINIMIZE) == 0.25
    assert replay(forged, 0.0, 0.5, Direction.MAXIMIZE) == replay(forged, 0.0, 0.5)


# The threshold and the stop


@given(st.floats(0.001, 0.5), st.integers(1, 15))
def test_the_thresholds_spend_alpha_at_most_once(alpha: float, tests: int) -> None:
    assert sum(1 / threshold(alpha, tests, 0) for _ in range(tests)) <= alpha * 1.000001
    bars = [threshold(alpha, tests, certified) for certified in range(tests)]
    assert bars == sorted(bars, reverse=True)
    assert bars[-1] == pytest.approx(1 / alpha)


@pytest.mark.parametrize(("bar", "pairs"), [(1, 0), (1.5, 1), (20, 5), (60, 7), (300, 9), (1500, 12)])
def test_the_fewest_pairs_to_a_threshold(bar: float, pairs: int) -> None:
    assert fewest_pairs(bar) == pairs
    assert after([9.0] * pairs).wealth >= bar
    assert pairs == 0 or after([9.0] * (pairs - 1)).wealth < bar


def verdict(gains: list[float], bar: float = 20.0, cap: int = 20) -> EvidenceState:
    return judge(after(gains, 0.0, 2.0), threshold=bar, sd=1.0, max_pairs=cap)


def test_a_certification_passes_at_the_threshold_also_on_the_last_pair() -> None:
    assert verdict([9.0] * 4) is EvidenceState.RUNNING
    assert verdict([9.0] * 5) is EvidenceState.PASSED
    assert verdict([9.0] * 5, cap=5) is EvidenceState.PASSED


def test_it_is_futile_when_the_lead_looks_worse_or_no_better() -> None:
    assert verdict([-0.3, -0.3]) is EvidenceState.RUNNING
    assert verdict([-0.3, -0.3, -0.3]) is EvidenceState.FUTILE
    assert verdict([0.2] * 4) is EvidenceState.RUNNING
    assert verdict([0.2] * 5) is EvidenceState.FUTILE


def test_it_is_exhausted_at_the_cap_and_voids_count() -> None:
    voids = Evidence()
    for _ in range(20):
        voids = observe(voids, pair(None, 1.0), 0.0, 2.0)
    assert judge(voids, threshold=20, sd=1.0, max_pairs=20) is EvidenceState.EXHAUSTED
    assert verdict([0.3] * 20) is EvidenceState.EXHAUSTED


@given(st.lists(st.floats(-3, 3), max_size=12), st.floats(2, 2000), st.integers(1, 30))
def test_what_is_given_up_as_out_of_reach_could_not_have_passed(gains: list[float], bar: float, cap: int) -> None:
    evidence = after(gains[:cap], 0.0, 2.0)
    state = judge(evidence, threshold=bar, sd=1.0, max_pairs=cap)
    assume(state is EvidenceState.EXHAUSTED)
    for _ in range(cap - evidence.pairs):
        evidence = bet(evidence, 99.0, 0.0, 2.0)
        assert evidence.wealth < bar


def test_the_null_hypothesis_is_written_out() -> None:
    assert hypothesis("val_loss", 0.0125, 0.05) == (
        "H0: on a fresh pair of runs on one seed, the lead's improvement of val_loss minus 0.0125, "
        "clipped to ±0.05, is at most 0 on average"
    )


# The lap


def test_a_lap_gives_the_mean_and_an_interval_that_the_noise_floor_keeps_wide() -> None:
    lap = lap_summary([1.0, 1.0, 1.0], sd=0.3)
    assert lap.gain == 1.0
    assert lap.interval == pytest.approx((1.0 - 2.262 * 0.3 / 3**0.5, 1.0 + 2.262 * 0.3 / 3**0.5))


def test_a_lap_noisier_than_the_floor_widens_its_interval() -> None:
    low, high = lap_summary([0.0, 1.0, 2.0], sd=0.3).interval
    assert high - low == pytest.approx(2 * 2.262 * 1.0 / 3**0.5)


def test_a_lap_of_one_pair_rests_on_the_noise_floor_and_an_empty_one_is_refused() -> None:
    assert lap_summary([1.0], sd=0.5).interval == pytest.approx((1 - 1.131, 1 + 1.131))
    with pytest.raises(ValueError, match="without a finished pair"):
        lap_summary([], sd=0.5)


# The claims, fast (the long versions are benchmarks/claims.py)


@pytest.mark.parametrize("law", NOISES)
def test_c1_a_null_stream_is_rejected_with_probability_at_most_alpha(law: str) -> None:
    noise, random, n = NOISES[law], Random(3), 1500
    centre = clipped_centre(noise, draws=20_000)
    streams = [[noise(random) - centre for _ in range(25)] for _ in range(n)]
    for alpha in (0.01, 0.05, 0.20):
        assert upper(sum(ever_reaches(stream, 1 / alpha) for stream in streams), n) <= alpha


def test_c1_looking_at_a_naive_mean_after_every_pair_would_be_caught() -> None:
    random, hits, n = Random(3), 0, 500
    for _ in range(n):
        sums = itertools.accumulate(random.gauss(0, 1) for _ in range(25))
        hits += any(total / (i + 1) > 1.645 / (i + 1) ** 0.5 for i, total in enumerate(sums) if i >= 2)
    assert lower(hits, n) > 0.05


@pytest.mark.parametrize("preset", Preset)
def test_c1_c2_c6_a_run_crowns_no_false_champion_and_stays_under_the_cap(preset: Preset) -> None:
    alpha = PRESETS[preset].false_champions
    # Enough for the bound on the rate to come below alpha, at the same confidence for every preset.
    n = {Preset.CAUTIOUS: 460, Preset.BALANCED: 230, Preset.BOLD: 120}[preset]
    null = [run_org(Lab(Random(i), WORLDS["null"]), preset, 300) for i in range(n)]
    assert upper(sum(bool(story.gains) for story in null), n) <= alpha
    typical = [run_org(Lab(Random(i), WORLDS["typical"]), preset, 300) for i in range(n)]
    assert upper(sum(story.false > 0 for story in typical), n) <= alpha
    assert sum(len(story.gains) for story in typical) > 0.3 * n
    assert max(story.verification_runs for story in null + typical) <= 0.30 * 300
    assert max(story.runs for story in null + typical) <= 300


@pytest.mark.parametrize("world", WORLDS)
def test_c3_the_greedy_rule_fails_in_the_same_worlds(world: str) -> None:
    assert fmean(run_greedy(Lab(Random(i), WORLDS[world]), 600).false_share for i in range(30)) >= 0.3


@pytest.mark.parametrize(("bar", "effect", "within", "claimed"), [(20, 2.0, 10, 0.95), (20, 1.0, 20, 0.85)])
def test_c4_a_real_improvement_is_certified(bar: float, effect: float, within: int, claimed: float) -> None:
    random, n = Random(4), 1200
    hits = sum(ever_reaches([effect + random.gauss(0, 1) for _ in range(within)], bar) for _ in range(n))
    assert lower(hits, n) >= claimed


def test_c5_the_reported_gain_is_unbiased_and_its_interval_holds() -> None:
    stories = [run_org(Lab(Random(i), WORLDS["dense"]), Preset.BALANCED, 400) for i in range(250)]
    errors = [error for story in stories for error in story.reported]
    # About 600 laps with a spread of .58: three standard errors are .07.
    assert len(errors) > 400
    assert abs(fmean(errors)) <= 0.1
    assert sum(story.covered for story in stories) / len(errors) >= 0.95
