"""The noise floor estimates what it says, on the conservative side, and refuses a baseline that fails."""

from __future__ import annotations

from random import Random
from statistics import fmean, stdev

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orgruntime.scheduler.noise import NOISE_RUNS, BaselineError, floor, noise_runs, smallest_sd

FIVE_PAIRS = st.lists(st.tuples(st.floats(-100, 100), st.floats(-100, 100)), min_size=5, max_size=8)


def world(random: Random, seed_share: float, spread: float = 1.0) -> list[tuple[float, float]]:
    pairs = []
    for _ in range(5):
        seed = random.gauss(0, 1) * seed_share**0.5
        first, second = (seed + random.gauss(0, 1) * (1 - seed_share) ** 0.5 for _ in range(2))
        pairs.append((3 + spread * first, 3 + spread * second))
    return pairs


@pytest.mark.parametrize("seed_share", [0.0, 0.5, 0.9])
def test_it_is_root_two_times_the_single_run_spread_however_much_the_seeds_carry(seed_share: float) -> None:
    random = Random(2)
    floors = [floor(world(random, seed_share, 0.1)) for _ in range(1500)]
    assert fmean(found.sd**2 for found in floors) ** 0.5 == pytest.approx(2**0.5 * 0.1, rel=0.12)
    assert fmean(found.correlation for found in floors) == pytest.approx(seed_share, abs=0.2)
    assert not any(found.deterministic for found in floors)
    assert floors[0].pairs == 5


@given(FIVE_PAIRS, st.floats(0.01, 100), st.floats(-1000, 1000))
def test_shifting_and_scaling_the_metric_shifts_and_scales_the_floor(
    pairs: list[tuple[float, float]], unit: float, shift: float
) -> None:
    plain = floor(pairs)
    moved = floor([(a * unit + shift, b * unit + shift) for a, b in pairs])
    assert moved.baseline == pytest.approx(plain.baseline * unit + shift, abs=1e-6)
    assert moved.sd == pytest.approx(plain.sd * unit, rel=1e-3, abs=1e-5)
    assert 0.0 <= plain.correlation <= 1.0
    assert plain.sd >= smallest_sd(plain.baseline) > 0


def test_a_seed_that_decides_leaves_the_spread_to_the_distinct_seeds() -> None:
    values = [1.0, 1.2, 0.9, 1.1, 1.4, 0.8, 1.0, 1.3, 0.7]
    found = floor([[values[0], values[0]], *([value] for value in values[1:])])
    assert found.deterministic
    assert (found.correlation, found.pairs) == (1.0, 9)
    assert found.sd == pytest.approx(2**0.5 * stdev(values))
    assert found.baseline == pytest.approx(fmean(values))


def test_identical_pairs_on_every_seed_count_each_seed_once() -> None:
    found = floor([(value, value) for value in (1.0, 2.0, 3.0, 4.0, 5.0)])
    assert found.deterministic
    assert found.sd == pytest.approx(2**0.5 * stdev([1, 2, 3, 4, 5]))


def test_code_without_any_luck_has_a_tiny_floor_and_not_none() -> None:
    found = floor([(2.5, 2.5)] * 5)
    assert found.sd == pytest.approx(2.5e-9, rel=1e-3)
    assert found.deterministic
    assert floor([(0.0, 0.0)] * 5).sd > 0


def test_single_runs_on_seeds_say_nothing_of_what_a_seed_removes() -> None:
    found = floor([[1.0], [2.0], [3.0], [4.0], [5.0]])
    assert (found.correlation, found.deterministic) == (0.0, False)
    assert found.sd == pytest.approx(2**0.5 * stdev([1, 2, 3, 4, 5]))


@pytest.mark.parametrize("bad", [None, float("nan"), float("inf")])
def test_a_baseline_run_without_a_metric_is_named_and_not_averaged(bad: float | None) -> None:
    pairs = [(1.0, 1.1), (1.0, 1.2), (1.0, bad), (1.1, 0.9), (1.0, 1.2)]
    with pytest.raises(BaselineError, match=r"no finite metric on 1 of 5 baseline seeds: mend") as caught:
        floor(pairs)
    assert caught.value.seeds == (2,)


def test_too_few_seeds_are_refused() -> None:
    with pytest.raises(BaselineError, match="at least 5 seeds, and 4 were measured"):
        floor([(1.0, 2.0)] * 4)


def measure_all(metric: dict[tuple[int, int], float]) -> tuple[dict[int, list[float]], int]:
    measured: dict[int, list[float]] = {}
    runs = 0
    while wanted := noise_runs(measured):
        for seed, replicate in wanted:
            assert len(measured.setdefault(seed, [])) == replicate
            measured[seed].append(metric[seed, replicate])
            runs += 1
    return measured, runs


def test_ten_runs_go_to_five_pairs_where_luck_remains_on_a_seed() -> None:
    measured, runs = measure_all({(seed, i): seed + 0.1 * i for seed in range(20) for i in range(2)})
    assert runs == NOISE_RUNS
    assert {seed: len(values) for seed, values in measured.items()} == dict.fromkeys(range(5), 2)


def test_ten_runs_go_to_nine_seeds_where_the_seed_decides() -> None:
    measured, runs = measure_all({(seed, i): float(seed) for seed in range(20) for i in range(2)})
    assert runs == NOISE_RUNS
    assert {seed: len(values) for seed, values in measured.items()} == {0: 2, **dict.fromkeys(range(1, 9), 1)}
    assert floor(list(measured.values())).pairs == 9


def test_only_what_is_sure_to_be_needed_is_asked_for_before_the_first_pair_is_in() -> None:
    assert noise_runs({}) == ((0, 0), (0, 1), (1, 0), (2, 0), (3, 0), (4, 0))
    assert noise_runs({0: [1.0], 1: [2.0]}) == ((0, 1), (2, 0), (3, 0), (4, 0))


def test_nothing_more_is_asked_for_after_a_failure() -> None:
    assert noise_runs({0: [1.0, None]}) == ()
