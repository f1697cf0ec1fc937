"""Writes of trials: intents before they happen, outcomes after.

Invariants: a trial has at most one running attempt and at most one attempt that counts; the first settlement of an
attempt wins; an attempt that the cluster lost never costs the idea a trial. Every statement reads and writes rows
by key, so the cost of a settlement does not grow with the run.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from orgruntime.ledger.errors import LedgerError
from orgruntime.ledger.journal import known
from orgruntime.ledger.money import Money, vector
from orgruntime.ledger.rows import AttemptState, TrialState
from orgruntime.ledger.schema import columns
from orgruntime.model.amounts import UNITS, Amounts
from orgruntime.model.ids import AttemptId, CommitId, InquiryId, ProposalId, TrialKey
from orgruntime.model.trial import Ending, Purpose, Reading, Score, TrialIdentity, TrialOutcome

MAX_LOST = 3
"""Attempts of one trial that the cluster may lose before the trial is given up."""
MAX_VOID = 20
"""Attempts of one trial that may come to nothing for a reason that is not its own: never started, or lost together with
their driver. Only a trial that cannot start, or that takes its driver down, makes this many."""

DETAIL_CHARS = 300
"""Of what is known of an attempt that came to nothing, in its event."""

_ATTEMPT = (
    "SELECT t.n AS trial, t.key, t.purpose, t.proposal, t.inquiry, t.lost, t.void, a.n AS n, a.epoch, a.state AS state,"
    f" {columns('a.cap')} FROM trials t JOIN attempts a ON a.trial = t.n AND a.n = ? WHERE t.key = ?"
)

_INTENT = f"INSERT INTO attempts(trial, n, epoch, state, {columns('cap')}) VALUES(?, ?, ?, 'running', ?, ?, ?, ?, ?)"
_END = (
    "UPDATE attempts SET state = ?, ending = ?, "
    + ", ".join(f"used_{unit} = ?" for unit in UNITS)
    + " WHERE trial = ? AND n = ?"
)


@dataclass(frozen=True)
class _Served:
    """Who a trial is charged to."""

    role: str
    species: str
    verdict: str | None = None


class TrialWrites(Money):
    """The part of a transaction that reserves and settles attempts."""

    def reserve(
        self, identity: TrialIdentity, *, commit: CommitId, purpose: Purpose, proposal: ProposalId | None,
        inquiry: InquiryId | None, cap: Amounts,
    ) -> AttemptId | None:  # fmt: skip
        """Writes the intent of one attempt and holds its worst case.

        None when the trial has its result, was given up, or an attempt of it is running.
        Raises BudgetExceeded with nothing written.
        """
        key = identity.key
        trial = self._db.row("SELECT n, state, attempts FROM trials WHERE key = ?", key)
        if trial is not None and trial["state"] != TrialState.OPEN:
            return None
        self._hold(cap)
        n = 1 if trial is None else trial["attempts"] + 1
        if trial is None:
            row = self._insert(key, identity, commit, purpose, proposal, inquiry)
        else:
            row = trial["n"]
            # Whoever asks for it now pays for it and is credited with it.
            self._db.write(
                "UPDATE trials SET state = 'running', attempts = ?, commit_id = ?, purpose = ?, proposal = ?,"
                " inquiry = ?, reason = '' WHERE n = ?", n, commit, purpose, proposal, inquiry, row,
            )  # fmt: skip
        self._db.write(_INTENT, row, n, self._epoch, *vector(cap))
        self._count("trials.running")
        attempt = AttemptId(f"{key}.{n}")
        self._event("reserve", attempt, {"purpose": purpose, "proposal": proposal, "cap": known(cap)})
        return attempt

    def settle(self, outcome: TrialOutcome, reading: Reading | None, used: Amounts, *, blameless: bool = False) -> bool:
        """Charges an attempt (at most its reservation) and records what came of it. False when it was settled before.

        An attempt that the cluster lost frees its trial for another try (after `MAX_LOST` the trial is given up)
        and gives the unit of `trials` back; where it is `blameless` it frees it as one that never started does, which
        costs nothing; a cancelled one is charged as used
        and its trial is open again. Anything else needs a reading and gives the trial its result.
        Raises LedgerError for an unknown attempt or a missing reading.
        """
        row = self._attempt(outcome.attempt)
        if row["state"] != AttemptState.RUNNING:
            return False
        state = AttemptState.after(outcome.ending)
        if state is AttemptState.DONE and reading is None:
            raise LedgerError(f"Attempt {outcome.attempt} ended by itself, so its settlement needs a reading.")
        cap = Amounts(**{unit: row[f"cap_{unit}"] for unit in UNITS})
        used = _charged(outcome.ending, used.capped(cap))
        self._end_attempt(row, state, outcome.ending, used)
        self._release(cap, used)
        self._count("trials.running", -1)
        body: dict[str, Any] = {"ending": outcome.ending, "used": known(used)}
        if state is AttemptState.DONE and reading is not None:
            served = self._finish(row, outcome, reading)
            body |= {"score": reading.score, "metric": reading.metric}
        else:
            served = self._reopen(row, state, outcome, blameless=blameless)
            body |= _told(outcome)
        self._charge(served.role, served.species, used)
        inquiry, _, visit = (row["proposal"] or "").removeprefix("p").rpartition(".")
        if visit.isdecimal():
            self._charge_choice(inquiry, visit, used)
        elif row["purpose"] == Purpose.PROBE:
            # A probe is asked for by the step that its inquiry is at.
            self._charge_choice(row["inquiry"], None, used)
        self._event("settle", outcome.attempt, body)
        return True

    def _insert(
        self, key: TrialKey, identity: TrialIdentity, commit: CommitId, purpose: Purpose, proposal: ProposalId | None,
        inquiry: InquiryId | None,
    ) -> int:  # fmt: skip
        return self._db.insert(
            "INSERT INTO trials(key, identity, commit_id, purpose, proposal, inquiry, state)"
            " VALUES(?, ?, ?, ?, ?, ?, 'running')",
            key, identity.model_dump_json(), commit, purpose, proposal, inquiry,
        )  # fmt: skip

    def _attempt(self, attempt: AttemptId) -> Any:
        key, _, n = attempt.rpartition(".")
        row = self._db.row(_ATTEMPT, int(n), key) if n.isdecimal() else None
        if row is None:
            raise LedgerError(f"No attempt {attempt!r} was reserved, so none can be settled.")
        return row

    def _end_attempt(self, row: Any, state: AttemptState, ending: Ending, used: Amounts) -> None:
        self._db.write(_END, state, ending, *vector(used), row["trial"], row["n"])

    def _finish(self, row: Any, outcome: TrialOutcome, reading: Reading) -> _Served:
        """The trial has its result."""
        self._db.write(
            "UPDATE trials SET state = 'done', number = ?, score = ?, metric = ?, figures = ?, progress = ?,"
            " wall_s = ?, cpu_s = ?, memory_mb = ?, node = ?, isolation = ?, reason = ? WHERE n = ?",
            self._number(row), reading.score, reading.metric, self._spelled(reading.figures),
            self._spelled(reading.progress), outcome.wall_s, outcome.cpu_s, outcome.peak_memory_mb, outcome.node,
            outcome.isolation, reading.reason, row["trial"],
        )  # fmt: skip
        counts = row["purpose"] == Purpose.SCREEN and reading.score is Score.MEASURED and reading.metric is not None
        return self._credit(row, reading.metric if counts else None)

    def _reopen(self, row: Any, state: AttemptState, outcome: TrialOutcome, *, blameless: bool) -> _Served:
        """The trial has no result: open again, or given up."""
        # A driver that died took its attempts along: that says nothing of the trial, nor of the node.
        orphaned = state is AttemptState.LOST and (blameless or row["epoch"] != self._epoch)
        void = row["void"] + (state is AttemptState.VOID or orphaned)
        lost = row["lost"] + (state is AttemptState.LOST and not orphaned)
        given_up = lost >= MAX_LOST or void >= MAX_VOID
        reason = f"{outcome.ending}: {outcome.detail}" if outcome.detail else str(outcome.ending)
        self._db.write(
            "UPDATE trials SET state = ?, number = ?, lost = ?, void = ?, reason = ? WHERE n = ?",
            TrialState.FAILED if given_up else TrialState.OPEN,
            self._number(row, given_up=True) if given_up else None, lost, void, reason, row["trial"],
        )  # fmt: skip
        return self._credit(row, None) if given_up else self._served(row)

    def _number(self, row: Any, *, given_up: bool = False) -> int:
        # What the cluster lost is not what verification has taken of the budget.
        if Purpose(row["purpose"]).is_verification and not given_up:
            self._count("trials.verification")
        self._count("trials.settled")
        return self._counted("trials.settled")

    def _credit(self, row: Any, metric: float | None) -> _Served:
        """The proposal has one settled trial more."""
        if row["proposal"] is None:
            return self._served(row)
        found = self._db.rows(
            "UPDATE proposals SET settled = settled + 1, metric_sum = metric_sum + ?, metric_n = metric_n + ?"
            " WHERE id = ? RETURNING role, species, verdict", metric or 0.0, int(metric is not None), row["proposal"],
        )  # fmt: skip
        served = _Served(*found[0])
        if served.verdict is not None:
            self._count(f"verdict.{served.verdict}")
        return served

    def _served(self, row: Any) -> _Served:
        if row["proposal"] is None:
            return _Served("runtime", row["purpose"])
        return _Served(*self._db.rows("SELECT role, species FROM proposals WHERE id = ?", row["proposal"])[0])


def _told(outcome: TrialOutcome) -> dict[str, str]:
    """Why the attempt came to nothing, and where: its trial's row keeps the last attempt's only."""
    told = {"detail": outcome.detail[:DETAIL_CHARS], "node": outcome.node}
    return {name: text for name, text in told.items() if text}


def _charged(ending: Ending, used: Amounts) -> Amounts:
    if ending is Ending.NEVER_STARTED:
        return Amounts()
    return used.model_copy(update={"trials": 0}) if ending.is_retried else used
