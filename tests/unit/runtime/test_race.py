"""Patience in force: candidates that fall behind are ended at a rung, and nothing else ever is."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from supervised import Bench

from orgruntime.ledger.audit import audit
from orgruntime.ledger.rows import TrialRow
from orgruntime.model.appetite import PRESETS, Dial, Preset
from orgruntime.model.ids import AttemptId, TrialKey
from orgruntime.model.research import VerdictWord
from orgruntime.model.step import StepReply, StepRequest
from orgruntime.model.trial import Purpose, Score, TrialOutcome, TrialProgress, TrialSpec
from orgruntime.runtime.race import WINDOW, Race
from orgruntime.scheduler.decide import Racing
from orgruntime.testing.lab import small_org
from orgruntime.testing.scripted_desks import declining, setting

CPU = "cpu:1"


def said(race: Race, name: str, *points: tuple[float, float]) -> None:
    race.hear(TrialProgress(attempt=AttemptId(f"{name}.1"), points=points))


def entered(race: Race, *names: str, hardware: str = CPU) -> None:
    for name in names:
        race.enter(TrialKey(name), AttemptId(f"{name}.1"), hardware)


def test_a_runner_is_judged_once_a_rung_against_those_before_it() -> None:
    race = Race(0.5, ())
    entered(race, "a", "b")
    said(race, "a", (0.1, 5.0), (0.2, 4.0))
    said(race, "b", (0.125, 3.0))
    first, second = race.due()
    assert first == Racing(TrialKey("a"), 0.125, pytest.approx(4.75), ())
    assert second == Racing(TrialKey("b"), 0.125, 3.0, (pytest.approx(4.75),))
    race.note((first, second))
    assert race.due() == ()
    said(race, "b", (0.3, 2.0))
    (again,) = race.due()
    assert (again.rung, again.others) == (0.25, ())


def test_hardware_classes_never_meet() -> None:
    race = Race(0.5, [(CPU, [(0.125, 9.0)])])
    entered(race, "a", hardware="gpu:1:H100")
    said(race, "a", (0.125, 1.0))
    assert race.due()[0].others == ()


def test_what_an_earlier_driver_saw_counts_and_the_oldest_is_forgotten() -> None:
    past = [(CPU, [(0.125, float(n))]) for n in range(2 * WINDOW)]
    race = Race(0.5, past)
    entered(race, "a")
    said(race, "a", (0.2, 0.0), (0.2, 7.0))
    assert race.due() == ()  # its first point lies beyond the rung
    entered(race, "b")
    said(race, "b", (0.125, 0.0))
    assert race.due()[0].others == tuple(float(n) for n in range(WINDOW, 2 * WINDOW))


def test_what_has_left_is_not_heard_any_more() -> None:
    race = Race(0.5, ())
    entered(race, "a")
    said(race, "a", (0.125, 1.0))
    race.note(race.due())
    assert race.end(TrialKey("a"), "others were better") == "a.1"
    said(race, "a", (0.25, 1.0))
    assert race.due() == ()
    assert race.ended == {AttemptId("a.1"): "others were better"}
    race.leave(AttemptId("a.1"))
    assert race.ended == {}
    said(race, "a", (0.5, 1.0))
    assert race.due() == ()


def test_where_all_go_on_there_are_no_rungs() -> None:
    assert Race(1.0, ()).rungs == ()


class Curves:
    """Runs whose loss at a share of their budget is what they end with, and 1/share more."""

    def __init__(self, bench: Bench) -> None:
        self.bench = bench
        bench.script = self.play

    async def play(self, spec: TrialSpec) -> TrialOutcome:
        loss = self.bench.loss(self.bench.program.constants(spec.tree))
        for at in (0.125, 0.25, 0.5):
            self.bench.executor.tell(spec.attempt, (at, loss + 1 / at))
            await asyncio.sleep(0.2)
        return self.bench.program(spec)


def trials(bench: Bench) -> list[TrialRow]:
    with bench.ledger() as ledger:
        return ledger.trials()


async def test_losers_end_at_a_rung_and_winners_go_on(tmp_path: Path) -> None:
    bench = Bench(tmp_path, org=small_org(appetite=PRESETS[Preset.BOLD]), cpus=8)
    bench.loss = lambda constants: 10.0 - constants["LR"]
    Curves(bench)
    drawn = iter([-1, -2, -3, -4, -5, -6, -7, 9, -8, -9])

    def play(request: StepRequest) -> StepReply:
        value = next(drawn, None)
        return declining("that was all") if value is None else setting(request, "LR", value)

    await bench.run(play)
    early = [row for row in trials(bench) if row.score is Score.ENDED_EARLY]
    assert early
    assert audit(tmp_path / "ledger.db") == []
    with bench.ledger() as ledger:
        lead = ledger.lead()
        assert lead is not None
        kept = ledger.proposal(lead.proposal) if lead.proposal else None
        assert kept is not None
        assert kept.settings == {"LR": 9}
        patience = [row for row in ledger.decisions(1000, "end-early") if row.dial is Dial.PATIENCE]
        assert {row.subject for row in patience} >= {row.key for row in early}
        for row in early:
            assert row.purpose is Purpose.SCREEN
            assert row.metric is None
            assert row.proposal is not None
            verdict = ledger.verdict(row.proposal)
            assert verdict is not None
            assert verdict.word is VerdictWord.DISCARD
            assert "of its budget it is number" in verdict.reason
