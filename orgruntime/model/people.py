"""What a run asks of people: questions and approvals, and what they answered."""

from __future__ import annotations

from enum import StrEnum

from orgruntime.model.base import Noun
from orgruntime.model.ids import InquiryId, QuestionId, RoleSlug

APPROVE, DECLINE = "approve", "decline"
LONGEST_QUESTION = 2000
LONGEST_ANSWER = 4000
"""Characters."""


class QuestionKind(StrEnum):
    QUESTION = "question"
    APPROVAL = "approval"
    """Yes or no: `approve` or `decline`, with words after it or without."""
    HANDOFF = "handoff"
    """A role of kind `human` is to hand something off: its answer becomes the payload `wants`."""


class QuestionState(StrEnum):
    OPEN = "open"
    ANSWERED = "answered"
    WITHDRAWN = "withdrawn"
    """Nobody waits for the answer any more."""


class Wish(Noun):
    """A question that is to be asked."""

    asked: str
    """What asks it: `<inquiry>.<visit>.<n>`. The same step asked again asks the same question."""
    inquiry: InquiryId
    role: RoleSlug
    kind: QuestionKind
    text: str
    """Of its author: untrusted where that is a model."""
    choices: tuple[str, ...] = ()
    """Empty: any words will do."""
    wants: str = ""
    """The payload type that an answer becomes; empty where it stays words."""


class Question(Wish):
    """A question that was asked."""

    id: QuestionId
    state: QuestionState = QuestionState.OPEN
    answer: str = ""
    """Begins with the choice, where there are choices."""
    person: str = ""

    @property
    def chosen(self) -> str:
        """The choice that the answer begins with; empty without one."""
        return chosen_of(self.choices, self.answer)


def chosen_of(choices: tuple[str, ...], answer: str) -> str:
    """`approve: but watch the memory` chooses `approve`. Case does not matter; the longest choice that fits counts."""
    said = answer.strip().casefold()
    fits = [one for one in choices if said == one.casefold() or _begins(said, one.casefold())]
    return max(fits, key=len, default="")


def _begins(said: str, choice: str) -> bool:
    return said.startswith(choice) and said[len(choice)] in ":,;.- \n"
