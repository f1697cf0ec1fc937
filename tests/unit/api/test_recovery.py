"""What an earlier driver left running is charged for what it can have used, and no more."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from orgruntime.api import wiring
from orgruntime.api.folders import RunFolder
from orgruntime.api.wiring import begin_marks, recovered
from orgruntime.ledger.store import Ledger
from orgruntime.model.amounts import Amounts, Budget
from orgruntime.model.ids import AttemptId, CommitId, RunId, TreeId
from orgruntime.model.trial import Ending, Purpose, TrialIdentity, TrialOutcome


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> RunFolder:
    monkeypatch.setattr(wiring, "RECOVERY_S", 0.0)
    folder = RunFolder(tmp_path)
    folder.outcomes.mkdir()
    return folder


@pytest.fixture
def ledger(folder: RunFolder) -> Iterator[Ledger]:
    ledger = Ledger.create(
        folder.ledger_file, run=RunId("r"), manifest_hash="m", org="o", budget=Budget(trials=10), seed=1
    )
    ledger.take_over()
    yield ledger
    ledger.close()


def left(ledger: Ledger) -> AttemptId:
    """An attempt that a driver reserved before it died."""
    identity = TrialIdentity(tree=TreeId("t"), command="c", seed=1, evaluator="e", hardware="cpu:1")
    with ledger.transaction() as tx:
        attempt = tx.reserve(
            identity, commit=CommitId("c"), purpose=Purpose.NOISE, proposal=None, inquiry=None, cap=Amounts(trials=1)
        )
    assert attempt is not None
    return attempt


async def only(ledger: Ledger, folder: RunFolder) -> TrialOutcome:
    (outcome,) = await recovered(ledger, folder)
    return outcome


async def test_what_never_started_costs_nothing(ledger: Ledger, folder: RunFolder) -> None:
    begin_marks(folder, embedded=True)
    left(ledger)
    outcome = await only(ledger, folder)
    assert (outcome.ending, outcome.wall_s) == (Ending.NEVER_STARTED, 0.0)


async def test_what_started_is_charged_since_then(ledger: Ledger, folder: RunFolder) -> None:
    begin_marks(folder, embedded=True)
    attempt = left(ledger)
    (folder.outcomes / "started-1-1").write_text(f"{attempt} {time.time() - 100:.3f}\n")
    outcome = await only(ledger, folder)
    assert outcome.ending is Ending.INFRASTRUCTURE
    assert 99 < outcome.wall_s < 200


@pytest.mark.parametrize("shift", [None, 1000])
async def test_what_nothing_is_known_of_is_charged_in_full(
    ledger: Ledger, folder: RunFolder, shift: float | None
) -> None:
    """It may have run on another machine, or the clock was set back."""
    begin_marks(folder, embedded=False)
    attempt = left(ledger)
    if shift is not None:
        (folder.outcomes / "started-1-1").write_text(f"{attempt} {time.time() + shift:.3f}\n")
    outcome = await only(ledger, folder)
    assert outcome.ending is Ending.INFRASTRUCTURE
    assert outcome.wall_s > 1e8


async def test_an_outcome_that_was_written_down_is_taken_as_it_is(ledger: Ledger, folder: RunFolder) -> None:
    begin_marks(folder, embedded=True)
    kept = TrialOutcome(attempt=left(ledger), ending=Ending.INFRASTRUCTURE, wall_s=1.5)
    (folder.outcomes / f"{kept.attempt}.json").write_text(kept.model_dump_json())
    assert await only(ledger, folder) == kept
