"""Steps that wait for people: who waits for which question, and how an answer reaches them.

Works on futures of one event loop and on the ledger's questions. Asks nothing itself. Invariant: an answer that is in
the ledger reaches the step that waits for it.
"""

from __future__ import annotations

import asyncio

from orgruntime.ledger.store import Ledger
from orgruntime.model.ids import InquiryId, QuestionId
from orgruntime.model.people import Question, QuestionState


class Waits(Exception):
    """A step cannot go on before its question is closed, and holds nothing until then."""

    def __init__(self, question: Question) -> None:
        super().__init__(question.id)
        self.question = question


class People:
    """One a run: what is waited for, in order of asking."""

    def __init__(self) -> None:
        self._waits: dict[QuestionId, asyncio.Future[Question]] = {}
        self._held: dict[QuestionId, InquiryId] = {}

    @property
    def asked(self) -> int:
        """Inquiries that wait."""
        return len(self.inquiries)

    @property
    def inquiries(self) -> set[InquiryId]:
        return set(self._held.values())

    def words(self, ledger: Ledger) -> str:
        """The oldest question that is waited for, and how many others there are."""
        if not self._held:
            return ""
        found = ledger.question(next(iter(self._held)))
        more = f", and {len(self._held) - 1} more" if len(self._held) > 1 else ""
        return "" if found is None else f"{found.id} of {found.role}, {shortened(found.text)}{more}"

    async def wait(self, question: Question) -> Question:
        """The question once it is closed."""
        done = asyncio.get_running_loop().create_future()
        self._waits[question.id] = done
        self._held[question.id] = question.inquiry
        try:
            closed: Question = await done
        finally:
            if self._waits.get(question.id) is done:
                self._leave(question.id)
        return closed

    def hear(self, ledger: Ledger) -> None:
        """Hands over the answers that came since. Reads nothing where nobody waits."""
        for id in list(self._waits):
            found = ledger.question(id)
            if found is not None and found.state is not QuestionState.OPEN:
                done = self._waits[id]
                # From here on its inquiry goes on by itself, though its step has not had its turn yet.
                self._leave(id)
                if not done.done():
                    done.set_result(found)

    def _leave(self, id: QuestionId) -> None:
        self._waits.pop(id, None)
        self._held.pop(id, None)


def shortened(text: str) -> str:
    """On one line, in quotation marks."""
    line = " ".join(text.split())
    return f'"{line}"' if len(line) <= _SHOWN else f'"{line[: _SHOWN - 1]}…"'


_SHOWN = 200
