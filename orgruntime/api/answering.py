"""People answer what a run asks them. Through the ledger, so that it works while a driver lives and after it left.

Never drives a run. Invariant: an answer that the step could not use is refused here, while the person is still there.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from orgruntime.api.control import person
from orgruntime.api.errors import FINDINGS, UserError
from orgruntime.api.folders import RunFolder, find_run
from orgruntime.api.statuses import open_questions
from orgruntime.ledger.store import LedgerError
from orgruntime.model.manifest import Manifest
from orgruntime.model.people import LONGEST_ANSWER, Question, QuestionState, chosen_of
from orgruntime.model.status import QuestionStatus
from orgruntime.runtime.payloads import written
from orgruntime.runtime.readings import plain

_ID = re.compile(r"h\d{1,9}")


@dataclass(frozen=True)
class Answered:
    run: str
    question: str
    answer: str
    live: bool
    text: str


def questions_of(runs: Path, name: str | None) -> tuple[RunFolder, tuple[QuestionStatus, ...]]:
    """The open ones, oldest first. Raises UserError for an unknown run."""
    folder = find_run(runs, name)
    with folder.ledger() as ledger:
        return folder, open_questions(ledger)


def is_question(word: str) -> bool:
    """Whether a word can only be the id of a question."""
    return _ID.fullmatch(word) is not None


def answer_question(runs: Path, name: str, question: str | None, text: str) -> Answered:
    """`question` may be left out where only one is open. Raises UserError: an unknown run or question, one that is
    closed, an answer that it does not take."""
    folder = find_run(runs, name)
    said = plain(text).strip()
    if not said or len(said) > LONGEST_ANSWER:
        raise UserError(f"an answer is a text of 1 to {LONGEST_ANSWER} characters")
    with folder.ledger() as ledger:
        open_ones = ledger.open_questions()
        found = _the_one(folder, open_ones) if question is None else ledger.question(question)
    if found is None:
        raise UserError(f"run {folder.id} has no question {question!r}; {_open(folder, open_ones)}")
    if found.state is not QuestionState.OPEN:
        by = f" by {found.person}" if found.person else ""
        raise UserError(f"question {found.id} is {found.state.value} already{by}", FINDINGS)
    _check(found, said, folder.manifest())
    with folder.ledger(write=True) as ledger:
        try:
            taken = ledger.answer(found.id, said, person())
        except LedgerError as error:
            raise UserError(f"the answer was not taken: {error}", FINDINGS) from error
    if not taken:
        raise UserError(f"question {found.id} was closed in this moment; your answer was not taken", FINDINGS)
    live = folder.has_driver()
    rest = "" if live else f"; the run has no driver, so go on with `orgrun resume {folder.id}`"
    return Answered(folder.id, found.id, said, live, f"{found.id} of {folder.id} is answered{rest}")


def _the_one(folder: RunFolder, open_ones: list[Question]) -> Question:
    if len(open_ones) == 1:
        return open_ones[0]
    raise UserError(f"name the question: {_open(folder, open_ones)}")


def _open(folder: RunFolder, open_ones: list[Question]) -> str:
    if not open_ones:
        return "nothing is asked at present"
    return f"open are {', '.join(one.id for one in open_ones)} (`orgrun answer {folder.id}` lists them)"


def _check(question: Question, said: str, manifest: Manifest) -> None:
    if question.choices and not chosen_of(question.choices, said):
        choices = " or ".join(f"`{plain(choice)}`" for choice in question.choices)
        raise UserError(f"{question.id} takes {choices}, with words after it if you like: `{question.choices[0]}: …`")
    if question.wants:
        kind = next((payload for payload in manifest.payloads if payload.name == question.wants), None)
        body = written(kind, said) if kind is not None else {}
        if isinstance(body, list):
            raise UserError(f"{question.id} becomes a `{question.wants}`: {'; '.join(body)}")
