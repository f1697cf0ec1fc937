"""Reading the chain of events from end to end, page by page, so that a long run is not held in memory."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from orgruntime.ledger.database import Database

_PAGE = 5000


def events(db: Database, kind: str = "") -> Iterator[Any]:
    """The rows of `events` in order; of one kind, or of all."""
    seq = 0
    where = "seq > ? AND kind = ?" if kind else "seq > ? AND ? = ''"
    while rows := db.rows(f"SELECT * FROM events WHERE {where} ORDER BY seq LIMIT {_PAGE}", seq, kind):
        yield from rows
        seq = rows[-1]["seq"]
