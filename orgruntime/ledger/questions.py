"""What people are asked, in the ledger: an answer may come from any process, while a driver waits or after it died.

Knows questions and answers; does not wait. Invariants: a step asks each of its questions once; the first answer
counts, and an answered question never opens again.
"""

from __future__ import annotations

import json
from typing import Any

from orgruntime.ledger.errors import LedgerError
from orgruntime.ledger.journal import Journal
from orgruntime.ledger.views import View
from orgruntime.model.ids import QuestionId
from orgruntime.model.people import Question, QuestionKind, QuestionState, Wish


class QuestionWrites(Journal):
    """The part of a transaction that asks, answers and withdraws."""

    def ask_question(self, wish: Wish) -> QuestionId:
        """Ids count up from `h1`. Raises LedgerError when the step has asked it before."""
        self._count("questions.total")
        id = QuestionId(f"h{self._counted('questions.total')}")
        self._db.write(
            "INSERT INTO questions(id, asked, inquiry, role, kind, text, choices, wants)"
            " VALUES(?, ?, ?, ?, ?, ?, ?, ?)",
            id, wish.asked, wish.inquiry, wish.role, wish.kind, wish.text, self._spelled(wish.choices), wish.wants,
        )  # fmt: skip
        self._count(f"questions.{QuestionState.OPEN}")
        self._event("ask-question", id, wish.model_dump(mode="json"))
        return id

    def answer_question(self, id: QuestionId, answer: str, person: str) -> bool:
        """False, with nothing written, when it is not open any more. Raises LedgerError for an unknown one."""
        if not self._close(id, QuestionState.ANSWERED, answer, person):
            return False
        self._event("answer-question", id, {"answer": answer, "person": person})
        return True

    def withdraw_question(self, id: QuestionId, reason: str) -> bool:
        """Nobody waits for its answer any more. Like `answer_question`."""
        if not self._close(id, QuestionState.WITHDRAWN, "", ""):
            return False
        self._event("withdraw-question", id, {"reason": reason})
        return True

    def _close(self, id: QuestionId, state: QuestionState, answer: str, person: str) -> bool:
        closed = self._db.write(
            "UPDATE questions SET state = ?, answer = ?, person = ? WHERE id = ? AND state = 'open'",
            state, answer, person, id,
        )  # fmt: skip
        if not closed and not self._db.row("SELECT 1 FROM questions WHERE id = ?", id):
            raise LedgerError(f"There is no question {id!r}.")
        if closed:
            self._count(f"questions.{QuestionState.OPEN}", -1)
            self._count(f"questions.{state}")
        return bool(closed)


class QuestionView(View):
    """Reads of what was asked. Empty in a ledger that is older than the table."""

    def open_questions(self) -> list[Question]:
        """Oldest first."""
        if not self._has("questions"):
            return []
        return [_question(row) for row in self._rows("SELECT * FROM questions WHERE state = 'open' ORDER BY n")]

    def question(self, id: str) -> Question | None:
        row = self._row("SELECT * FROM questions WHERE id = ?", id) if self._has("questions") else None
        return _question(row) if row else None

    def question_asked(self, asked: str) -> Question | None:
        """What a step has asked."""
        row = self._row("SELECT * FROM questions WHERE asked = ?", asked) if self._has("questions") else None
        return _question(row) if row else None

    def question_counts(self) -> dict[str, int]:
        """Every state, and `total`."""
        return {state: self._counted(f"questions.{state}") for state in ("total", *QuestionState)}


def _question(row: Any) -> Question:
    return Question(
        id=row["id"], asked=row["asked"], inquiry=row["inquiry"], role=row["role"], kind=QuestionKind(row["kind"]),
        text=row["text"], choices=tuple(json.loads(row["choices"])), wants=row["wants"],
        state=QuestionState(row["state"]), answer=row["answer"], person=row["person"],
    )  # fmt: skip
