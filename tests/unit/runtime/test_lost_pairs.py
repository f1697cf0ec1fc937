"""What the cluster lost is evidence of nothing: not in a test, not in its lap. What crashed in a lap is said."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest
from supervised import Bench

from orgruntime.ledger.audit import audit
from orgruntime.model.appetite import PRESETS, Preset
from orgruntime.model.research import Certificate, EvidenceState
from orgruntime.model.status import RunState
from orgruntime.model.step import StepReply, StepRequest
from orgruntime.model.trial import Ending, TrialOutcome, TrialSpec
from orgruntime.runtime.events import EventKind
from orgruntime.runtime.lab import Lab
from orgruntime.runtime.supervisor import Supervisor
from orgruntime.runtime.verifier_step import LAP_SPARES, LOST_PAIRS
from orgruntime.testing.lab import small_org
from orgruntime.testing.scripted_desks import declining, setting

WHOLE_LAP = 3


def one_win(request: StepRequest) -> StepReply:
    return setting(request, "LR", 3) if not request.past else declining("enough")


def on(
    bench: Bench,
    stage: str,
    numbers: Iterable[int],
    then: Callable[[TrialSpec, TrialOutcome], TrialOutcome],
    tests: tuple[str, ...] = ("c1",),
) -> None:
    """Changes what the runs on some seeds of certifications come to."""
    seeds: set[str] = set()

    def prepare(lab: Lab, supervisor: Supervisor) -> None:
        seeds.update(str(lab.seed_for(stage, test, number)) for test in tests for number in numbers)

    def script(spec: TrialSpec) -> TrialOutcome:
        outcome = bench.program(spec)
        return then(spec, outcome) if spec.argv[spec.argv.index("--seed") + 1] in seeds else outcome

    bench.prepare, bench.script = prepare, script


def lost(spec: TrialSpec, outcome: TrialOutcome) -> TrialOutcome:
    return TrialOutcome(attempt=spec.attempt, ending=Ending.INFRASTRUCTURE, wall_s=1, detail="the node is gone")


def lead_lost(bench: Bench) -> Callable[[TrialSpec, TrialOutcome], TrialOutcome]:
    """Of each pair the lead's run alone, so that the cluster is not taken for broken."""
    return lambda spec, outcome: lost(spec, outcome) if bench.program.constants(spec.tree)["LR"] else outcome


async def time_passes(bench: Bench) -> None:
    """By itself: ten seconds a millisecond or two."""
    while True:
        await asyncio.sleep(0.001)
        bench.clock.advance(10.0)


def certificate_of(bench: Bench) -> Certificate | None:
    with bench.ledger() as ledger:
        champion = ledger.champion()
    return champion.certificate if champion is not None else None


async def test_a_pair_that_the_cluster_lost_is_replaced_by_a_fresh_one(bench: Bench) -> None:
    on(bench, "certify", [0, 2], lost)
    assert (await bench.run(one_win))[0] is RunState.FINISHED
    certificate = certificate_of(bench)
    assert certificate is not None
    assert [void.stage for void in certificate.voids] == ["test", "test"]
    assert all("the cluster lost the run of the" in void.reason for void in certificate.voids)
    assert "the node is gone" in certificate.voids[0].reason
    seeds = {pair.seed for pair in certificate.pairs}
    assert not seeds & {void.seed for void in certificate.voids}
    assert certificate.wins == len(certificate.pairs) == len(seeds)
    assert sum("is void" in text for text in bench.heard.texts(EventKind.CERTIFICATION)) == 2


async def test_a_test_that_is_lost_costs_neither_its_number_nor_the_lead(bench: Bench, tmp_path: Path) -> None:
    on(bench, "certify", range(100), lead_lost(bench), tests=("c1", "c2", "c3"))
    state, reason = await bench.run(one_win)
    assert state is RunState.FINISHED, reason
    with bench.ledger() as ledger:
        lead, base = ledger.lead(), ledger.run().base_commit
        first, second = ledger.certifications()
        assert first.state is second.state is EvidenceState.VOID, "tried again once, at the end"
        assert f"{LOST_PAIRS + 1} pairs are lost" in first.reason
        assert lead is not None
        assert lead.commit != base, "the lead keeps its place"
        assert lead.estimate > 0
        assert ledger.verification_trials() < 20, "only the arms that were measured are taken of the share"
    assert bench.workspace.branch("lead") == lead.commit
    assert audit(tmp_path / "ledger.db") == []
    assert any("number is free again" in text for text in bench.heard.texts(EventKind.CERTIFICATION))


