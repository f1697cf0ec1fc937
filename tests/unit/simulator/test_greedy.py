"""The negative control finds what is not there."""

from __future__ import annotations

from statistics import fmean

from orgruntime.simulator.greedy import greedy_run
from orgruntime.simulator.worlds import WORLDS, World, WorldName

NULL = World(ideas=WORLDS[WorldName.NULL])


def test_one_seed_one_run() -> None:
    assert greedy_run(NULL, 50, 0.3, 1) == greedy_run(NULL, 50, 0.3, 1) != greedy_run(NULL, 50, 0.3, 2)


def test_in_a_world_without_a_gain_every_champion_is_false_and_its_score_flatters() -> None:
    runs = [greedy_run(NULL, 300, 0.3, seed) for seed in range(60)]
    assert fmean(run.any_false for run in runs) > 0.9
    assert all(run.champions == run.false_champions for run in runs)
    assert fmean(run.recorded_gain - run.gain for run in runs) > 1.5


def test_a_loop_of_one_run_has_no_champion() -> None:
    assert greedy_run(NULL, 1, 0.3, 1).champions == 0
