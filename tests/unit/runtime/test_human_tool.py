"""The tool `AskHuman`, and the desk at which answers arrive."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest
from recorded import Recorded, recorded

from orgruntime.ledger.audit import audit
from orgruntime.ledger.store import Ledger, LedgerError
from orgruntime.model.ids import QuestionId
from orgruntime.model.people import Question, QuestionState, chosen_of
from orgruntime.runtime.events import EventKind
from orgruntime.runtime.people import Waits
from orgruntime.runtime.services.human_tool import TOOL

H1 = QuestionId("h1")


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[Recorded]:
    with recorded(tmp_path) as made:
        yield made
    assert audit(tmp_path / "ledger.db") == []


async def asked(lab: Recorded, n: int = 0, **given: object) -> Question:
    """What the step has to leave its desk for."""
    with pytest.raises(Waits) as waits:
        await lab.use(TOOL, n=n, **given)
    return waits.value.question


async def waiting(lab: Recorded, question: Question) -> asyncio.Task[Question]:
    task = asyncio.create_task(lab.lab.people.wait(question))
    await asyncio.sleep(0)
    return task


async def test_a_step_waits_until_somebody_answers(lab: Recorded) -> None:
    question = await asked(lab, text="which data set?")
    (notice,) = lab.heard.texts(EventKind.NOTICE)
    assert 'researcher asks h1: "which data set?"; answer with `orgrun answer r1 h1 "…"`' in notice
    task = await waiting(lab, question)
    assert (lab.lab.people.asked, lab.lab.people.inquiries) == (1, {"q1"})
    assert lab.lab.people.words(lab.lab.ledger) == 'h1 of researcher, "which data set?"'
    lab.lab.people.hear(lab.lab.ledger)
    assert not task.done()
    assert lab.lab.ledger.answer(H1, "the small one", "ada")
    lab.lab.people.hear(lab.lab.ledger)
    assert (await task).answer == "the small one"
    assert lab.lab.people.asked == 0
    assert (await lab.use(TOOL, text="which data set?")).text == 'ada answers h1: "the small one"'


async def test_an_approval_is_approved_or_declined(lab: Recorded) -> None:
    given = {"kind": "approval", "text": "may I double the width?"}
    await asked(lab, **given)
    assert lab.lab.ledger.answer(H1, "Approve: but watch the memory", "ada")
    told = (await lab.use(TOOL, **given)).text
    assert told == 'ada answers h1 (approve): "Approve: but watch the memory"'


async def test_a_use_that_is_taken_again_finds_its_question_and_its_answer(tmp_path: Path) -> None:
    with recorded(tmp_path) as lab:
        await asked(lab, n=4, text="which?")
    with Ledger.open(tmp_path / "ledger.db") as other:
        assert other.answer(H1, "this one", "ada")
    with recorded(tmp_path) as lab:
        assert (await lab.use(TOOL, n=4, text="which?")).text == 'ada answers h1: "this one"'
        assert lab.lab.ledger.question_counts() == {"total": 1, "open": 0, "answered": 1, "withdrawn": 0}


async def test_a_step_that_is_lost_and_taken_again_waits_for_the_same_question(lab: Recorded) -> None:
    first, second = [await waiting(lab, await asked(lab, n=4, text="which?")) for _ in range(2)]
    assert lab.lab.ledger.answer(H1, "this", "ada")
    lab.lab.people.hear(lab.lab.ledger)
    assert (await second).answer == "this"
    first.cancel()
    await asyncio.gather(first, return_exceptions=True)
    assert lab.lab.people.asked == 0
    assert lab.lab.ledger.question_counts()["total"] == 1


async def test_a_withdrawn_question_is_said_to_be_one(lab: Recorded) -> None:
    await asked(lab, text="anybody?")
    with lab.lab.ledger.transaction() as tx:
        assert tx.withdraw_question(H1, "the run is over")
    assert "nobody will" in (await lab.use(TOOL, text="anybody?")).text


async def test_the_first_answer_counts(lab: Recorded) -> None:
    await asked(lab, text="which?")
    assert lab.lab.ledger.answer(H1, "a", "ada")
    assert not lab.lab.ledger.answer(H1, "b", "bob")
    found = lab.lab.ledger.question("h1")
    assert found is not None
    assert (found.state, found.answer, found.person) == (QuestionState.ANSWERED, "a", "ada")
    with pytest.raises(LedgerError, match="no question 'h2'"):
        lab.lab.ledger.answer(QuestionId("h2"), "c", "ada")


@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        ({}, "ask something in `text`"),
        ({"text": "x" * 3000}, "at most 2000"),
        ({"text": "x", "kind": "order"}, "`kind` must be one of question, approval"),
        ({"text": "x", "choices": ["a"]}, "one choice is none"),
        ({"text": "x", "choices": [str(n) for n in range(9)]}, "at most 8"),
        ({"text": ["x"]}, "`text` must be a string"),
    ],
)
async def test_wrong_input_is_a_sentence(lab: Recorded, given: dict[str, object], wanted: str) -> None:
    result = await lab.use(TOOL, **given)
    assert result.is_error
    assert wanted in result.text
    assert lab.lab.ledger.question_counts()["total"] == 0


@pytest.mark.parametrize(
    ("answer", "chosen"),
    [
        ("approve", "approve"),
        (" APPROVE, why not", "approve"),
        ("decline: no", "decline"),
        ("approved", ""),
        ("yes", ""),
        ("", ""),
    ],
)
def test_a_choice_is_what_an_answer_begins_with(answer: str, chosen: str) -> None:
    assert chosen_of(("approve", "decline"), answer) == chosen


def test_the_longer_choice_counts() -> None:
    assert chosen_of(("small", "small and fast"), "small and fast: please") == "small and fast"
