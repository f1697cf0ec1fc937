"""What an appetite would have meant on the last run: counted from a real ledger, dial by dial."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from supervised import Bench

from orgruntime.api import hindsight
from orgruntime.api.hindsight import with_hindsight
from orgruntime.api.planning import numbers_of
from orgruntime.ledger.rows import TrialRow, TrialState
from orgruntime.ledger.store import Ledger
from orgruntime.model.ids import CommitId, ProposalId, TreeId, TrialKey
from orgruntime.model.manifest import Direction, Manifest
from orgruntime.model.step import StepReply, StepRequest
from orgruntime.model.trial import Purpose, Score, TrialIdentity
from orgruntime.plan.make import make_plan
from orgruntime.plan.plan import Plan
from orgruntime.testing.scripted_desks import declining, setting


def climb(request: StepRequest) -> StepReply:
    now = float(request.files["train.py"].split("LR = ")[1].split()[0])
    return setting(request, "LR", now + 1) if now < 4 else declining("enough")


def planned(manifest: Manifest, runs: Path) -> Plan:
    figures = numbers_of(manifest)
    return with_hindsight(make_plan(manifest, figures, None), manifest, figures, runs)


def said(plan: Plan) -> dict[str, str]:
    return {dial.dial: dial.hindsight for dial in plan.dials}


@pytest.fixture
async def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bench:
    """A run that is over. Its workspace is in memory, so the sizes of its changes are not asked for."""
    monkeypatch.setattr(hindsight, "_blast_radius", lambda folder, proposals, figures: f"{len(proposals)} proposals")
    (tmp_path / "runs/one").mkdir(parents=True)
    bench = Bench(tmp_path / "runs/one")
    await bench.run(climb)
    return bench


def test_each_dial_is_held_against_the_rows(bench: Bench) -> None:
    plan = planned(bench.org, bench.folder.parent)
    words = said(plan)
    with bench.ledger() as ledger:
        tests, settled, proposals = ledger.certifications(), ledger.settled_trials(), len(ledger.proposals())
        best = max(row.estimate for row in ledger.lead_history())
        champions = sum(row.certificate is not None for row in ledger.champion_history())
    assert plan.last_run == f"{bench.folder.name} ({settled} trials)"
    assert champions >= 1
    assert f"{champions} champion" in words["proof"]
    assert f"reached e {', '.join(f'{row.e_value:.3g}' for row in tests)}" in words["proof"]
    assert f"the lead looked {best:.4g} better at most" in words["smallest win"]
    assert words["smallest win"].endswith("and would have been put to a test")
    assert words["patience"] == "no candidate printed `progress` lines"
    assert words["exploration"] == "long shots took 0% of the climb's time"
    assert words["optimism"] == "no panel chooses by results"
    assert words["blast radius"] == f"{proposals} proposals"
    assert all(words.values())


def test_a_stricter_appetite_says_what_it_would_have_refused(bench: Bench) -> None:
    appetite = bench.org.appetite.model_copy(update={"false_champions": 1e-9, "smallest_win": 1000.0})
    words = said(planned(bench.org.model_copy(update={"appetite": appetite}), bench.folder.parent))
    assert "0 champions at this bar; " in words["proof"]
    assert words["proof"].endswith("more ended at a lower bar of that run")
    assert words["smallest win"].endswith("and would not have been put to a test")


def test_without_a_run_of_the_org_nothing_is_said(bench: Bench, tmp_path: Path) -> None:
    other = bench.org.model_copy(update={"org": "another"})
    for manifest, runs in ((other, bench.folder.parent), (bench.org, tmp_path / "none")):
        plan = planned(manifest, runs)
        assert plan.last_run == ""
        assert not any(said(plan).values())


def test_a_run_that_cannot_be_read_is_passed_over(bench: Bench) -> None:
    broken = bench.folder.parent / "two"
    shutil.copytree(bench.folder, broken)
    (broken / "ledger.db").write_bytes(b"no database")
    assert planned(bench.org, bench.folder.parent).last_run.startswith(bench.folder.name)


def row(number: int, curve: tuple[tuple[float, float], ...]) -> TrialRow:
    identity = TrialIdentity(tree=TreeId(f"t{number}"), command="r", seed=1, evaluator="e", hardware="cpu:1")
    return TrialRow(
        key=TrialKey(f"k{number}"), identity=identity, commit=CommitId("c"), purpose=Purpose.SCREEN,
        proposal=ProposalId(f"p{number}"), inquiry=None, state=TrialState.DONE, score=Score.MEASURED, metric=1.0,
        figures={}, progress=curve, wall_s=10.0, cpu_s=1.0, memory_mb=1.0, node="", isolation="none", attempts=1,
        number=number, reason="",
    )  # fmt: skip


def test_patience_ends_whom_the_others_had_overtaken(bench: Bench) -> None:
    """Of five that only get worse, the fourth and the fifth are behind at the first rung at which four were seen."""
    figures = numbers_of(bench.org)
    first = figures.rungs[0]
    rows = [row(number, ((first, float(number)), (1.0, float(number)))) for number in range(1, 6)]
    with Ledger.open_readonly(bench.folder / "ledger.db") as ledger:
        told = hindsight._patience(ledger, rows, figures, Direction.MINIMIZE)
    saved = round(2 * (1 - first) / 5 * 100)
    assert told == f"would have ended 2 of 5 candidates early and saved {saved}% of the climb's time; that run ended 0"
