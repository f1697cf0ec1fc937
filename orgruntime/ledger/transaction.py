"""One write transaction of the ledger: every method writes one event and its projection.

Knows what may be written, decides nothing. Invariant: what a transaction wrote becomes true together, at its COMMIT,
or not at all.
"""

from __future__ import annotations

from typing import Any

from orgruntime.ledger.agent_writes import AgentWrites
from orgruntime.ledger.call_writes import CallWrites
from orgruntime.ledger.history import HistoryWrites
from orgruntime.ledger.inquiry_writes import InquiryWrites
from orgruntime.ledger.notebook import NotebookWrites
from orgruntime.ledger.panels import PanelWrites
from orgruntime.ledger.questions import QuestionWrites
from orgruntime.ledger.schema import LATER
from orgruntime.ledger.science_writes import ScienceWrites
from orgruntime.ledger.trial_writes import TrialWrites
from orgruntime.model.status import RunState


class Transaction(
    InquiryWrites,
    TrialWrites,
    CallWrites,
    ScienceWrites,
    HistoryWrites,
    PanelWrites,
    NotebookWrites,
    QuestionWrites,
    AgentWrites,
):
    """Given by `Ledger.transaction()`; of no use after its block."""

    def set_state(self, state: RunState, reason: str) -> None:
        self._db.write("UPDATE run SET state = ?, reason = ?", state, reason)
        self._event("set-state", state, {"reason": reason})

    def set_isolation(self, level: str) -> None:
        """`strict` or `none`: what every node of the fleet can give."""
        self._db.write("UPDATE run SET isolation = ?", level)
        self._event("set-isolation", level, {})

    def add_wall(self, ms: int) -> None:
        """Wall-clock milliseconds of the driver, folded into the run's row without an event: they come every tick."""
        self._db.write("UPDATE run SET wall_ms = wall_ms + ?", ms)

    def add_request(self, kind: str, body: dict[str, Any]) -> None:
        """A control request from another process: `stop`, `resume`, …"""
        self._db.write("INSERT INTO requests(kind, body) VALUES(?, ?)", kind, self._spelled(body))
        self._event("request", kind, body)

    def take_requests(self) -> list[tuple[str, Any]]:
        """Marks what waits as taken, and returns (kind, body as JSON text) in order of arrival."""
        waiting = self._db.rows("SELECT n, kind, body FROM requests WHERE taken = 0 ORDER BY n")
        if waiting:
            self._db.write("UPDATE requests SET taken = 1 WHERE taken = 0")
            self._event("take-requests", "", {"count": len(waiting)})
        return [(row["kind"], row["body"]) for row in waiting]

    def record_charter(self, charter: tuple[str, str, str, int], bounds: dict[str, int]) -> None:
        """The first event: (run, org, manifest hash, seed) and the bounds of the budget."""
        run, org, manifest_hash, seed = charter
        self._event("create", run, {"org": org, "manifest": manifest_hash, "seed": seed, "bounds": bounds})

    def fence(self) -> int:
        """Begins a new epoch; returns it. A ledger that an older version made gets the tables that it lacks."""
        for statement in LATER:
            self._db.write(statement)
        self._epoch += 1
        self._db.write("UPDATE run SET epoch = ?", self._epoch)
        self._event("take-over", str(self._epoch), {})
        return self._epoch
