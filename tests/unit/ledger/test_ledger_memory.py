"""Findings, questions, choices and ablations in the ledger; and ledgers that are older than their tables."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest
from ledger_cases import (
    CAP,
    RESEARCHER,
    USED,
    Q,
    commit,
    drive,
    identity,
    measured,
    new_ledger,
    outcome,
    proposal,
    run_trial,
    verdict,
)

from orgruntime.ledger.audit import audit
from orgruntime.ledger.store import Ledger, LedgerError
from orgruntime.model.amounts import Amounts, Budget
from orgruntime.model.ids import FindingId, IdeaId, ProposalId, QuestionId, RunId
from orgruntime.model.memory import FindingState
from orgruntime.model.people import QuestionKind, QuestionState, Wish
from orgruntime.model.research import VerdictWord
from orgruntime.model.trial import Purpose

TABLES = ("choices", "findings", "questions", "ablations")


def made_older(path: Path) -> None:
    """As version 0.1 left it."""
    link = sqlite3.connect(path)
    link.executescript("DROP INDEX verdicts_kept;" + "".join(f"DROP TABLE {table};" for table in TABLES))
    link.close()


def test_an_older_ledger_is_read_audited_and_gets_its_tables_from_the_next_driver(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    with Ledger.create(path, run=RunId("r1"), manifest_hash="m", org="o", budget=Budget(trials=9), seed=1) as ledger:
        ledger.submit_idea("be better", "runtime")
    made_older(path)
    assert audit(path) == []
    with Ledger.open_readonly(path) as ledger:
        assert ledger.findings() == ledger.open_questions() == ledger.outcomes(RESEARCHER, 9) == []
        assert ledger.ablations("p1") == ledger.all_ablations() == []
        assert ledger.finding("f1") is ledger.question("h1") is ledger.choice(Q, 0) is None
        assert ledger.finding_of("x") is ledger.question_asked("x") is None
        assert ledger.finding_counts()["total"] == ledger.question_counts()["total"] == 0
        assert ledger.best_tried(5) == []
    with Ledger.open(path) as ledger:
        drive(ledger, lambda _: None)
        assert [one.id for one in ledger.findings()] == ["f2"]
    assert audit(path) == []


def test_a_second_take_over_changes_no_table(ledger: Ledger, tmp_path: Path) -> None:
    before = ledger.database.rows("PRAGMA schema_version")[0][0]
    ledger.take_over()
    assert ledger.database.rows("PRAGMA schema_version")[0][0] == before


def test_a_source_writes_one_finding(ledger: Ledger) -> None:
    with ledger.transaction() as tx:
        id = tx.add_finding("a", (), role=RESEARCHER, inquiry=Q, source="q1.0.1")
    assert id == "f1"
    with pytest.raises(LedgerError, match="UNIQUE"), ledger.transaction() as tx:
        tx.add_finding("b", (), role=RESEARCHER, inquiry=Q, source="q1.0.1")
    assert ledger.finding_counts() == {"total": 1, "active": 1, "superseded": 0, "pruned": 0}


def test_a_finding_is_closed_once(ledger: Ledger) -> None:
    with ledger.transaction() as tx:
        id = tx.add_finding("a", (), role=RESEARCHER, inquiry=Q, source="s")
        assert tx.close_finding(id, FindingState.PRUNED, by=None, role=RESEARCHER, reason="wrong")
        assert not tx.close_finding(id, FindingState.PRUNED, by=None, role=RESEARCHER, reason="again")
    with pytest.raises(LedgerError, match="no finding 'f9'"), ledger.transaction() as tx:
        tx.close_finding(FindingId("f9"), FindingState.PRUNED, by=None, role=RESEARCHER, reason="")
    assert ledger.findings() == []
    (closed,) = ledger.findings(active=False)
    assert closed.reason == "wrong"


def test_evidence_is_named_as_the_ledger_spells_it(ledger: Ledger) -> None:
    with ledger.transaction() as tx:
        tx.add_proposal(proposal(1))
        key = run_trial(tx, 1)
        tx.add_memo(RESEARCHER, "well", Q, 1)
    names = {"p1": "p1", "1": "trial 1", "trial 1": "trial 1", key: "trial 1", f"{key}.1": "trial 1", "m1": "memo 1"}
    assert {name: ledger.evidence_named(name) for name in names} == names
    assert [ledger.evidence_named(name) for name in ("p2", "trial 2", "memo 2", "c1", "", "' OR 1=1")] == [None] * 6


def test_a_question_is_asked_once_and_the_first_answer_counts(ledger: Ledger) -> None:
    wish = Wish(asked="q1.0.0", inquiry=Q, role=RESEARCHER, kind=QuestionKind.QUESTION, text="which?")
    with ledger.transaction() as tx:
        id = tx.ask_question(wish)
    with pytest.raises(LedgerError, match="UNIQUE"), ledger.transaction() as tx:
        tx.ask_question(wish)
    assert ledger.answer(id, "this", "ada")
    assert not ledger.answer(id, "that", "bob")
    with ledger.transaction() as tx:
        assert not tx.withdraw_question(id, "over")
    found = ledger.question_asked("q1.0.0")
    assert found is not None
    assert (found.id, found.answer, found.state) == (QuestionId("h1"), "this", QuestionState.ANSWERED)
    assert ledger.open_questions() == []


def test_a_step_has_one_model(ledger: Ledger) -> None:
    with ledger.transaction() as tx:
        tx.choose_model(Q, 0, RESEARCHER, "m", "its turn", {})
    with pytest.raises(LedgerError, match="UNIQUE"), ledger.transaction() as tx:
        tx.choose_model(Q, 0, RESEARCHER, "n", "its turn", {})
    assert ledger.choice(Q, 0) == "m"
    assert ledger.choice_counts(RESEARCHER, ("m", "n")) == {"m": 1, "n": 0}


def test_an_ablation_is_asked_for_once_and_known_by_what_carried_it_out(ledger: Ledger) -> None:
    with ledger.transaction() as tx:
        tx.add_proposal(proposal(1))
        assert tx.ask_ablation(ProposalId("p1"), "LR", IdeaId("i1"), "critic")
        assert not tx.ask_ablation(ProposalId("p1"), "LR", IdeaId("i1"), "person:ada")
        for n in (2, 3):
            tx.add_proposal(proposal(n).model_copy(update={"parent": ProposalId("p1"), "part": "LR"}))
    (row,) = ledger.ablations("p1")
    assert (row.part, row.role, row.proposal) == ("LR", "critic", "p2")


def test_a_proposal_is_charged_with_its_trials_and_the_calls_of_its_step(tmp_path: Path) -> None:
    with new_ledger(tmp_path, Budget(trials=100, cpu_ms=10**6, usd_micro=10**6)) as ledger:
        first = proposal(1).model_copy(update={"id": ProposalId("pq1.1"), "commit": commit(1)})
        with ledger.transaction() as tx:
            tx.add_proposal(first)
            for id in ("q1.1.0#1", "q1.1.3#2", "q1.10.0#1", "q1.0.0#1", "q11.1.0#1"):
                tx.reserve_spend(id, RESEARCHER, "m", Amounts(usd_micro=100))
                tx.settle_spend(id, Amounts(usd_micro=10))
        with ledger.transaction() as tx:
            attempt = tx.reserve(
                identity(1), commit=commit(1), purpose=Purpose.SCREEN, proposal=first.id, inquiry=Q, cap=CAP
            )
            assert attempt is not None
            tx.settle(outcome(attempt), measured(), USED)
            tx.set_verdict(verdict(1, VerdictWord.KEEP, 0.5).model_copy(update={"proposal": first.id}))
        assert ledger.spent_on(first) == Amounts(trials=1, cpu_ms=2000, usd_micro=20)
        found = ledger.tried("pq1.1")
        assert found is not None
        assert (found.word, found.gain, found.metric, found.trials) == (VerdictWord.KEEP, 0.5, 2.4, 1)