async def test_a_test_in_which_everything_is_lost_pauses_the_run_and_goes_on_when_resumed(
    bench: Bench, tmp_path: Path
) -> None:
    on(bench, "certify", range(100), lost)
    passing = asyncio.create_task(time_passes(bench))
    state, reason = await bench.run(one_win)
    passing.cancel()
    assert state is RunState.PAUSED
    assert "the node is gone" in reason
    with bench.ledger() as ledger:
        assert ledger.open_certification() is not None
    bench.script = bench.program
    assert (await bench.run(one_win))[0] is RunState.FINISHED
    certificate = certificate_of(bench)
    assert certificate is not None
    assert certificate.id == "c1"
    assert 0 < len(certificate.voids) <= LOST_PAIRS
    assert audit(tmp_path / "ledger.db") == []


async def test_a_lost_test_is_held_again_when_nothing_else_is_left(bench: Bench) -> None:
    on(bench, "certify", range(100), lead_lost(bench))
    await bench.run(one_win)
    certificate = certificate_of(bench)
    assert certificate is not None
    assert (certificate.id, certificate.test_number) == ("c2", 1)


async def test_the_next_test_after_a_void_one_has_its_number(tmp_path: Path) -> None:
    patient = PRESETS[Preset.BALANCED].model_copy(update={"dry_spell": 1.0})
    bench = Bench(tmp_path, org=small_org(appetite=patient))
    on(bench, "certify", range(100), lead_lost(bench))

    def twice(request: StepRequest) -> StepReply:
        now = float(request.files["train.py"].split("LR = ")[1].split()[0])
        tested = any("nothing was tested" in text for text in bench.heard.texts(EventKind.CERTIFICATION))
        if now < 3 or (tested and now < 6):
            return setting(request, "LR", now + 3)
        return setting(request, "DEPTH", len(request.past)) if not tested else declining("enough")

    await bench.run(twice)
    certificate = certificate_of(bench)
    assert certificate is not None
    with bench.ledger() as ledger:
        states = [row.state for row in ledger.certifications()]
    assert states == [EvidenceState.VOID, EvidenceState.PASSED]
    assert (certificate.id, certificate.test_number) == ("c2", 1)


async def test_a_lap_in_which_the_lead_crashes_takes_another_seed_and_says_so(bench: Bench) -> None:
    def crash(spec: TrialSpec, outcome: TrialOutcome) -> TrialOutcome:
        if bench.program.constants(spec.tree)["LR"] == 0:
            return outcome
        return outcome.model_copy(update={"exit_code": 1, "output": "boom"})

    on(bench, "lap", [0], crash)
    await bench.run(one_win)
    certificate = certificate_of(bench)
    assert certificate is not None
    assert sum(pair.is_whole for pair in certificate.lap) == WHOLE_LAP
    assert len(certificate.lap) == WHOLE_LAP + 1
    (void,) = certificate.voids
    assert (void.stage, void.seed) == ("lap", certificate.lap[0].seed)
    assert "the lead gave no number: exit code 1" in void.reason


async def test_a_lap_that_crashes_often_is_reported_on_what_finished(bench: Bench) -> None:
    def crash(spec: TrialSpec, outcome: TrialOutcome) -> TrialOutcome:
        return outcome.model_copy(update={"exit_code": 1, "output": "boom"})

    on(bench, "lap", range(1, 100), crash)
    await bench.run(one_win)
    certificate = certificate_of(bench)
    assert certificate is not None
    assert sum(pair.is_whole for pair in certificate.lap) == 1
    assert len(certificate.voids) == WHOLE_LAP + LAP_SPARES - 1


@pytest.mark.parametrize(("then", "state"), [(lost, EvidenceState.VOID), (None, EvidenceState.FUTILE)])
async def test_without_any_lap_there_is_no_champion(bench: Bench, then: object, state: EvidenceState) -> None:
    def crash(spec: TrialSpec, outcome: TrialOutcome) -> TrialOutcome:
        return outcome.model_copy(update={"exit_code": 1, "output": "boom"})

    on(bench, "lap", range(100), lead_lost(bench) if then is lost else crash, tests=("c1", "c2"))
    await bench.run(one_win)
    assert certificate_of(bench) is None
    with bench.ledger() as ledger:
        assert ledger.certifications()[0].state is state
