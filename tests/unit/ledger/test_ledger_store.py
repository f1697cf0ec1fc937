from __future__ import annotations

import os
import resource
import signal
import sqlite3
import stat
from collections.abc import Callable
from pathlib import Path

import pytest
from ledger_cases import CAP, NOISE, RESEARCHER, Q, commit, identity, new_ledger, proposal

from orgruntime.ledger.audit import audit
from orgruntime.ledger.schema import SCHEMA_VERSION
from orgruntime.ledger.store import BudgetExceeded, Fenced, Ledger, LedgerError, NotARun
from orgruntime.model.amounts import Amounts, Budget
from orgruntime.model.ids import IdeaId, InquiryId, ProposalId, RunId
from orgruntime.model.payload import Payload
from orgruntime.model.status import RunState
from orgruntime.model.trial import Purpose


def test_a_new_ledger_belongs_to_its_owner_alone(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    with Ledger.create(
        path, run=RunId("r1"), manifest_hash="mh", org="lab", budget=Budget(trials=5, wall_ms=9), seed=11
    ) as ledger:
        row = ledger.run()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert (row.id, row.org, row.manifest_hash, row.seed) == ("r1", "lab", "mh", 11)
    assert row.state is RunState.RUNNING
    assert row.budget == Budget(trials=5, wall_ms=9)
    assert os.listdir(tmp_path) == ["ledger.db"]
    assert audit(path) == []


def test_an_existing_file_is_never_overwritten(tmp_path: Path) -> None:
    new_ledger(tmp_path).close()
    before = (tmp_path / "ledger.db").read_bytes()
    with pytest.raises(LedgerError, match="exists already"):
        new_ledger(tmp_path)
    assert (tmp_path / "ledger.db").read_bytes() == before


def test_a_ledger_in_no_folder_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(LedgerError, match="could not be created: No such file"):
        new_ledger(tmp_path / "none")


@pytest.mark.parametrize("opener", [Ledger.open, Ledger.open_readonly])
def test_what_is_no_ledger_is_said_to_be_none(tmp_path: Path, opener: Callable[[Path], Ledger]) -> None:
    with pytest.raises(NotARun, match="There is no ledger"):
        opener(tmp_path / "missing.db")
    text = tmp_path / "text.db"
    text.write_text("not a database at all, but long enough to look like one" * 40)
    with pytest.raises(NotARun, match="no database"):
        opener(text)
    other = tmp_path / "other.db"
    link = sqlite3.connect(other)
    link.execute("CREATE TABLE t(x)")
    link.close()
    with pytest.raises(NotARun, match="not the ledger of a run"):
        opener(other)
    assert not text.with_name("text.db-wal").exists()


def test_a_newer_schema_is_refused(ledger: Ledger, tmp_path: Path) -> None:
    ledger.database.rows(f"PRAGMA user_version = {SCHEMA_VERSION + 1}")
    ledger.close()
    with pytest.raises(NotARun, match="newer orgruntime"):
        Ledger.open(tmp_path / "ledger.db")


def test_an_exception_undoes_the_whole_transaction(ledger: Ledger) -> None:
    before = len(ledger.events())

    def failing() -> None:
        with ledger.transaction() as tx:
            tx.add_idea("lost", "runtime")
            tx.set_state(RunState.PAUSED, "x")
            raise RuntimeError("boom")

    with pytest.raises(RuntimeError, match="boom"):
        failing()
    assert ledger.idea_counts()["total"] == 1
    assert ledger.run().state is RunState.RUNNING
    assert len(ledger.events()) == before
    with ledger.transaction() as tx:
        assert tx.add_idea("kept", "runtime") == "i2"


def test_a_write_that_failed_cannot_be_committed_by_swallowing_the_error(ledger: Ledger, tmp_path: Path) -> None:

    def swallowing() -> None:
        with ledger.transaction() as tx:
            tx.add_idea("with it", "runtime")
            with pytest.raises(LedgerError, match="FOREIGN KEY"):
                tx.reserve(
                    identity(1),
                    commit=commit(1),
                    purpose=Purpose.SCREEN,
                    proposal=ProposalId("p404"),
                    inquiry=None,
                    cap=CAP,
                )

    with pytest.raises(LedgerError, match="nothing of it is kept"):
        swallowing()
    assert ledger.amounts().reserved == Amounts()
    assert ledger.idea_counts()["total"] == 1
    ledger.close()
    assert audit(tmp_path / "ledger.db") == []


def test_a_refused_reservation_leaves_the_rest_of_the_transaction(tmp_path: Path) -> None:
    ledger = new_ledger(tmp_path, Budget(cpu_ms=7000))
    with ledger.transaction() as tx:
        assert tx.reserve(identity(1), commit=commit(1), purpose=Purpose.NOISE, proposal=None, inquiry=None, cap=CAP)
        with pytest.raises(BudgetExceeded, match="1000 cpu_ms left, 6000 were wanted") as refused:
            tx.reserve(identity(2), commit=commit(1), purpose=Purpose.NOISE, proposal=None, inquiry=None, cap=CAP)
    assert (refused.value.unit, refused.value.left, refused.value.wanted) == ("cpu_ms", 1000, 6000)
    assert ledger.amounts().reserved == CAP
    assert ledger.trial(identity(2).key) is None
    ledger.close()
    assert audit(tmp_path / "ledger.db") == []


@pytest.mark.parametrize("body", [{"x": float("nan")}, {"x": [float("inf")]}, {"x": "\ud800"}])
def test_a_value_that_json_cannot_hold_is_one_sentence(ledger: Ledger, body: dict[str, object]) -> None:
    with pytest.raises(LedgerError, match="cannot be recorded"), ledger.transaction() as tx:
        tx.add_payload(Payload(id="y1", type="idea", body=body, source=RESEARCHER), Q)


def test_text_that_cannot_be_stored_is_one_sentence(ledger: Ledger) -> None:
    with pytest.raises(LedgerError, match="refused"):
        ledger.submit_idea("half a pair \ud800", "person:ada")
    assert ledger.idea_counts()["total"] == 1


def test_a_transaction_in_a_transaction_is_refused(ledger: Ledger) -> None:
    with ledger.transaction(), pytest.raises(LedgerError, match="open already"), ledger.transaction():
        pass


def test_the_older_driver_is_fenced_off(ledger: Ledger, tmp_path: Path) -> None:
    old, new = ledger, Ledger.open(tmp_path / "ledger.db")
    assert new.take_over() == 2
    with pytest.raises(Fenced, match="Another driver has taken over") as fenced, old.transaction() as tx:
        tx.set_state(RunState.FAILED, "never")
    assert (fenced.value.held, fenced.value.current) == (1, 2)
    with new.transaction() as tx:
        tx.set_isolation("strict")
    assert old.run().state is RunState.RUNNING
    assert old.submit_idea("still welcome", "person:ada") == "i2"
    assert old.take_over() == 3
    with pytest.raises(Fenced), new.transaction():
        pass
    new.close()


def test_requests_are_taken_once_in_order(ledger: Ledger, tmp_path: Path) -> None:
    assert ledger.take_requests() == []
    with Ledger.open(tmp_path / "ledger.db") as other:
        other.request("stop", {"reason": "lunch"})
        other.request("resume", {})
    assert ledger.take_requests() == [("stop", {"reason": "lunch"}), ("resume", {})]
    events = len(ledger.events())
    assert ledger.take_requests() == []
    assert len(ledger.events()) == events


def test_a_reader_cannot_write_and_sees_one_state_in_a_snapshot(ledger: Ledger, tmp_path: Path) -> None:
    with Ledger.open_readonly(tmp_path / "ledger.db") as reader:
        with pytest.raises(LedgerError, match="reading only"):
            reader.submit_idea("x", "person:ada")
        with reader.snapshot():
            before = reader.idea_counts()
            ledger.submit_idea("meanwhile", "person:ada")
            assert reader.idea_counts() == before
        assert reader.idea_counts()["total"] == 2


def test_reads_in_a_transaction_see_its_writes(ledger: Ledger) -> None:
    with ledger.transaction() as tx:
        tx.add_idea("new", "runtime")
        assert ledger.idea_counts()["queued"] == 2
        assert ledger.events(0, 100)[-1].kind == "add-idea"
        tx.add_idea("newer", "runtime")
        assert [idea.id for idea in ledger.queued_ideas(9)] == ["i1", "i2", "i3"]


def test_the_noise_floor_and_the_base_are_given_once(ledger: Ledger) -> None:
    for _ in range(2):
        with ledger.transaction() as tx:
            tx.freeze_noise(NOISE)
            tx.set_base(commit(1), "t")  # type: ignore[arg-type]  # any text will do here
    assert ledger.noise() == NOISE
    assert len(ledger.champion_history()) == 1
    with pytest.raises(LedgerError, match="frozen"), ledger.transaction() as tx:
        tx.freeze_noise(NOISE.model_copy(update={"sd": 0.0}))
    with pytest.raises(LedgerError, match="cannot become"), ledger.transaction() as tx:
        tx.set_base(commit(2), "t")  # type: ignore[arg-type]  # any text will do here


def test_wall_time_adds_up_without_events(ledger: Ledger) -> None:
    before = len(ledger.events())
    for _ in range(3):
        with ledger.transaction() as tx:
            tx.add_wall(40)
    assert ledger.run().wall_ms == 120
    assert ledger.spend().wall_seconds == 0.12
    assert len(ledger.events()) == before


def test_events_cannot_be_changed_or_removed(ledger: Ledger) -> None:
    for statement in ("UPDATE events SET t = 0", "DELETE FROM events WHERE seq = 2"):
        with pytest.raises(LedgerError, match="append-only"):
            ledger.database.write(statement)


def test_a_full_database_is_one_sentence_and_no_loss(ledger: Ledger, tmp_path: Path) -> None:
    pages = ledger.database.rows("PRAGMA page_count")[0][0]
    ledger.database.rows(f"PRAGMA max_page_count = {pages + 20}")
    acknowledged = 1

    def fill() -> None:
        nonlocal acknowledged
        for _ in range(1000):
            ledger.submit_idea("x" * 500, "person:ada")
            acknowledged += 1

    with pytest.raises(LedgerError, match="database or disk is full. Free some disk space"):
        fill()
    assert ledger.idea_counts()["total"] == acknowledged
    ledger.database.rows("PRAGMA max_page_count = 100000")
    assert ledger.submit_idea("again", "person:ada") == f"i{acknowledged + 1}"
    ledger.close()
    assert audit(tmp_path / "ledger.db") == []


def test_a_disk_that_refuses_writes_is_one_sentence_and_no_loss(tmp_path: Path) -> None:
    """The kernel refuses to let the child's files grow; every idea that it was promised is there afterwards."""
    path = tmp_path / "ledger.db"
    new_ledger(tmp_path).close()
    told, tell = os.pipe()
    child = os.fork()
    if child == 0:
        code = 1
        try:
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
            resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, 300_000))
            ledger = Ledger.open(path)
            for _ in range(10_000):
                ledger.submit_idea("x" * 500, "person:ada")
                os.write(tell, b".")
        except LedgerError as error:
            code = 0 if "Traceback" not in str(error) and "refused" in str(error) else 2
        finally:
            os._exit(code)
    os.close(tell)
    with os.fdopen(told, "rb") as stream:
        promised = len(stream.read())
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert promised > 10
    with Ledger.open(path) as ledger:
        assert ledger.idea_counts()["total"] == promised + 1
    assert audit(path) == []


def test_unknown_names_are_one_sentence(ledger: Ledger) -> None:
    with pytest.raises(LedgerError, match="no idea 'i9'"), ledger.transaction() as tx:
        tx.set_idea(IdeaId("i9"), "closed")  # type: ignore[arg-type]  # the state is not reached
    with pytest.raises(LedgerError, match="no inquiry 'q9'"), ledger.transaction() as tx:
        tx.close_inquiry(InquiryId("q9"), "x")
    with ledger.transaction() as tx:
        tx.add_proposal(proposal(1))
    with pytest.raises(LedgerError, match="UNIQUE"), ledger.transaction() as tx:
        tx.add_proposal(proposal(1))
    with pytest.raises(KeyError):
        ledger.payload("y9")  # type: ignore[arg-type]  # a plain text
