"""The tool `AskHuman`, and the desk at which answers arrive."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest
from recorded import Recorded, recorded

from orgruntime.ledger.audit import audit
from orgruntime.ledger.store import Ledger, LedgerError
from orgruntime.model.dialogue import ToolResult
from orgruntime.model.ids import QuestionId
from orgruntime.model.people import QuestionState, chosen_of
from orgruntime.runtime.events import EventKind
from orgruntime.runtime.services.human_tool import TOOL

H1 = QuestionId("h1")


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[Recorded]:
    with recorded(tmp_path) as made:
        yield made
    assert audit(tmp_path / "ledger.db") == []


async def asking(lab: Recorded, n: int = 0, **given: object) -> asyncio.Task[ToolResult]:
    task = asyncio.create_task(lab.use(TOOL, n=n, **given))
    for _ in range(5):
        await asyncio.sleep(0)
    return task


async def answered(lab: Recorded, task: asyncio.Task[ToolResult], id: QuestionId, text: str) -> str:
    assert lab.lab.ledger.answer(id, text, "ada")
    lab.lab.people.hear(lab.lab.ledger)
    return (await task).text


async def test_a_step_waits_until_somebody_answers(lab: Recorded) -> None:
    task = await asking(lab, text="which data set?")
    assert not task.done()
    assert (lab.lab.people.asked, lab.lab.people.desks) == (1, {"researcher#0"})
    assert "waiting for a person" in lab.lab.doing["researcher#0"]
    assert lab.lab.people.words(lab.lab.ledger) == 'h1 of researcher, "which data set?"'
    (notice,) = lab.heard.texts(EventKind.NOTICE)
    assert 'researcher asks h1: "which data set?"; answer with `orgrun answer r1 h1 "…"`' in notice
    lab.lab.people.hear(lab.lab.ledger)
    assert not task.done()
    assert await answered(lab, task, H1, "the small one") == 'ada answers h1: "the small one"'
    assert lab.lab.people.asked == 0
    assert lab.lab.doing["researcher#0"] == ""


async def test_an_approval_is_approved_or_declined(lab: Recorded) -> None:
    task = await asking(lab, kind="approval", text="may I double the width?")
    told = await answered(lab, task, H1, "Approve: but watch the memory")
    assert told == 'ada answers h1 (approve): "Approve: but watch the memory"'


async def test_a_use_that_is_taken_again_finds_its_question_and_its_answer(tmp_path: Path) -> None:
    with recorded(tmp_path) as lab:
        task = await asking(lab, n=4, text="which?")
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        assert lab.lab.people.asked == 0
    with Ledger.open(tmp_path / "ledger.db") as other:
        assert other.answer(H1, "this one", "ada")
    with recorded(tmp_path) as lab:
        assert (await lab.use(TOOL, n=4, text="which?")).text == 'ada answers h1: "this one"'
        assert lab.lab.ledger.question_counts() == {"total": 1, "open": 0, "answered": 1, "withdrawn": 0}


async def test_a_step_that_is_lost_and_taken_again_waits_for_the_same_question(lab: Recorded) -> None:
    first, second = [await asking(lab, n=4, text="which?") for _ in range(2)]
    assert await answered(lab, second, H1, "this") == 'ada answers h1: "this"'
    first.cancel()
    await asyncio.gather(first, return_exceptions=True)
    assert lab.lab.people.asked == 0
    assert lab.lab.ledger.question_counts()["total"] == 1


async def test_a_withdrawn_question_is_said_to_be_one(lab: Recorded) -> None:
    task = await asking(lab, text="anybody?")
    with lab.lab.ledger.transaction() as tx:
        assert tx.withdraw_question(H1, "the run is over")
    lab.lab.people.hear(lab.lab.ledger)
    assert "nobody will" in (await task).text


async def test_the_first_answer_counts(lab: Recorded) -> None:
    task = await asking(lab, text="which?")
    assert await answered(lab, task, H1, "a") == 'ada answers h1: "a"'
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
