"""Reads of the run, its workflow and its books. O(answer): by key or by index, counters instead of scans.

Knows the tables, decides nothing. Reads inside a transaction see its writes.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from orgruntime.ledger.database import Database
from orgruntime.ledger.rows import (
    Books,
    DecisionRow,
    EventRow,
    InquiryRow,
    MemoRow,
    RunRow,
    SpendRow,
    StepRow,
)
from orgruntime.model.amounts import UNITS, Amounts, Budget
from orgruntime.model.appetite import Dial
from orgruntime.model.ids import IdeaId, InquiryId, PayloadId
from orgruntime.model.payload import Payload
from orgruntime.model.research import Idea, IdeaState, Noise
from orgruntime.model.status import RunState, Spend

T = TypeVar("T")


def amounts_of(row: Any, prefix: str) -> Amounts:
    return Amounts(**{unit: row[f"{prefix}_{unit}"] for unit in UNITS})


class View:
    """A reader of one database."""

    def __init__(self, db: Database) -> None:
        self._db = db

    def _rows(self, sql: str, *values: object) -> list[Any]:
        return self._db.rows(sql, *values)

    def _row(self, sql: str, *values: object) -> Any | None:
        return self._db.row(sql, *values)

    def _gathered(self, sql: str, *values: object) -> list[Any]:
        """Rows of `events` or `spenders`, which an open transaction writes in bulk."""
        self._db.pending()
        return self._db.rows(sql, *values)

    def _counted(self, name: str) -> int:
        return self._db.counted(name)

    def _has(self, table: str) -> bool:
        """Whether the ledger has a table that older ones lack."""
        return self._db.has(table)

    def _remembered(self, name: str, read: Callable[[], T]) -> T:
        """`read()`, once between two writes of the science where nobody else can make one."""
        memo = self._db.memo
        if memo is None:
            return read()
        if name not in memo:
            memo[name] = read()
        found: T = memo[name]
        return found


class RunViews(View):
    """The run, its queue, its inquiries, its money."""

    def run(self) -> RunRow:
        row = self._rows("SELECT * FROM run")[0]
        return RunRow(
            id=row["id"], org=row["org"], manifest_hash=row["manifest_hash"], state=RunState(row["state"]),
            reason=row["reason"], seed=row["seed"], budget=Budget.model_validate_json(row["budget"]),
            isolation=row["isolation"], base_commit=row["base_commit"], base_tree=row["base_tree"],
            wall_ms=row["wall_ms"], epoch=row["epoch"],
        )  # fmt: skip

    def kept_while_it_stands(self, name: str, read: Callable[[], T]) -> T:
        """`read()`, once between two moves of lead, champion or noise floor where this connection drives the run."""
        return self._remembered(name, read)

    def noise(self) -> Noise | None:
        """None until it is frozen."""
        return self._remembered("noise", self._noise)

    def amounts(self) -> Books:
        """(reserved, spent)."""
        row = self._rows("SELECT * FROM budget")[0]
        return Books(amounts_of(row, "reserved"), amounts_of(row, "spent"))

    def spend(self) -> Spend:
        """What is settled, in the units of `status --json`."""
        spent = self.amounts().spent
        return Spend(
            gpu_seconds=spent.gpu_ms / 1000, cpu_seconds=spent.cpu_ms / 1000, tokens=spent.tokens,
            usd=spent.usd_micro / 1e6, wall_seconds=self._rows("SELECT wall_ms FROM run")[0]["wall_ms"] / 1000,
        )  # fmt: skip

    def spend_by(self) -> list[SpendRow]:
        """Who spent what, most dollars and device time first."""
        order = "used_usd_micro DESC, used_gpu_ms DESC, used_cpu_ms DESC, role, species"
        rows = self._gathered(f"SELECT * FROM spenders ORDER BY {order}")
        return [SpendRow(row["role"], row["species"], amounts_of(row, "used"), row["gain"]) for row in rows]

    def queued_ideas(self, limit: int) -> list[Idea]:
        """The oldest `limit` ideas of the queue."""
        rows = self._rows("SELECT * FROM ideas WHERE state = 'queued' ORDER BY n LIMIT ?", limit)
        return [_idea(row) for row in rows]

    def idea(self, id: IdeaId) -> Idea | None:
        row = self._row("SELECT * FROM ideas WHERE id = ?", id)
        return _idea(row) if row else None

    def idea_counts(self) -> dict[str, int]:
        """Every state, and `total`."""
        return {state: self._counted(f"ideas.{state}") for state in ("total", *IdeaState)}

    def open_inquiries(self) -> list[InquiryRow]:
        """Oldest first."""
        return [_inquiry(row) for row in self._rows("SELECT * FROM inquiries WHERE state = 'open' ORDER BY n")]

    def inquiries_opened(self) -> int:
        """The highest number of an inquiry `q<number>`; 0 before the first. For the start of a driver: it counts."""
        return int(self._rows("SELECT count(*) FROM inquiries WHERE id GLOB 'q*' AND id NOT GLOB '*+*'")[0][0])

    def inquiry(self, id: InquiryId) -> InquiryRow | None:
        row = self._row("SELECT * FROM inquiries WHERE id = ?", id)
        return _inquiry(row) if row else None

    def payload(self, id: PayloadId) -> Payload:
        """Raises KeyError."""
        row = self._row("SELECT * FROM payloads WHERE id = ?", id)
        if row is None:
            raise KeyError(id)
        return Payload(id=row["id"], type=row["type"], body=json.loads(row["body"]), source=row["source"])

    def step(self, inquiry: InquiryId, visit: int) -> StepRow | None:
        row = self._row("SELECT * FROM steps WHERE inquiry = ? AND visit = ?", inquiry, visit)
        return None if row is None else _step(row)

    def steps(self, inquiry: InquiryId) -> list[StepRow]:
        """From visit 0 on."""
        return [_step(row) for row in self._rows("SELECT * FROM steps WHERE inquiry = ? ORDER BY visit", inquiry)]

    def decisions(self, limit: int, verb: str | None = None) -> list[DecisionRow]:
        """The newest `limit` (of one verb, which reads them all), oldest first."""
        where = "" if verb is None else "WHERE verb = ?"
        names = () if verb is None else (verb,)
        rows = self._rows(f"SELECT * FROM decisions {where} ORDER BY seq DESC LIMIT ?", *names, limit)
        return [_decision(row) for row in reversed(rows)]

    def decisions_about(self, subjects: Sequence[str], seq: int | None = None) -> list[DecisionRow]:
        """Of these subjects, or the one of this number, oldest first. Reads them all."""
        if seq is not None:
            return [_decision(row) for row in self._rows("SELECT * FROM decisions WHERE seq = ?", seq)]
        marks = ", ".join("?" * len(subjects))
        rows = self._rows(f"SELECT * FROM decisions WHERE subject IN ({marks}) ORDER BY seq", *subjects)
        return [_decision(row) for row in rows]

    def dial_counts(self) -> dict[Dial, int]:
        """Decisions by the dial that made them; dials that made none are absent."""
        return {dial: n for dial in Dial if (n := self._counted(f"dial.{dial}"))}

    def memos(self) -> list[MemoRow]:
        """Oldest first."""
        rows = self._rows("SELECT * FROM memos ORDER BY n")
        return [MemoRow(row["role"], row["text"], row["inquiry"], row["upto_trials"]) for row in rows]

    def events(self, after_seq: int = 0, limit: int = 1000) -> list[EventRow]:
        """The first `limit` events after number `after_seq`."""
        rows = self._gathered("SELECT * FROM events WHERE seq > ? ORDER BY seq LIMIT ?", after_seq, limit)
        return [EventRow(row["seq"], row["t"], row["kind"], row["subject"], json.loads(row["body"])) for row in rows]

    def _noise(self) -> Noise | None:
        text = self._rows("SELECT noise FROM run")[0]["noise"]
        return Noise.model_validate_json(text) if text else None


def _idea(row: Any) -> Idea:
    return Idea(
        id=row["id"], text=row["text"], author=row["author"], state=IdeaState(row["state"]), reason=row["reason"]
    )


def _step(row: Any) -> StepRow:
    words = tuple(json.loads(row["words"]))
    return StepRow(row["payload"], row["type"], words, row["role"], Amounts(**json.loads(row["spent"])))


def _inquiry(row: Any) -> InquiryRow:
    return InquiryRow(row["id"], row["idea"], row["at"], row["payload"], row["state"], row["reason"])


def _decision(row: Any) -> DecisionRow:
    numbers = json.loads(row["numbers"])
    return DecisionRow(row["seq"], Dial(row["dial"]), row["verb"], row["subject"], row["reason"], numbers)
