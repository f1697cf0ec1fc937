"""The chain of events: how one write transaction appends to it.

Knows the chain, the counters and the failpoints; knows no noun. Invariant: an event's hash covers its whole content
and the hash of the event before it, and the run's row holds the newest one, so that a changed, removed or cut-off
event is found by `audit`. It is a seal against accidents and edits, not a signature: whoever may write the file
can recompute it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any

from orgruntime.ledger.database import Database
from orgruntime.ledger.errors import LedgerError
from orgruntime.model.amounts import UNITS, Amounts
from orgruntime.model.base import canonical_json

Event = tuple[int, float, str, str, str]
"""(seq, t, kind, subject, body as canonical JSON)."""

VERBS = (
    "create", "take-over", "set-state", "set-isolation", "set-base", "freeze-noise", "add-idea", "set-idea",
    "open-inquiry", "close-inquiry", "add-payload", "record-step", "add-proposal", "decide", "reserve", "settle",
    "set-verdict", "move-lead", "open-certification", "close-certification", "add-memo", "reserve-spend",
    "settle-spend", "request", "take-requests", "add-history", "add-finding", "close-finding", "ask-question",
    "answer-question", "withdraw-question", "ask-ablation", "refuse-tool", "fail-step",
)  # fmt: skip
"""Kinds of events, one a write."""

FAILPOINTS = ("transaction.before", "transaction.in_tx", "transaction.after") + tuple(
    f"{verb}.{when}" for verb in VERBS if verb != "create" for when in ("in_tx", "after")
)
"""What `Ledger.failpoint` is called with: before BEGIN, inside after each write, inside before COMMIT, after it."""


_SCIENCE = frozenset({"set-base", "freeze-noise", "move-lead", "open-certification", "close-certification"})
"""Writes after which what was read of lead, champion, noise and certifications is old."""


_EMPTY: dict[type[Any], str] = {dict: "{}", list: "[]", tuple: "[]"}


def sealed(prev: str, event: Event) -> str:
    """The event's hash after the event whose hash is `prev`. Unambiguous: only the body has an unknown length."""
    seq, t, kind, subject, body = event
    return hashlib.sha256(f"{prev}|{seq}|{t!r}|{kind}|{len(subject)}|{subject}|{body}".encode()).hexdigest()


def fingerprint(text: str) -> str:
    """What an event holds of a document that is kept beside it."""
    return hashlib.sha256(text.encode()).hexdigest()


def spelled(value: Any) -> str:
    """Canonical JSON. Raises LedgerError for numbers and texts that have none (NaN, infinity, lone surrogates)."""
    if not value and type(value) in _EMPTY:
        return _EMPTY[type(value)]
    try:
        text = canonical_json(value)
        text.encode()
    except (ValueError, TypeError) as error:
        raise LedgerError(f"A value cannot be recorded: {error}. Give finite numbers and well-formed text.") from error
    return text


def known(amounts: Amounts) -> dict[str, int]:
    """The units that are not zero."""
    return {unit: amount for unit in UNITS if (amount := getattr(amounts, unit))}


class Journal:
    """One open write transaction: appends events and keeps the counters.

    Events and counters are gathered and written in bulk, at the end or before such rows are read.
    """

    def __init__(self, db: Database, now: Callable[[], float], failpoint: Callable[[str], None]) -> None:
        head = db.rows("SELECT last_seq, head, epoch FROM run")[0]
        self._db = db
        self._failpoint = failpoint
        self._t = float(now())
        self._seq: int = head["last_seq"]
        self._head: str = head["head"]
        self._epoch: int = head["epoch"]
        self._verbs: dict[str, None] = {}
        self._events: list[tuple[object, ...]] = []
        self._added: dict[str, int] = {}
        self._totals: dict[str, int] = {}
        db.pending, db.counted = self._flush, self._counted

    @property
    def epoch(self) -> int:
        """Of the newest driver."""
        return self._epoch

    def seal(self) -> None:
        """Last write before COMMIT. Raises LedgerError when an earlier write of the transaction failed."""
        if self._db.spoiled:
            raise LedgerError("An earlier write of this transaction failed, so nothing of it is kept.")
        if self._verbs:
            self._flush()
            self._db.write("UPDATE run SET last_seq = ?, head = ?", self._seq, self._head)
        self._failpoint("transaction.in_tx")

    def committed(self) -> None:
        for verb in self._verbs:
            self._failpoint(f"{verb}.after")
        self._failpoint("transaction.after")

    def _event(self, kind: str, subject: str, body: dict[str, Any]) -> int:
        """Appends one event; returns its number. Called last by every write."""
        self._seq += 1
        event = (self._seq, self._t, kind, subject, self._spelled(body))
        self._head = sealed(self._head, event)
        self._events.append((*event, self._head))
        self._verbs[kind] = None
        if kind in _SCIENCE and self._db.memo is not None:
            self._db.memo.clear()
        self._failpoint(f"{kind}.in_tx")
        return self._seq

    def _spelled(self, value: Any) -> str:
        """Canonical JSON. A value that has none spoils the transaction: part of its write may be done already."""
        try:
            return spelled(value)
        except LedgerError:
            self._db.spoiled = True
            raise

    def _count(self, name: str, by: int = 1) -> None:
        self._added[name] = self._added.get(name, 0) + by

    def _counted(self, name: str) -> int:
        """The counter's value, with what this transaction has added."""
        if name not in self._totals:
            self._totals[name] = self._db.counter(name)
        return self._totals[name] + self._added.get(name, 0)

    def _flush(self) -> None:
        self._db.write_many("INSERT INTO events VALUES(?, ?, ?, ?, ?, ?)", self._events)
        self._db.write_many(
            "INSERT INTO counters VALUES(?, ?) ON CONFLICT(name) DO UPDATE SET n = n + excluded.n",
            list(self._added.items()),
        )
        self._db.recounted(self._added)
        self._events.clear()
        self._added.clear()
        self._totals.clear()
