"""The ledger of a run: one SQLite file, written by one driver, read by anyone, at any time.

Knows files, epochs and transactions; decides nothing. Invariants: a transaction becomes true at one COMMIT (one
fsync), or not at all; a driver whose epoch is not the newest writes nothing; events and what is projected
from them are written together.
"""

from __future__ import annotations

import json
import os
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Literal, Self

from orgruntime.ledger.database import Database
from orgruntime.ledger.digest import DigestView
from orgruntime.ledger.errors import BudgetExceeded, Fenced, LedgerError, NotARun
from orgruntime.ledger.journal import spelled
from orgruntime.ledger.schema import APPLICATION_ID, MINIMUM_SQLITE, SCHEMA, SCHEMA_VERSION
from orgruntime.ledger.transaction import Transaction
from orgruntime.model.amounts import Budget
from orgruntime.model.ids import IdeaId, QuestionId, RunId

__all__ = ["BudgetExceeded", "Fenced", "Ledger", "LedgerError", "NotARun", "Transaction"]

Now = Callable[[], float]


def _nothing(_: str) -> None:
    """The failpoint of a run that is not under test."""


class Ledger(DigestView):
    """One open ledger. Its reads are those of `RunViews` and `ScienceViews`; not to be shared between threads."""

    def __init__(self, db: Database, now: Now) -> None:
        super().__init__(db)
        self.failpoint: Callable[[str], None] = _nothing
        """Called with the names of `journal.FAILPOINTS`, so that tests can die there."""
        self._now = now
        self._epoch: int = db.rows("SELECT epoch FROM run")[0]["epoch"]

    @classmethod
    def create(
        cls, path: Path, *, run: RunId, manifest_hash: str, org: str, budget: Budget, seed: int, now: Now = time.time
    ) -> Ledger:
        """A new ledger, for its owner's eyes only; whole or not there at all. Raises LedgerError if one is there."""
        _check_sqlite()
        if path.exists():
            raise LedgerError(f"{path} exists already; choose another run id.")
        draft = path.with_name(f".{path.name}.{os.getpid()}.new")
        try:
            os.close(os.open(draft, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
            _fill(draft, now, (run, org, manifest_hash, seed), budget)
            os.link(draft, path)
        except OSError as error:
            raise LedgerError(f"{path} could not be created: {error.strerror or error}.") from error
        finally:
            for leftover in (draft, Path(f"{draft}-wal"), Path(f"{draft}-shm")):
                with suppress(OSError):
                    leftover.unlink(missing_ok=True)
        _sync_folder(path.parent)
        return cls.open(path, now)

    @classmethod
    def open(cls, path: Path, now: Now = time.time) -> Ledger:
        """For a driver (which then takes over) or for a process that leaves ideas and requests. Raises NotARun."""
        return cls(_opened(path, "rw"), now)

    @classmethod
    def open_readonly(cls, path: Path) -> Ledger:
        """For status and reports, also while a driver writes. Raises NotARun."""
        return cls(_opened(path, "ro"), time.time)

    def take_over(self) -> int:
        """Becomes the run's driver; returns the new epoch. Every older driver's next transaction raises Fenced."""
        with self._write(fenced=False) as tx:
            epoch = tx.fence()
        self._epoch = epoch
        self._db.memo = {}
        return epoch

    @contextmanager
    def transaction(self) -> Iterator[Transaction]:
        """Everything in the block becomes true together at its end; an exception undoes all of it.

        Raises Fenced when another driver has taken over, LedgerError when the disk refuses.
        """
        with self._write(fenced=True) as tx:
            yield tx

    @contextmanager
    def snapshot(self) -> Iterator[Self]:
        """Reads in the block see one state of the run, however much a driver writes meanwhile."""
        self._db.begin("DEFERRED")
        try:
            yield self
        finally:
            self._db.release()

    def submit_idea(self, text: str, author: str) -> IdeaId:
        """From any process; needs no epoch."""
        with self._write(fenced=False) as tx:
            return tx.add_idea(text, author)

    def answer(self, question: QuestionId, text: str, person: str) -> bool:
        """A person's answer, from any process; needs no epoch. False when the question is not open any more.

        Raises LedgerError for an unknown one.
        """
        with self._write(fenced=False) as tx:
            return tx.answer_question(question, text, person)

    def request(self, kind: str, body: dict[str, Any]) -> None:
        """Asks the driver for something (`stop`, `resume`). From any process; needs no epoch."""
        with self._write(fenced=False) as tx:
            tx.add_request(kind, body)

    def take_requests(self) -> list[tuple[str, dict[str, Any]]]:
        """What was asked since the last call, in order of arrival. Writes nothing when there is nothing."""
        if not self._db.row("SELECT 1 FROM requests WHERE taken = 0"):
            return []
        with self._write(fenced=False) as tx:
            return [(kind, json.loads(body)) for kind, body in tx.take_requests()]

    @property
    def database(self) -> Database:
        """For `audit`, which reads what no view shows."""
        return self._db

    def close(self) -> None:
        self._db.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @contextmanager
    def _write(self, *, fenced: bool) -> Iterator[Transaction]:
        if self._db.in_transaction:
            raise LedgerError("A transaction of this ledger is open already; end it first.")
        self.failpoint("transaction.before")
        self._db.begin("IMMEDIATE")
        try:
            tx = Transaction(self._db, self._now, self.failpoint)
            if fenced and tx.epoch != self._epoch:
                raise Fenced(self._epoch, tx.epoch)
            yield tx
            tx.seal()
            self._db.commit()
        except BaseException:
            self._db.rollback()
            raise
        tx.committed()


def _check_sqlite() -> None:
    if sqlite3.sqlite_version_info < MINIMUM_SQLITE:
        wanted = ".".join(map(str, MINIMUM_SQLITE))
        raise LedgerError(
            f"SQLite {sqlite3.sqlite_version} is too old; a Python with SQLite {wanted} or newer is needed."
        )


def _fill(draft: Path, now: Now, charter: tuple[str, str, str, int], budget: Budget) -> None:
    db = Database(draft)
    try:
        db.rows("PRAGMA journal_mode = WAL")
        db.tune()
        marks = f"PRAGMA application_id = {APPLICATION_ID}; PRAGMA user_version = {SCHEMA_VERSION};"
        db.script(f"BEGIN; {marks} {SCHEMA} COMMIT")
        db.begin("IMMEDIATE")
        bounds = budget.bounds()
        db.write(
            "INSERT INTO run(one, id, org, manifest_hash, seed, state, budget) VALUES(1, ?, ?, ?, ?, 'running', ?)",
            *charter, spelled(budget.model_dump(mode="json")),
        )  # fmt: skip
        names = "".join(f", bound_{unit}" for unit in bounds)
        db.write(f"INSERT INTO budget(one{names}) VALUES(1{', ?' * len(bounds)})", *bounds.values())
        tx = Transaction(db, now, _nothing)
        tx.record_charter(charter, bounds)
        tx.seal()
        db.commit()
    finally:
        db.close()


def _opened(path: Path, mode: Literal["ro", "rw"]) -> Database:
    _check_sqlite()
    if not path.is_file():
        raise NotARun(f"There is no ledger at {path}; `orgrun ls` lists the runs.")
    # SQLite keeps its index of the log beside the file; where it may not, and no log is there, nobody is writing.
    alone = mode == "ro" and not os.access(path.parent, os.W_OK) and not Path(f"{path}-wal").exists()
    db = Database(path, "immutable" if alone else mode)
    try:
        _check_kind(db)
        db.tune()
    except BaseException:
        db.close()
        raise
    return db


def _check_kind(db: Database) -> None:
    try:
        kind = db.rows("PRAGMA application_id")[0][0]
        version = db.rows("PRAGMA user_version")[0][0]
    except LedgerError as error:
        if "not a database" not in str(error):
            raise
        raise NotARun(f"{db.path} is not the ledger of a run: the file is no database.") from error
    if kind != APPLICATION_ID:
        raise NotARun(f"{db.path} is not the ledger of a run; give the folder that `orgrun run` made.")
    if version > SCHEMA_VERSION:
        raise NotARun(
            f"{db.path} was written by a newer orgruntime (schema {version}, this one reads {SCHEMA_VERSION}); upgrade."
        )


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
