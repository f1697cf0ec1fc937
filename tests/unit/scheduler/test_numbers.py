"""The appetite's numbers: fixed by what is known at the start, affordable, and ordered as the presets are."""

from __future__ import annotations

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from orgruntime.model.amounts import Budget
from orgruntime.model.appetite import PRESETS, Preset
from orgruntime.model.manifest import Direction, Objective, Resources
from orgruntime.model.numbers import Numbers
from orgruntime.model.research import Noise
from orgruntime.scheduler.evidence import fewest_pairs, threshold
from orgruntime.scheduler.numbers import (
    fewest_of_a_test,
    lap_of_a_test,
    numbers,
    pairs_of_a_test,
    payable_trials,
    planned_tests,
    trigger_sd,
    with_noise,
)

NOISE = Noise(sd=0.02, pairs=5, correlation=0.5, deterministic=False, baseline=2.5)


def figures(
    preset: Preset = Preset.BALANCED, min_effect: float = 0.0, noise: Noise | None = None, **budget: int
) -> Numbers:
    objective = Objective(metric="loss", direction=Direction.MINIMIZE, min_effect=min_effect)
    return numbers(PRESETS[preset], Budget(**budget), objective, 60.0, Resources(), noise)


@pytest.mark.parametrize(
    ("preset", "trials", "tests", "first", "n_min"),
    [
        (Preset.BALANCED, 120, 1, 20, 5),
        (Preset.BALANCED, 140, 2, 40, 6),
        (Preset.BALANCED, 200, 3, 60, 7),
        (Preset.BALANCED, 5000, 15, 300, 9),
        (Preset.CAUTIOUS, 200, 2, 200, 9),
        (Preset.BOLD, 200, 3, 15, 5),
        (Preset.BALANCED, 10, 1, 20, 5),
    ],
)
def test_the_numbers_of_known_budgets(preset: Preset, trials: int, tests: int, first: float, n_min: int) -> None:
    found = figures(preset, trials=trials)
    assert (found.tests_planned, found.first_threshold, found.n_min) == (tests, pytest.approx(first), n_min)


@given(st.sampled_from([0.01, 0.05, 0.2]), st.integers(0, 3000))
def test_as_many_tests_are_planned_as_can_all_be_won_and_no_more(alpha: float, allowance: int) -> None:
    def cost(tests: int) -> int:
        """Every test won by clear wins alone: the bar falls with each champion, later laps run the base as well."""
        laps = 6 + 9 * (tests - 1)
        return laps + sum(2 * fewest_pairs(threshold(alpha, tests, champions)) for champions in range(tests))

    tests = planned_tests(alpha, allowance)
    assert 1 <= tests <= 15
    assert tests == 1 or cost(tests) <= allowance
    assert tests == 15 or cost(tests + 1) > allowance
    assert planned_tests(alpha, allowance + 50) >= tests


@given(st.sampled_from(Preset), st.integers(1, 5000), st.floats(1e-6, 10), st.floats(0, 1))
def test_the_noise_changes_only_what_is_in_the_metrics_units(
    preset: Preset, trials: int, sd: float, min_effect: float
) -> None:
    before = figures(preset, min_effect, trials=trials)
    noise = NOISE.model_copy(update={"sd": sd})
    after = figures(preset, min_effect, noise, trials=trials)
    assert after == with_noise(before, noise)
    own = {"sd", "delta", "scale", "trigger"}
    assert after.model_dump(exclude=own) == before.model_dump(exclude=own)
    assert after.delta is not None
    assert after.trigger is not None
    assert after.trigger > after.delta >= min_effect
    assert after.scale == 2 * sd


@given(st.sampled_from(Preset), st.integers(1, 5000))
def test_a_certification_that_may_open_can_be_won_and_reported_under_the_cap(preset: Preset, trials: int) -> None:
    found = figures(preset, trials=trials)
    assert found.verification_trials is not None
    assert found.verification_trials <= 0.3 * trials
    assert found.max_pairs >= found.n_min
    assume(found.can_certify)
    assert found.certification_cost == 2 * found.n_min + 2 + 6 <= found.verification_trials
    assert 2 * found.max_pairs + found.lap_trials <= found.verification_trials


