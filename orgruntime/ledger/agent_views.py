"""Reads for agents that think in words: what was proposed, by whom, and what became of it. O(answer).

Knows the tables, decides nothing.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from orgruntime.ledger.views import View
from orgruntime.model.ids import ProposalId, RoleSlug

_RECORDS = (
    "SELECT p.id, p.role, p.species, p.body, p.metric_sum, p.metric_n, v.word, v.reason, v.gain, i.state AS inquiry"
    " FROM proposals p JOIN inquiries i ON i.id = p.inquiry LEFT JOIN verdicts v ON v.proposal = p.id"
)


@dataclass(frozen=True)
class ProposalRecord:
    """A proposal and what became of it."""

    id: ProposalId
    role: RoleSlug
    species: str
    hypothesis: str
    """Of its author: untrusted."""
    risk: str
    expected_gain: float | None
    verdict: str
    """Empty: none yet."""
    reason: str
    gain: float | None
    """Mean improvement over the lead of its time, on shared seeds."""
    metric: float | None
    running: bool
    """It has no verdict yet, and its inquiry is open."""


class AgentViews(View):
    """What a language model is told of the record."""

    def records(self, limit: int, role: RoleSlug | None = None) -> list[ProposalRecord]:
        """The newest `limit` proposals (of one role), newest first."""
        where = "" if role is None else "WHERE p.role = ?"
        names = () if role is None else (role,)
        return [_record(row) for row in self._rows(f"{_RECORDS} {where} ORDER BY p.n DESC LIMIT ?", *names, limit)]

    def failed_steps(self) -> int:
        """Steps of language models that came to no end."""
        return self._counted("steps.failed")

    def refusals(self) -> int:
        """Uses of tools that were refused for want of authority."""
        return self._counted("steps.refusals")


def _record(row: Any) -> ProposalRecord:
    body = json.loads(row["body"])
    return ProposalRecord(
        id=row["id"], role=row["role"], species=row["species"], hypothesis=body["hypothesis"], risk=body["risk"],
        expected_gain=body["expected_gain"], verdict=row["word"] or "", reason=row["reason"] or "", gain=row["gain"],
        metric=row["metric_sum"] / row["metric_n"] if row["metric_n"] else None,
        running=row["word"] is None and row["inquiry"] == "open",
    )  # fmt: skip
