"""One SQLite connection with the ledger's durability settings; its faults become `LedgerError`.

Knows SQL's transport, knows no table. Invariant: a write that failed spoils its transaction, so that a caller who
swallows the error cannot commit half of an operation.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Literal
from urllib.parse import quote

from orgruntime.ledger.errors import LedgerError

LOCK_WAIT_S = 60.0
CACHE_KB = 16_384  # of indexes that are asked for at random places: 2 MB, the default, is less than 10,000 trials have
CHECKPOINT_PAGES = 4000  # 16 MiB: a checkpoint's two extra fsyncs come once in dozens of transactions

_REMEDIES = {
    "full": "Free some disk space, then resume the run.",
    "disk i/o": "The disk refused the write; check its space and health, then resume the run.",
    "readonly": "It was opened for reading only, or this user may not write it.",
    "locked": f"Another process held it for more than {LOCK_WAIT_S:.0f} s; end that process and try again.",
    "unable to open": "It, or its folder, may not be read by this user.",
    "malformed": "The file is damaged; restore it from a copy.",
}

_DRIVEN = ("trials.", "verdict.", "choice.", "steps.")
"""Counters that nobody but the driver changes."""


def _nothing() -> None:
    """Nothing is gathered outside a transaction."""


class Database:
    """A connection in autocommit mode: transactions are begun and ended by name only."""

    def __init__(self, path: Path, mode: Literal["ro", "rw", "immutable"] = "rw") -> None:
        """Raises LedgerError when the file cannot be opened."""
        self.path = path
        self.spoiled = False
        self._tables: set[str] = set()
        self.undone = 0
        """Transactions that were rolled back: what was read inside one of them may never have been."""
        self.pending: Callable[[], None] = _nothing
        """Writes out what the open transaction has gathered; reads of `events` and `spenders` call this first."""
        self.memo: dict[str, Any] | None = None
        """What was read of the rows that only a driver writes; kept once this connection drives the run."""
        self.counted: Callable[[str], int] = self.counter
        """A counter, with what the open transaction has added to it."""
        query = "immutable=1" if mode == "immutable" else f"mode={mode}"
        try:
            self._link = sqlite3.connect(
                f"file:{quote(str(path.absolute()))}?{query}", uri=True, timeout=LOCK_WAIT_S, isolation_level=None,
                cached_statements=256,
            )  # fmt: skip
        except sqlite3.Error as error:
            raise self._fault(error) from error
        self._link.row_factory = sqlite3.Row

    def tune(self) -> None:
        """One fsync a commit, survives power loss; references are checked."""
        for pragma in (
            "synchronous = FULL",
            "foreign_keys = ON",
            f"cache_size = -{CACHE_KB}",
            f"wal_autocheckpoint = {CHECKPOINT_PAGES}",
        ):
            self.rows(f"PRAGMA {pragma}")

    def rows(self, sql: str, *values: object) -> list[Any]:
        """Every row of a statement; also runs writes with RETURNING. Raises LedgerError."""
        try:
            return self._link.execute(sql, values).fetchall()
        except (sqlite3.Error, ValueError, OverflowError) as error:
            self.spoiled = True
            raise self._fault(error) from error

    def row(self, sql: str, *values: object) -> Any | None:
        """The first row, or None."""
        found = self.rows(sql, *values)
        return found[0] if found else None

    def has(self, table: str) -> bool:
        """Whether there is such a table. Asked of SQLite until there is."""
        if table not in self._tables:
            if not self.row("SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = ?", table):
                return False
            self._tables.add(table)
        return True

    def counter(self, name: str) -> int:
        """A counter as it is written; 0 before its first change."""
        if self.memo is not None and name.startswith(_DRIVEN):
            if name not in self.memo:
                self.memo[name] = self._counter(name)
            return int(self.memo[name])
        return self._counter(name)

    def recounted(self, names: Iterable[str]) -> None:
        """These counters were written."""
        for name in names:
            if self.memo is not None:
                self.memo.pop(name, None)

    def write(self, sql: str, *values: object) -> int:
        """Runs one writing statement; returns how many rows it touched. Raises LedgerError."""
        try:
            return self._link.execute(sql, values).rowcount
        except (sqlite3.Error, ValueError, OverflowError) as error:
            self.spoiled = True
            raise self._fault(error) from error

    def insert(self, sql: str, *values: object) -> int:
        """Runs one INSERT; returns the new row's number. Raises LedgerError."""
        try:
            return self._link.execute(sql, values).lastrowid or 0
        except (sqlite3.Error, ValueError, OverflowError) as error:
            self.spoiled = True
            raise self._fault(error) from error

    def write_many(self, sql: str, rows: Sequence[tuple[object, ...]]) -> None:
        try:
            self._link.executemany(sql, rows)
        except (sqlite3.Error, ValueError, OverflowError) as error:
            self.spoiled = True
            raise self._fault(error) from error

    def refuses(self, sql: str, values: Sequence[object]) -> str | None:
        """Runs one writing statement. Name of the CHECK constraint that refused it (it wrote nothing), or None."""
        try:
            self._link.execute(sql, values)
        except sqlite3.IntegrityError as error:
            _, found, constraint = str(error).partition("CHECK constraint failed: ")
            if found:
                return constraint
            self.spoiled = True
            raise self._fault(error) from error
        except (sqlite3.Error, OverflowError) as error:
            self.spoiled = True
            raise self._fault(error) from error
        return None

    def script(self, sql: str) -> None:
        try:
            self._link.executescript(sql)
        except sqlite3.Error as error:
            raise self._fault(error) from error

    def steps(self, work: Callable[[], object]) -> int:
        """How many instructions of SQLite's machine `work` takes: a cost that no other process disturbs."""
        taken = 0

        def one_more() -> int:
            nonlocal taken
            taken += 1
            return 0

        self._link.set_progress_handler(one_more, 1)
        try:
            work()
        finally:
            self._link.set_progress_handler(None, 0)
        return taken

    @property
    def in_transaction(self) -> bool:
        return self._link.in_transaction

    def begin(self, how: Literal["IMMEDIATE", "DEFERRED"]) -> None:
        self.rows(f"BEGIN {how}")
        self.spoiled = False

    def commit(self) -> None:
        self.rows("COMMIT")
        self._forget_gathered()

    def rollback(self) -> None:
        self._forget_gathered()
        if self.memo is not None:
            self.memo.clear()
        self.undone += 1
        self.release()

    def release(self) -> None:
        """Ends a transaction that wrote nothing, or nothing to keep."""
        # A full disk makes SQLite roll back by itself; a second rollback would be an error.
        with suppress(sqlite3.Error):
            if self._link.in_transaction:
                self._link.execute("ROLLBACK")

    def close(self) -> None:
        self._link.close()

    def _counter(self, name: str) -> int:
        found = self.row("SELECT n FROM counters WHERE name = ?", name)
        return int(found["n"]) if found else 0

    def _forget_gathered(self) -> None:
        self.pending, self.counted = _nothing, self.counter

    def _fault(self, error: Exception) -> LedgerError:
        text = str(error)
        remedy = next((advice for sign, advice in _REMEDIES.items() if sign in text.lower()), "")
        return LedgerError(f"The ledger {self.path} refused: {text}. {remedy}".rstrip())
