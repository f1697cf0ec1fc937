"""A driver that dies takes its attempts along; that is no mark against their trials."""

from __future__ import annotations

from pathlib import Path

from ledger_cases import CAP, USED, commit, identity, new_ledger, outcome

from orgruntime.ledger.audit import audit
from orgruntime.ledger.rows import TrialState
from orgruntime.ledger.store import Ledger
from orgruntime.ledger.trial_writes import MAX_LOST, MAX_VOID
from orgruntime.model.trial import Ending, Purpose


def lose(folder: Path, drivers: int) -> Ledger:
    """One trial, whose attempt is lost together with its driver so many times."""
    ledger = new_ledger(folder)
    for _ in range(drivers):
        with ledger.transaction() as tx:
            attempt = tx.reserve(
                identity(1), commit=commit(1), purpose=Purpose.NOISE, proposal=None, inquiry=None, cap=CAP
            )
        assert attempt is not None
        ledger.take_over()
        with ledger.transaction() as tx:
            assert tx.settle(outcome(attempt, Ending.INFRASTRUCTURE), None, USED)
    return ledger


def test_a_trial_outlives_more_drivers_than_nodes(tmp_path: Path) -> None:
    with lose(tmp_path, MAX_LOST + 1) as ledger:
        row = ledger.trial(identity(1).key)
        assert row is not None
        assert row.state is TrialState.OPEN


def test_a_trial_that_takes_every_driver_down_is_given_up(tmp_path: Path) -> None:
    with lose(tmp_path, MAX_VOID) as ledger:
        row = ledger.trial(identity(1).key)
        assert row is not None
        assert row.state is TrialState.FAILED
    assert audit(tmp_path / "ledger.db") == []
