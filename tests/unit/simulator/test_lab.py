"""A simulated run: the real policy on a virtual clock, a function of its terms and its seed."""

from __future__ import annotations

from dataclasses import replace
from statistics import fmean

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from labs import terms, world

from orgruntime.model.amounts import Budget
from orgruntime.model.appetite import PRESETS, Preset
from orgruntime.model.manifest import Resources
from orgruntime.scheduler.decide import Snapshot, Verb, decide
from orgruntime.simulator.lab import SimulatedLab, Terms, simulate
from orgruntime.simulator.worlds import WorldName

HOUR_MS = 3_600_000
BUDGETS = (
    Budget(trials=40),
    Budget(trials=200),
    Budget(gpu_ms=40 * HOUR_MS),
    Budget(trials=150, gpu_ms=12 * HOUR_MS),
    Budget(wall_ms=10 * HOUR_MS),
)


def test_one_seed_one_run() -> None:
    one, again, other = (simulate(terms(), seed) for seed in (1, 1, 2))
    assert one == again
    assert one != other


@pytest.mark.parametrize("preset", Preset)
def test_a_world_without_a_gain_has_no_champion(preset: Preset) -> None:
    runs = [simulate(terms(preset, world=world("null")), seed) for seed in range(4)]
    assert all(run.champions == 0 for run in runs)
    assert fmean(run.trials for run in runs) > 150


def test_in_a_dense_world_champions_are_found_and_are_what_they_seem() -> None:
    runs = [simulate(terms(world=world("dense")), seed) for seed in range(6)]
    assert sum(run.champions for run in runs) >= 6
    assert not any(run.any_false for run in runs)
    assert fmean(run.gain for run in runs) > 3
    errors = [reported - true for run in runs for true, reported in run.gains]
    assert fmean(errors) == pytest.approx(0.0, abs=0.6)
    assert all(run.gain == pytest.approx(sum(true for true, _ in run.gains)) for run in runs)


@settings(max_examples=20, deadline=None)
@given(
    st.sampled_from(list(Preset)),
    st.sampled_from(BUDGETS),
    st.sampled_from(list(WorldName)),
    st.sampled_from([1, 3, 16]),
    st.sampled_from([float("inf"), 4000.0]),
    st.integers(0, 10**6),
)
def test_every_run_ends_within_its_budget(
    preset: Preset, budget: Budget, name: WorldName, slots: int, life: float, seed: int
) -> None:
    """C8, with crashes, lost attempts and lost nodes."""
    made = Terms(
        PRESETS[preset],
        budget,
        world(name, crash=0.2, lost=0.1, node_life_s=life),
        slots,
        Resources(gpus=1),
        per_node=2,
    )
    run = simulate(made, seed)
    assert run.ended
    assert not run.overspent
    assert run.trials <= (budget.trials or run.trials)
    assert run.device_hours * HOUR_MS <= (budget.gpu_ms or float("inf"))
    assert run.largest_bite <= PRESETS[preset].largest_stake + 1e-9
    assert run.busy_share <= 1.0 + 1e-9


def test_a_budget_below_the_noise_floor_ends_at_once() -> None:
    run = simulate(terms(trials=6), 1)
    assert "noise floor" in run.ended
    assert run.trials <= 6


def test_a_dry_spell_ends_the_run_unless_somebody_says_to_go_on() -> None:
    made = {"world": world("null"), "dials": {"dry_spell": 0.25}}
    dry, on = simulate(terms(**made), 3), simulate(terms(**made, go_on=True), 3)
    assert "no new champion" in dry.ended
    assert dry.trials < 0.5 * on.trials


@pytest.mark.parametrize("share", [0.1, 0.3, 0.6])
@pytest.mark.parametrize("slots", [1, 16])
def test_long_shots_get_their_share(share: float, slots: int) -> None:
    run = simulate(terms(trials=800, slots=slots, world=world("dense"), dials={"exploration": share}), 1)
    assert share <= run.exploring_target <= 0.8
    assert run.exploring_share == pytest.approx(run.exploring_target, abs=0.09)


def test_patience_ends_losers_and_costs_no_trial_of_a_pair() -> None:
    patient, impatient = (
        [simulate(terms(trials=400, slots=16, dials={"keep_per_rung": keep}), seed) for seed in range(4)]
        for keep in (1.0, 1 / 3)
    )
    assert sum(run.killed for run in patient) == 0
    assert sum(run.killed for run in impatient) > 100
    hours = [fmean(run.device_hours / run.candidates for run in runs) for runs in (patient, impatient)]
    assert hours[1] < 0.8 * hours[0], "a candidate costs less device time"
    assert not any(run.any_false for run in impatient)


def test_lost_nodes_cost_time_and_no_idea() -> None:
    calm, rough = (
        simulate(terms(slots=16, per_node=4, world=world(lost=0.0, node_life_s=life)), 5)
        for life in (float("inf"), 1500.0)
    )
    assert calm.lost == 0
    assert rough.lost > 10
    assert rough.trials > 0.8 * calm.trials
    assert rough.shares["wasted"] > calm.shares["wasted"]


def test_a_cluster_of_one_node_that_goes_is_waited_for() -> None:
    run = simulate(terms(trials=60, slots=2, per_node=2, world=world(node_life_s=900.0, node_back_s=3600.0)), 2)
    assert run.lost > 0
    assert run.trials >= 40


def test_the_curve_of_a_run_goes_forward() -> None:
    run = simulate(terms(world=world("dense")), 1)
    assert [step.trials for step in run.curve] == sorted(step.trials for step in run.curve)
    assert run.curve[-1].champion == run.gain
    assert run.curve[-1].trials == run.trials


class Held(SimulatedLab):
    """Looks at the places while candidates wait for the lead's trial, nothing else waits, and exploration goes on."""

    looks = most = 0

    def _snapshot(self) -> Snapshot:
        self.now = super()._snapshot()
        return self.now

    def _pass_time(self, *, quiet: bool) -> None:
        slots, held = self._cluster.slots, self._held_up
        assert 0 <= held <= self._exploring
        self.most = max(self.most, held)
        if 0 < held <= slots and not (self._thinking or len(self._waiting)) and self._explores():
            self.looks += 1
            assert len(self._running) == slots
        super()._pass_time(quiet=quiet)

    def _explores(self) -> bool:
        return any(one.verb is Verb.OPEN_INQUIRY for one in decide(replace(self.now, exploring=0, wanted=())))


@pytest.mark.parametrize("slots", [8, 64])
def test_a_slow_or_lost_trial_of_the_lead_leaves_no_place_empty(slots: int) -> None:
    """Up to as many candidates as there are places may wait for it."""
    hard = world(straggler=0.1, lost=0.1)
    labs = [Held(terms(trials=50 * slots, slots=slots, world=hard), seed) for seed in range(3)]
    for lab in labs:
        lab.run()
    assert min(lab.looks for lab in labs) > 5
    assert max(lab.most for lab in labs) > slots // 2
