"""Decisions, and which model of a panel took which step with what result.

Knows choices and their outcomes; decides nothing. Invariants: a step is given to one model, once; a read looks at the
newest steps of one role, however long the run.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from orgruntime.ledger.journal import Journal
from orgruntime.ledger.views import View, amounts_of
from orgruntime.model.amounts import Amounts
from orgruntime.model.appetite import Dial
from orgruntime.model.ids import InquiryId, RoleSlug

CHOOSE = "choose-model"
"""The verb of the decision that gives a step to a model."""

# Ids of proposals are `p<inquiry>.<visit>`: those of an inquiry are neighbours in their unique index.
_OUTCOMES = """
SELECT c.model, s.type, i.state AS inquiry, p.id AS proposal, v.word, v.gain,
  (SELECT max(v2.gain) FROM proposals p2 JOIN verdicts v2 ON v2.proposal = p2.id
   WHERE p2.id > 'p' || c.inquiry || '.' AND p2.id < 'p' || c.inquiry || '/'
     AND CAST(substr(p2.id, length(c.inquiry) + 3) AS INTEGER) > c.visit) AS later
FROM choices c JOIN inquiries i ON i.id = c.inquiry
  LEFT JOIN steps s ON s.inquiry = c.inquiry AND s.visit = c.visit
  LEFT JOIN proposals p ON p.id = 'p' || c.inquiry || '.' || c.visit
  LEFT JOIN verdicts v ON v.proposal = p.id
WHERE c.role = ? ORDER BY c.n DESC LIMIT ?
"""


class PanelWrites(Journal):
    """The part of a transaction that records decisions."""

    def decide(self, dial: Dial, verb: str, subject: str, reason: str, numbers: dict[str, float | int | str]) -> None:
        """One scheduling decision and the dial that made it."""
        seq = self._event("decide", subject, {"dial": dial, "verb": verb, "reason": reason, "numbers": numbers})
        self._db.write(
            "INSERT INTO decisions VALUES(?, ?, ?, ?, ?, ?)", seq, dial, verb, subject, reason, self._spelled(numbers)
        )
        self._count(f"dial.{dial}")

    def choose_model(
        self, inquiry: InquiryId, visit: int, role: RoleSlug, model: str, reason: str,
        numbers: dict[str, float | int | str],
    ) -> None:  # fmt: skip
        """A decision that gives a step to a model of the role's panel. Raises LedgerError when the step has one."""
        self._db.write(
            "INSERT INTO choices(inquiry, visit, role, model) VALUES(?, ?, ?, ?)", inquiry, visit, role, model
        )
        self._count(f"choice.{role}.{model}")
        self.decide(Dial.OPTIMISM, CHOOSE, f"{inquiry}.{visit}", reason, {**numbers, "role": role, "model": model})


class Outcome(NamedTuple):
    """What came of one step."""

    model: str
    over: bool
    """Whether it is known: the step is recorded, and what it proposed is judged."""
    gain: float | None
    """Of its proposal over the lead of its time; of a step that proposed nothing itself, the best one among the later
    proposals of its inquiry. None: nothing was measured."""


class PanelView(View):
    """Reads of choices. Empty in a ledger that is older than the table."""

    def choice(self, inquiry: InquiryId, visit: int) -> str | None:
        """The model that the step was given to."""
        if not self._has("choices"):
            return None
        row = self._row("SELECT model FROM choices WHERE inquiry = ? AND visit = ?", inquiry, visit)
        return str(row["model"]) if row else None

    def choice_counts(self, role: RoleSlug, models: Sequence[str]) -> dict[str, int]:
        """Steps of the role that each model was given, those under way included."""
        return {model: self._counted(f"choice.{role}.{model}") for model in models}

    def outcomes(self, role: RoleSlug, limit: int) -> list[Outcome]:
        """Of the role's newest `limit` steps that were given to a model, newest first."""
        if not self._has("choices"):
            return []
        return [
            Outcome(row["model"], _is_over(row), row["gain"] if row["proposal"] else row["later"])
            for row in self._rows(_OUTCOMES, role, limit)
        ]

    def used_by(self, role: RoleSlug, species: str) -> Amounts:
        """What the role has used through a species: its model calls, and the trials of its proposals."""
        rows = self._gathered("SELECT * FROM spenders WHERE role = ? AND species = ?", role, species)
        return amounts_of(rows[0], "used") if rows else Amounts()

    def used_by_choice(self, role: RoleSlug, model: str) -> Amounts:
        """What the role's steps that were given to a model have used: their calls, whoever answered, their probes, and
        the trials of their proposals."""
        if not self._has("choosers"):
            return Amounts()
        row = self._row("SELECT * FROM choosers WHERE role = ? AND model = ?", role, model)
        return amounts_of(row, "used") if row else Amounts()


def _is_over(row: Any) -> bool:
    """A step that handed nothing off has come to its end with that."""
    if row["inquiry"] == "closed":
        return True
    return row["word"] is not None if row["proposal"] else row["type"] == ""
