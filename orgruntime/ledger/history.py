"""What was tried before the run, as somebody's log tells it: rows beside the science, never part of it.

Knows the rows of earlier logs; knows no trial. Invariant: nothing here is counted, compared or certified; no verdict,
lead, champion or budget reads this table.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

from orgruntime.ledger.journal import Journal, fingerprint
from orgruntime.ledger.views import View
from orgruntime.model.history import MOST_ROWS, PastResult, PastWord, past_lines
from orgruntime.model.manifest import Direction

COLUMNS = "file, line, commit_id, metric, word, status, note"


class HistoryWrites(Journal):
    """The part of a transaction that takes in an earlier log."""

    def add_history(self, rows: Sequence[PastResult]) -> None:
        """One event a file, with what its rows hash to."""
        for file, group in groupby(rows, key=lambda row: row.file):
            told = list(group)
            self._db.write_many(
                f"INSERT INTO history({COLUMNS}) VALUES(?, ?, ?, ?, ?, ?, ?)",
                [(row.file, row.line, row.commit, row.metric, row.word, row.status, row.note) for row in told],
            )
            self._event("add-history", file, {"rows": len(told), "sha256": self._sealed(told)})

    def _sealed(self, rows: Sequence[PastResult]) -> str:
        return fingerprint(self._spelled([row.model_dump(mode="json") for row in rows]))


class HistoryView(View):
    """Reads of earlier logs."""

    def history(self) -> list[PastResult]:
        """Every row in the order of its log; none in a ledger that is older than the table."""
        if not self._has("history"):
            return []
        return [
            PastResult(
                file=row["file"], line=row["line"], commit=row["commit_id"], metric=row["metric"],
                word=PastWord(row["word"]), status=row["status"], note=row["note"],
            )
            for row in self._rows(f"SELECT {COLUMNS} FROM history ORDER BY n")
        ]  # fmt: skip

    def history_lines(self, direction: Direction, most: int = MOST_ROWS) -> tuple[str, ...]:
        """For readers of words: how many rows of each kind, then the best that was kept and the newest that was not.
        None of it was measured by this run."""
        return past_lines(self.history(), direction, most)
