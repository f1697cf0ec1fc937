"""Reads of what was tried, for whoever is about to try something: newest, best, failed, one in full, its ablations.

Knows the tables, decides nothing. Invariant: a read touches a bounded window of rows, however long the run.
"""

from __future__ import annotations

import json
from typing import Any, NamedTuple

from orgruntime.ledger.rows import LeadRow
from orgruntime.ledger.views import View
from orgruntime.model.amounts import UNITS, Amounts
from orgruntime.model.ids import IdeaId, ProposalId
from orgruntime.model.research import Proposal, VerdictWord

WINDOW = 2000
"""Rows that a filter looks through at most."""

_COLUMNS = "p.body, p.settled, p.metric_sum, p.metric_n, v.word, v.reason, v.gain"
_NEWEST = (
    f"SELECT {_COLUMNS} FROM (SELECT * FROM proposals {{role}} ORDER BY n DESC LIMIT ?4) p"
    " LEFT JOIN verdicts v ON v.proposal = p.id"
    " WHERE (?1 = '' OR p.role = ?1) AND (?2 = '' OR p.species = ?2) ORDER BY p.n DESC LIMIT ?3"
)
_JUDGED = (
    f"SELECT {_COLUMNS} FROM (SELECT * FROM verdicts WHERE {{which}} LIMIT ?4) v"
    " JOIN proposals p ON p.id = v.proposal"
    " WHERE v.word {words} AND (?1 = '' OR p.role = ?1) AND (?2 = '' OR p.species = ?2) ORDER BY {order} LIMIT ?3"
)
_BEST = _JUDGED.format(which="word = 'keep' ORDER BY gain DESC", words="= 'keep'", order="v.gain DESC, p.n")
_FAILED = _JUDGED.format(which="1 ORDER BY at_trial DESC", words="!= 'keep'", order="v.at_trial DESC, p.n DESC")
_ONE = f"SELECT {_COLUMNS} FROM proposals p LEFT JOIN verdicts v ON v.proposal = p.id WHERE p.id = ?"
_OF_TRIALS = (
    "SELECT "
    + ", ".join(f"coalesce(sum(a.used_{unit}), 0) AS used_{unit}" for unit in UNITS)
    + " FROM trials t JOIN attempts a ON a.trial = t.n WHERE t.proposal = ?"
)
_OF_CALLS = (
    "SELECT " + ", ".join(f"coalesce(sum(used_{unit}), 0) AS used_{unit}" for unit in UNITS) + " FROM spends"
    " WHERE id > ? AND id < ?"
)

# Ids of proposals are `p<inquiry>.<visit>`: those of an inquiry are neighbours in their unique index.
_HANDED = """
SELECT h.id, h.type, h.body, (
  SELECT p.id FROM proposals p LEFT JOIN verdicts v ON v.proposal = p.id
  WHERE p.id > 'p' || h.inquiry || '.' AND p.id < 'p' || h.inquiry || '/'
    AND CAST(substr(p.id, length(h.inquiry) + 3) AS INTEGER) > CAST(substr(h.id, length(h.inquiry) + 2) AS INTEGER)
  ORDER BY v.gain IS NULL, v.gain DESC, p.n DESC LIMIT 1) AS best
FROM (SELECT * FROM payloads ORDER BY n DESC LIMIT ?3) h
WHERE h.source = ?1 AND h.type != 'proposal' ORDER BY h.n DESC LIMIT ?2
"""


class Tried(NamedTuple):
    """A proposal and what became of it. Its words are its author's: untrusted."""

    proposal: Proposal
    trials: int
    """Settled ones."""
    metric: float | None
    """Mean over its measured screen trials."""
    word: VerdictWord | None
    """None: no verdict yet."""
    reason: str
    gain: float | None
    """Mean improvement over the lead of its time, on shared seeds."""


class HandedOff(NamedTuple):
    """A payload that is no proposal, and what came of it."""

    payload: str
    type: str
    body: dict[str, Any]
    """Its author's words: untrusted."""
    best: Tried | None
    """Among the later proposals of its inquiry the one of the largest gain, else the newest. None: there is none."""


class Ablation(NamedTuple):
    """A part of a proposal that is measured apart."""

    parent: ProposalId
    part: str
    idea: IdeaId
    role: str
    """Who asked."""
    proposal: ProposalId | None
    """None: not carried out yet."""


class TriedView(View):
    """What was tried."""

    def newest_tried(self, limit: int, role: str = "", species: str = "") -> list[Tried]:
        """Newest first. Empty names are any."""
        # Without a role SQLite walks the table from its end, with one the index of that role.
        sql = _NEWEST.format(role="WHERE role = ?1" if role else "")
        return [_tried(row) for row in self._rows(sql, role, species, limit, WINDOW if species else limit)]

    def handed_off(self, limit: int, role: str) -> list[HandedOff]:
        """What a role handed off that is no proposal, newest first."""
        rows = self._rows(_HANDED, role, limit, WINDOW)
        return [
            HandedOff(row["id"], row["type"], json.loads(row["body"]), self.tried(row["best"]) if row["best"] else None)
            for row in rows
        ]

    def best_tried(self, limit: int, role: str = "", species: str = "") -> list[Tried]:
        """What was kept, the largest gain first."""
        window = WINDOW if role or species else limit
        return [_tried(row) for row in self._rows(_BEST, role, species, limit, window)]

    def failed_tried(self, limit: int, role: str = "", species: str = "") -> list[Tried]:
        """What was not kept, judged last first."""
        return [_tried(row) for row in self._rows(_FAILED, role, species, limit, WINDOW)]

    def tried(self, id: str) -> Tried | None:
        row = self._row(_ONE, id)
        return _tried(row) if row else None

    def newest_leads(self, limit: int) -> list[LeadRow]:
        """Newest first."""
        return [
            LeadRow(
                commit=row["commit_id"], metric=row["metric"], estimate=row["estimate"], since_number=row["at_trial"],
                gain=row["gain"], proposal=row["proposal"], reason=row["reason"],
            )
            for row in self._rows("SELECT * FROM leads ORDER BY n DESC LIMIT ?", limit)
        ]  # fmt: skip

    def ablations(self, parent: str) -> list[Ablation]:
        """What was asked of a proposal's parts, in order of the parts' names."""
        if not self._has("ablations"):
            return []
        return [_ablation(row) for row in self._rows("SELECT * FROM ablations WHERE parent = ? ORDER BY part", parent)]

    def all_ablations(self) -> list[Ablation]:
        """Those of the whole run, by proposal; for a report."""
        if not self._has("ablations"):
            return []
        return [_ablation(row) for row in self._rows("SELECT * FROM ablations ORDER BY parent, part")]

    def spent_on(self, proposal: Proposal) -> Amounts:
        """What a proposal has used: the model calls of the step that made it, and its trials."""
        step = proposal.id.removeprefix("p")
        calls = self._rows(_OF_CALLS, f"{step}.", f"{step}/")[0]
        trials = self._rows(_OF_TRIALS, proposal.id)[0]
        return Amounts(**{unit: calls[f"used_{unit}"] + trials[f"used_{unit}"] for unit in UNITS})


def _ablation(row: Any) -> Ablation:
    return Ablation(row["parent"], row["part"], row["idea"], row["role"], row["proposal"])


def _tried(row: Any) -> Tried:
    return Tried(
        proposal=Proposal.model_validate_json(row["body"]), trials=row["settled"],
        metric=row["metric_sum"] / row["metric_n"] if row["metric_n"] else None,
        word=VerdictWord(row["word"]) if row["word"] else None, reason=row["reason"] or "", gain=row["gain"],
    )  # fmt: skip
