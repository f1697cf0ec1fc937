"""`orgrun answer`: what is asked, the answers, and each wrong input with its sentence."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from cli_cases import assert_one_sentence, orgrun

from orgruntime.api.folders import RunFolder
from orgruntime.ledger.audit import audit
from orgruntime.ledger.store import Ledger
from orgruntime.model.ids import InquiryId, QuestionId, RoleSlug, RunId
from orgruntime.model.people import APPROVE, DECLINE, QuestionKind, Wish
from orgruntime.model.status import RunState
from orgruntime.testing.lab import small_org

CRITIC, PI = RoleSlug("critic"), RoleSlug("pi")


def wish(n: int, text: str, kind: QuestionKind = QuestionKind.QUESTION, **fields: object) -> Wish:
    made = {"asked": f"q1.0.{n}", "inquiry": InquiryId("q1"), "role": CRITIC, "kind": kind, "text": text}
    return Wish.model_validate({**made, **fields})


WISHES = (
    wish(1, "which data set?\x1b[2J"),
    wish(2, "may I double the width?", QuestionKind.APPROVAL, choices=(APPROVE, DECLINE)),
    wish(3, "what do you say? (your answer becomes a `verdict`)", QuestionKind.HANDOFF, role=PI, wants="verdict"),
)


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    """Of one paused run that asks three things."""
    org, folder = small_org(), RunFolder(tmp_path / "runs" / "r1")
    folder.path.mkdir(parents=True)
    folder.manifest_file.write_text(org.model_dump_json())
    with Ledger.create(
        folder.ledger_file, run=RunId("r1"), manifest_hash=org.hash, org=org.org, budget=org.budget, seed=1
    ) as ledger:
        ledger.take_over()
        with ledger.transaction() as tx:
            tx.open_inquiry(InquiryId("q1"), tx.add_idea("", "runtime"), CRITIC, None)
            for one in WISHES:
                tx.ask_question(one)
            tx.set_state(RunState.PAUSED, "nothing is left to do but to wait for an answer: h1")
    return tmp_path / "runs"


def kept(runs: Path, id: str) -> str:
    path = runs / "r1" / "ledger.db"
    assert audit(path) == []
    with Ledger.open_readonly(path) as ledger:
        found = ledger.question(id)
    assert found is not None
    return found.answer


def test_it_lists_what_is_asked_and_how_to_answer(runs: Path) -> None:
    said = orgrun("answer", "r1", "--runs", runs)
    assert said.code == 0
    first, second, third = said.out.splitlines()
    assert first == 'h1 of critic: which data set?\\x1b[2J → orgrun answer r1 h1 "…"' or "which data set?" in first
    assert "\x1b" not in said.out
    assert 'orgrun answer r1 h2 "approve | decline"' in second
    assert "h3 of pi" in third
    (one,) = json.loads(orgrun("answer", "r1", "h2", "--runs", runs, "--json").out)["questions"]
    assert (one["id"], one["kind"], one["choices"]) == ("h2", "approval", ["approve", "decline"])


def test_an_answer_is_kept_and_says_how_to_go_on(runs: Path) -> None:
    said = orgrun("answer", "r1", "h1", "the small one", "--runs", runs)
    assert said.code == 0
    assert said.out == "h1 of r1 is answered; the run has no driver, so go on with `orgrun resume r1`\n"
    assert kept(runs, "h1") == "the small one"
    assert len(orgrun("answer", "r1", "--runs", runs).out.splitlines()) == 2
    told = json.loads(orgrun("answer", "r1", "h2", "Approve: fine", "--runs", runs, "--json").out)
    assert told == {"run": "r1", "question": "h2", "answer": "Approve: fine", "live": False}


def test_with_one_question_left_it_needs_no_name(runs: Path) -> None:
    orgrun("answer", "r1", "h1", "a", "--runs", runs)
    orgrun("answer", "r1", "h2", "decline", "--runs", runs)
    said = orgrun("answer", "r1", '{"verdict": "keep", "certified": false, "reason": "it is"}', "--runs", runs)
    assert said.code == 0, said.err
    assert orgrun("answer", "r1", "--runs", runs).out == "r1 asks nothing at present\n"


@pytest.mark.parametrize(
    ("words", "code", "needed"),
    [
        (("r1", "which one?"), 2, ("name the question: open are h1, h2, h3",)),
        (("r1", "h9", "yes"), 2, ("has no question 'h9'", "open are h1, h2, h3")),
        (("r1", "h2", "yes"), 2, ("h2 takes `approve` or `decline`",)),
        (("r1", "h3", "keep it"), 2, ("h3 becomes a `verdict`", "give them as JSON")),
        (("r1", "h3", '{"verdict": "keep"}'), 2, ("lacks the field `certified`",)),
        (("r1", "h1", " "), 2, ("an answer is a text of 1 to 4000 characters",)),
        (("r1", "h1", "x" * 5000), 2, ("an answer is a text of 1 to 4000 characters",)),
        (("nobody", "h1", "yes"), 2, ("nobody",)),
        (("r1", "h1", "yes", "no"), 2, ("unexpected extra argument",)),
    ],
)
def test_wrong_input_is_a_sentence(runs: Path, words: tuple[str, ...], code: int, needed: tuple[str, ...]) -> None:
    assert_one_sentence(orgrun("answer", *words, "--runs", runs), code, *needed)
    assert kept(runs, "h1") == ""


def test_what_is_answered_is_not_answered_again(runs: Path) -> None:
    orgrun("answer", "r1", "h1", "a", "--runs", runs)
    assert_one_sentence(orgrun("answer", "r1", "h1", "b", "--runs", runs), 1, "h1 is answered already by")
    with Ledger.open(runs / "r1" / "ledger.db") as ledger:
        assert not ledger.answer(QuestionId("h1"), "c", "ada")


def test_status_shows_what_is_asked(runs: Path) -> None:
    words = orgrun("status", "r1", "--runs", runs).out
    assert "asks       h2 of critic: may I double the width?" in words
    found = json.loads(orgrun("status", "r1", "--runs", runs, "--json").out)
    assert [one["id"] for one in found["questions"]] == ["h1", "h2", "h3"]
    assert found["questions"][2]["wants"] == "verdict"
    assert found["findings"] == {"total": 0, "active": 0, "superseded": 0, "pruned": 0}
