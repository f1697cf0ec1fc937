"""Reads of trials, proposals, verdicts, the lead, the champion and their evidence. O(answer)."""

from __future__ import annotations

import json
from typing import Any

from orgruntime.ledger.database import Database
from orgruntime.ledger.rows import (
    AttemptRow,
    CertificationRow,
    ChampionRow,
    LeadRow,
    TrialRow,
    TrialState,
    VainRow,
)
from orgruntime.ledger.schema import columns
from orgruntime.ledger.views import View, amounts_of
from orgruntime.model.ids import AttemptId, ProposalId, RoleSlug, TreeId, TrialKey
from orgruntime.model.research import Certificate, EvidenceState, Proposal, Verdict, VerdictWord
from orgruntime.model.status import TrialCounts
from orgruntime.model.step import PastTrial
from orgruntime.model.trial import Ending, Purpose, Score, TrialIdentity

_RUNNING = (
    f"SELECT t.key, t.identity, t.commit_id, t.purpose, t.proposal, t.inquiry, a.n, a.epoch, {columns('a.cap')}"
    " FROM attempts a JOIN trials t ON t.n = a.trial WHERE a.state = 'running' ORDER BY a.trial"
)
_PAST = (
    "SELECT p.n, p.species, p.metric_sum, p.metric_n, p.verdict, v.reason, i.state AS inquiry"
    " FROM proposals p JOIN inquiries i ON i.id = p.inquiry LEFT JOIN verdicts v ON v.proposal = p.id"
)
_REMEMBERED = 2000
"""Decoded proposals that are kept in memory."""