def test_delta_is_the_larger_of_the_two_smallest_wins() -> None:
    assert figures(noise=NOISE, trials=200).delta == pytest.approx(0.5 * 0.02)
    assert figures(noise=NOISE, trials=200).trigger == pytest.approx(3 * 0.02)
    big = figures(noise=NOISE, min_effect=0.05, trials=200)
    assert big.delta == 0.05
    assert big.trigger == pytest.approx(0.05 + 2.5 * 0.02)


@pytest.mark.parametrize(("smallest_win", "sd"), [(0, 1.5), (0.25, 2), (0.5, 3), (0.75, 3.5), (1.0, 4), (2.0, 5)])
def test_the_trigger_of_a_smallest_win(smallest_win: float, sd: float) -> None:
    assert trigger_sd(smallest_win) == pytest.approx(sd)


@given(st.floats(0, 10), st.floats(0, 1))
def test_the_trigger_grows_with_the_smallest_win_and_stays_above_it(smallest_win: float, more: float) -> None:
    assert trigger_sd(smallest_win + more) >= trigger_sd(smallest_win) - 1e-12
    assert trigger_sd(smallest_win) >= smallest_win + 1.5 - 1e-9


def test_the_presets_are_ordered() -> None:
    cautious, balanced, bold = (figures(preset, trials=600) for preset in Preset)
    assert cautious.first_threshold > balanced.first_threshold > bold.first_threshold
    assert cautious.trigger_sd > balanced.trigger_sd > bold.trigger_sd
    assert cautious.stake["trials"] < balanced.stake["trials"] < bold.stake["trials"]


@pytest.mark.parametrize(
    ("budget", "shape", "slots", "trials"),
    [
        (Budget(trials=7, cpu_ms=1), Resources(), 1, 7),
        (Budget(cpu_ms=600_000), Resources(cpus=2), 1, 5),
        (Budget(gpu_ms=600_000, cpu_ms=6_000_000), Resources(gpus=0.5), 1, 20),
        (Budget(gpu_ms=600_000), Resources(), 1, None),
        (Budget(wall_ms=600_000), Resources(), 1, 10),
        (Budget(wall_ms=600_000), Resources(), 4, 40),
        (Budget(usd_micro=1, tokens=1), Resources(), 1, None),
        (Budget(cpu_ms=1), Resources(), 1, 0),
    ],
)
def test_what_a_budget_pays_for_in_the_worst_case(
    budget: Budget, shape: Resources, slots: int, trials: int | None
) -> None:
    assert payable_trials(budget, 60.0, shape, slots) == trials


def test_a_budget_without_trials_still_gives_numbers() -> None:
    found = figures(usd_micro=20_000_000)
    assert (found.tests_planned, found.verification_trials, found.max_pairs) == (15, None, 27)
    assert found.can_certify
    assert found.stake == {"usd_micro": 1_000_000}
    assert found.dry_spell_trials is None


def test_stakes_and_dry_spell_in_units() -> None:
    found = figures(Preset.BOLD, trials=200, cpu_ms=1000, wall_ms=5000)
    assert found.stake == {"trials": 30, "cpu_ms": 150}
    assert found.dry_spell_trials == 100


def test_numbers_survive_their_json() -> None:
    found = figures(noise=NOISE, trials=200)
    assert Numbers.model_validate_json(found.model_dump_json()) == found


@given(
    preset=st.sampled_from(Preset), trials=st.integers(20, 600), certified=st.integers(0, 6), used=st.integers(0, 200)
)
def test_a_test_that_the_cap_lets_through_stays_within_it(
    preset: Preset, trials: int, certified: int, used: int
) -> None:
    """The bar falls with every champion: the pairs that the first test needs are no floor for later ones."""
    found = figures(preset, trials=trials)
    assert found.verification_trials is not None
    left = found.verification_trials - used
    lap = lap_of_a_test(found, champion_is_base=not certified)
    assume(2 * fewest_of_a_test(found, certified) + lap <= left)
    pairs = pairs_of_a_test(found, certified, champion_is_base=not certified, left=(left, None))
    assert 2 * pairs + lap <= left
    assert fewest_of_a_test(found, certified) <= pairs <= max(found.max_pairs, fewest_of_a_test(found, certified))