class ScienceViews(View):
    """What was tried, and what it means."""

    def __init__(self, db: Database) -> None:
        super().__init__(db)
        self._decoded: dict[int, tuple[tuple[object, ...], PastTrial]] = {}
        self._undone = db.undone

    def trial(self, key: TrialKey, identity: TrialIdentity | None = None) -> TrialRow | None:
        """`identity`: whose key it is, where it is known and need not be read."""
        row = self._row("SELECT * FROM trials WHERE key = ?", key)
        return _trial(row, identity) if row else None

    def trials(self, after: int = 0) -> list[TrialRow]:
        """Done and failed trials with a number above `after`, in order of settlement."""
        return [_trial(row) for row in self._rows("SELECT * FROM trials WHERE number > ? ORDER BY number", after)]

    def trials_of(self, proposal: ProposalId) -> list[TrialRow]:
        """Every trial that a proposal paid for, in order of first reservation."""
        return [_trial(row) for row in self._rows("SELECT * FROM trials WHERE proposal = ? ORDER BY n", proposal)]

    def attempts_in_vain(self, key: TrialKey) -> list[VainRow]:
        """Of a trial: those that were lost, cancelled or never started, oldest first. Reads all events."""
        ask = "SELECT subject, body FROM events WHERE kind = 'settle' AND subject GLOB ? ORDER BY seq"
        told = [(row["subject"], json.loads(row["body"])) for row in self._gathered(ask, f"{key}.*")]
        return [
            VainRow(attempt, Ending(body["ending"]), body.get("detail", ""), body.get("node", ""))
            for attempt, body in told
            if "score" not in body
        ]

    def running_attempts(self) -> list[AttemptRow]:
        """Attempts that were reserved and not settled, oldest trial first."""
        return [_attempt(row) for row in self._rows(_RUNNING)]

    def settled_trials(self) -> int:
        """Trials that are done or failed: the highest number given."""
        return self._counted("trials.settled")

    def verification_trials(self) -> int:
        """Those that served a certification or its lap, without the ones that the cluster lost."""
        return self._counted("trials.verification")

    def counts(self) -> TrialCounts:
        words = {str(word): self._counted(f"verdict.{word}") for word in VerdictWord}
        return TrialCounts(total=self.settled_trials(), running=self._counted("trials.running"), **words)

    def proposal(self, id: ProposalId) -> Proposal | None:
        return self._proposal("SELECT body FROM proposals WHERE id = ?", id)

    def oldest_of_tree(self, tree: TreeId) -> ProposalId | None:
        """Of the proposals with the same code."""
        row = self._row("SELECT id FROM proposals WHERE tree = ? ORDER BY n LIMIT 1", tree)
        return ProposalId(row["id"]) if row else None

    def proposal_by_tree(self, tree: TreeId) -> Proposal | None:
        """The oldest proposal with the same code."""
        return self._proposal("SELECT body FROM proposals WHERE tree = ? ORDER BY n LIMIT 1", tree)

    def proposals(self) -> list[Proposal]:
        """All of them, oldest first."""
        return [
            Proposal.model_validate_json(row["body"]) for row in self._rows("SELECT body FROM proposals ORDER BY n")
        ]

    def verdict(self, proposal: ProposalId) -> Verdict | None:
        row = self._row("SELECT * FROM verdicts WHERE proposal = ?", proposal)
        return _verdict(row) if row else None

    def measured_since_kept(self) -> int:
        """Proposals that met the lead, or crashed, since the last one that was kept; those ended early did not. Reads
        all verdicts: once a driver."""
        kept = "SELECT COALESCE(MAX(rowid), 0) FROM verdicts WHERE word = 'keep'"
        met = "(gain IS NOT NULL OR (word = 'crash' AND evidence != '[]'))"
        row = self._db.row(f"SELECT COUNT(*) AS n FROM verdicts WHERE {met} AND rowid > ({kept})")
        return int(row["n"]) if row else 0

    def candidate_curves(self, limit: int) -> list[tuple[str, tuple[tuple[float, float], ...]]]:
        """(hardware, curve) of the first screen of the newest proposals, oldest first. Reads all trials: once a
        driver."""
        rows = self._db.rows(
            "SELECT MIN(n) AS first, identity, progress FROM trials WHERE purpose = ? AND proposal IS NOT NULL"
            " AND number IS NOT NULL GROUP BY proposal ORDER BY first DESC LIMIT ?", Purpose.SCREEN, limit,
        )  # fmt: skip
        curves = [(json.loads(row["identity"])["hardware"], json.loads(row["progress"])) for row in reversed(rows)]
        return [(hardware, tuple((at, value) for at, value in curve)) for hardware, curve in curves if curve]

    def past(self, limit: int, role: RoleSlug | None = None) -> list[PastTrial]:
        """The newest `limit` proposals (of one role), oldest first.

        `metric` is the mean over the measured screen trials so far; `running` says that the proposal has no verdict
        yet and its inquiry is open.
        """
        where = "" if role is None else "WHERE p.role = ?"
        names = () if role is None else (role,)
        rows = self._rows(f"{_PAST} {where} ORDER BY p.n DESC LIMIT ?", *names, limit)
        if self._undone != self._db.undone or len(self._decoded) > _REMEMBERED:
            self._decoded.clear()
            self._undone = self._db.undone
        return [self._past_of(row) for row in reversed(rows)]

    def _past_of(self, row: Any) -> PastTrial:
        """Decoded once for each state that the proposal is seen in."""
        state, known = tuple(row), self._decoded.get(row["n"])
        if known is not None and known[0] == state:
            return known[1]
        body = json.loads(self._rows("SELECT body FROM proposals WHERE n = ?", row["n"])[0]["body"])
        unmeasured = row["verdict"] and not row["metric_n"]
        past = _past(row, body, self._last_point(body["id"]) if unmeasured else None)
        self._decoded[row["n"]] = (state, past)
        return past

    def _last_point(self, proposal: str) -> float | None:
        """The newest point of the curve of a trial that was ended early."""
        sql = "SELECT progress FROM trials WHERE proposal = ? AND score = ? ORDER BY n DESC LIMIT 1"
        row = self._row(sql, proposal, Score.ENDED_EARLY)
        curve = json.loads(row["progress"]) if row else []
        return float(curve[-1][1]) if curve else None

    def lead(self) -> LeadRow | None:
        """None until the lead was set for the first time."""
        return self._remembered("lead", self._lead)

    def lead_history(self) -> list[LeadRow]:
        return [_lead(row) for row in self._rows("SELECT * FROM leads ORDER BY n")]

    def champion(self) -> ChampionRow | None:
        """None until the base is set."""
        return self._remembered("champion", self._champion)

    def champion_history(self) -> list[ChampionRow]:
        """The base first."""
        return [_champion(row) for row in self._rows("SELECT * FROM champions ORDER BY n")]

    def open_certification(self) -> CertificationRow | None:
        return next((one for one in self.certifications() if one.state is EvidenceState.RUNNING), None)

    def certifications(self) -> list[CertificationRow]:
        """Every test of the run, in order."""
        return list(self._remembered("certifications", self._certifications))

    def _lead(self) -> LeadRow | None:
        row = self._row("SELECT * FROM leads ORDER BY n DESC LIMIT 1")
        return _lead(row) if row else None

    def _champion(self) -> ChampionRow | None:
        row = self._row("SELECT * FROM champions ORDER BY n DESC LIMIT 1")
        return _champion(row) if row else None

    def _certifications(self) -> list[CertificationRow]:
        return [_certification(row) for row in self._rows("SELECT * FROM certifications ORDER BY number")]

    def _proposal(self, sql: str, value: str) -> Proposal | None:
        row = self._row(sql, value)
        return Proposal.model_validate_json(row["body"]) if row else None


def _trial(row: Any, identity: TrialIdentity | None = None) -> TrialRow:
    if identity is None:
        identity = TrialIdentity.model_validate_json(row["identity"])
    return TrialRow(
        key=row["key"], identity=identity, commit=row["commit_id"],
        purpose=Purpose(row["purpose"]), proposal=row["proposal"], inquiry=row["inquiry"],
        state=TrialState(row["state"]), score=Score(row["score"]) if row["score"] else None, metric=row["metric"],
        figures=json.loads(row["figures"]), progress=tuple((at, value) for at, value in json.loads(row["progress"])),
        wall_s=row["wall_s"], cpu_s=row["cpu_s"], memory_mb=row["memory_mb"], node=row["node"],
        isolation=row["isolation"], attempts=row["attempts"], number=row["number"], reason=row["reason"],
    )  # fmt: skip


def _attempt(row: Any) -> AttemptRow:
    return AttemptRow(
        attempt=AttemptId(f"{row['key']}.{row['n']}"), key=row["key"], cap=amounts_of(row, "cap"),
        identity=TrialIdentity.model_validate_json(row["identity"]), commit=row["commit_id"],
        purpose=Purpose(row["purpose"]), proposal=row["proposal"], inquiry=row["inquiry"], epoch=row["epoch"],
    )  # fmt: skip


def _verdict(row: Any) -> Verdict:
    return Verdict(
        proposal=row["proposal"], word=VerdictWord(row["word"]), reason=row["reason"], gain=row["gain"],
        evidence=tuple(json.loads(row["evidence"])),
    )  # fmt: skip


def _past(row: Any, body: dict[str, Any], partial: float | None) -> PastTrial:
    verdict = f" — {row['verdict']}: {row['reason']}" if row["verdict"] else ""
    return PastTrial(
        settings=body["settings"], metric=row["metric_sum"] / row["metric_n"] if row["metric_n"] else None,
        partial=partial,
        running=row["verdict"] is None and row["inquiry"] == "open", species=row["species"],
        text=" ".join(f"{body['hypothesis']}{verdict}".split()),
    )  # fmt: skip


def _lead(row: Any) -> LeadRow:
    return LeadRow(
        commit=row["commit_id"], metric=row["metric"], estimate=row["estimate"], since_number=row["at_trial"],
        gain=row["gain"], proposal=row["proposal"], reason=row["reason"],
    )  # fmt: skip


def _champion(row: Any) -> ChampionRow:
    text = row["certificate"]
    return ChampionRow(row["commit_id"], Certificate.model_validate_json(text) if text else None, row["at_trial"])


def _certification(row: Any) -> CertificationRow:
    return CertificationRow(
        id=row["id"], champion=row["champion"], lead=row["lead"], number=row["number"], threshold=row["threshold"],
        delta=row["delta"], scale=row["scale"], max_pairs=row["max_pairs"], inquiry=row["inquiry"],
        state=EvidenceState(row["state"]), e_value=row["e_value"], reason=row["reason"],
        opened_at_trial=row["opened_at_trial"], closed_at_trial=row["closed_at_trial"],
    )  # fmt: skip
