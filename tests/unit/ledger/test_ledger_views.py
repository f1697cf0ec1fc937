from __future__ import annotations

from pathlib import Path

import pytest
from ledger_cases import (
    CAP,
    RESEARCHER,
    TRIALS,
    USED,
    Q,
    certificate,
    commit,
    drive,
    identity,
    measured,
    outcome,
    proposal,
    run_trial,
    tree,
    verdict,
)

from orgruntime.ledger.audit import audit
from orgruntime.ledger.journal import VERBS
from orgruntime.ledger.store import Ledger, LedgerError
from orgruntime.model.amounts import Amounts, Budget
from orgruntime.model.appetite import Dial
from orgruntime.model.ids import CertificationId, IdeaId, InquiryId, PayloadId, ProposalId, RoleSlug, RunId
from orgruntime.model.payload import Payload
from orgruntime.model.research import EvidenceState, IdeaState, VerdictWord
from orgruntime.model.step import PastTrial
from orgruntime.model.trial import Ending, Purpose, Reading, Score


def test_ideas_queue_in_order_and_are_counted_by_state(ledger: Ledger) -> None:
    assert [ledger.submit_idea(f"n{n}", "person:ada") for n in range(3)] == ["i2", "i3", "i4"]
    with ledger.transaction() as tx:
        tx.set_idea(IdeaId("i2"), IdeaState.OPEN)
        tx.set_idea(IdeaId("i3"), IdeaState.DECLINED, "tried before")
        tx.set_idea(IdeaId("i3"), IdeaState.DECLINED, "tried twice before")
    assert ledger.idea_counts() == {"total": 4, "queued": 2, "open": 1, "closed": 0, "declined": 1}
    assert [idea.id for idea in ledger.queued_ideas(10)] == ["i1", "i4"]
    assert [idea.id for idea in ledger.queued_ideas(1)] == ["i1"]
    idea = ledger.idea(IdeaId("i3"))
    assert idea is not None
    assert (idea.text, idea.author, idea.reason) == ("n1", "person:ada", "tried twice before")
    assert ledger.idea(IdeaId("i9")) is None


def test_an_inquiry_may_open_on_a_payload_of_its_own(ledger: Ledger) -> None:
    body = {"text": "deeper", "n": [1, {"x": None}]}
    payload = Payload(id=PayloadId("y1"), type="idea", body=body, source=RESEARCHER)
    with ledger.transaction() as tx:
        tx.open_inquiry(InquiryId("q2"), IdeaId("i1"), RoleSlug("director"), payload.id)
        tx.add_payload(payload, InquiryId("q2"))
        tx.close_inquiry(Q, "done")
        tx.close_inquiry(Q, "done again")
    assert ledger.payload(payload.id) == payload
    (row,) = ledger.open_inquiries()
    assert (row.id, row.idea, row.at, row.payload, row.state) == ("q2", "i1", "director", "y1", "open")
    closed = ledger.inquiry(Q)
    assert closed is not None
    assert (closed.state, closed.reason) == ("closed", "done")
    with pytest.raises(LedgerError, match="FOREIGN KEY"), ledger.transaction() as tx:
        tx.open_inquiry(InquiryId("q3"), IdeaId("i1"), RoleSlug("director"), PayloadId("never"))


def test_a_step_is_recorded_once(ledger: Ledger) -> None:
    with ledger.transaction() as tx:
        assert tx.record_step(Q, 0, RESEARCHER, None, "result", ("kept", "promising"), Amounts(tokens=5))
        assert not tx.record_step(Q, 0, RESEARCHER, None, "other", (), Amounts())
    step = ledger.step(Q, 0)
    assert step is not None
    assert (step.payload, step.type, step.words, step.spent.tokens) == (None, "result", ("kept", "promising"), 5)
    assert ledger.step(Q, 1) is None
    assert ledger.amounts().spent == Amounts()


def test_a_proposal_is_found_by_id_and_the_oldest_by_tree(ledger: Ledger) -> None:
    twin = proposal(2).model_copy(update={"tree": tree(1)})
    with ledger.transaction() as tx:
        tx.add_proposal(proposal(1))
        tx.add_proposal(twin)
    assert ledger.proposal(ProposalId("p2")) == twin
    assert ledger.oldest_of_tree(tree(1)) == proposal(1).id
    assert ledger.oldest_of_tree(tree(9)) is None
    assert ledger.proposal_by_tree(tree(1)) == proposal(1)
    assert ledger.proposal_by_tree(tree(9)) is None
    assert ledger.proposals() == [proposal(1), twin]


def test_the_past_is_what_a_search_learns_from(ledger: Ledger) -> None:
    other = RoleSlug("other")
    with ledger.transaction() as tx:
        for n in (1, 2, 3):
            tx.add_proposal(proposal(n))
        tx.add_proposal(proposal(4, role=other))
        run_trial(tx, 1, metric=2.0)
        run_trial(tx, 1, seed=1, metric=3.0)
        run_trial(tx, 1, seed=2, metric=99.0, purpose=Purpose.LAP)
        attempt = tx.reserve(
            identity(2), commit=commit(2), purpose=Purpose.SCREEN, proposal=ProposalId("p2"), inquiry=Q, cap=CAP
        )
        assert attempt is not None
        tx.settle(outcome(attempt, Ending.TIMEOUT), Reading(score=Score.TIMEOUT, reason="slow"), USED)
        tx.set_verdict(verdict(1, VerdictWord.DISCARD, reason="worse"))
        tx.set_verdict(verdict(2, VerdictWord.CRASH, reason="slow"))
    first, second, third = ledger.past(10, RESEARCHER)
    assert first == PastTrial(
        settings={"LEARNING_RATE": 0.001},
        metric=2.5,
        species="search/tpe",
        text="idea number 1 — discard: worse",
    )
    assert (second.metric, second.running, second.text) == (None, False, "idea number 2 — crash: slow")
    assert (third.metric, third.running, third.text) == (None, True, "idea number 3")
    assert [past.settings["LEARNING_RATE"] for past in ledger.past(2)] == [0.003, 0.004]
    with ledger.transaction() as tx:
        run_trial(tx, 1, seed=3, metric=4.0)
        tx.set_verdict(verdict(2, VerdictWord.INCONCLUSIVE, reason="lost"))
    first, second, _ = ledger.past(10, RESEARCHER)
    assert (first.metric, second.text) == (3.0, "idea number 2 — inconclusive: lost")
    with ledger.transaction() as tx:
        tx.close_inquiry(Q, "given up")
    assert not any(past.running for past in ledger.past(10))


def test_the_past_knows_what_a_candidate_had_when_it_was_ended_early(ledger: Ledger) -> None:
    with ledger.transaction() as tx:
        for n in (1, 2):
            tx.add_proposal(proposal(n))
            attempt = tx.reserve(
                identity(n), commit=commit(n), purpose=Purpose.SCREEN, proposal=ProposalId(f"p{n}"), inquiry=Q, cap=CAP
            )
            assert attempt is not None
            curve = ((0.125, 5.0), (0.25, 4.5)) if n == 1 else ()
            reading = Reading(score=Score.ENDED_EARLY, reason="behind", progress=curve)
            tx.settle(outcome(attempt, Ending.ENDED_EARLY), reading, USED)
            tx.set_verdict(verdict(n, VerdictWord.DISCARD, reason="ended early"))
    assert [(past.metric, past.partial, past.running) for past in ledger.past(10)] == [
        (None, 4.5, False), (None, None, False),
    ]  # fmt: skip


def test_what_was_ended_early_has_not_met_the_lead(ledger: Ledger) -> None:
    """How long an org has been stuck: proposals since the last kept one that said anything of where the lead stands."""
    told = (
        (VerdictWord.DISCARD, -0.1), (VerdictWord.KEEP, 0.1), (VerdictWord.DISCARD, -0.2), (VerdictWord.DISCARD, None),
        (VerdictWord.CRASH, None), (VerdictWord.INCONCLUSIVE, None),
    )  # fmt: skip
    with ledger.transaction() as tx:
        for n, (word, gain) in enumerate(told, start=1):
            tx.add_proposal(proposal(n))
            run_trial(tx, n, metric=2.0)
            tx.set_verdict(verdict(n, word, gain, identity(n, 0).key))
    assert ledger.measured_since_kept() == 2


def test_the_past_forgets_what_was_undone(ledger: Ledger) -> None:
    def undone() -> None:
        with ledger.transaction() as tx:
            tx.add_proposal(proposal(1))
            assert ledger.past(1)[0].settings == {"LEARNING_RATE": 0.001}
            raise RuntimeError("undo")

    with pytest.raises(RuntimeError):
        undone()
    with ledger.transaction() as tx:
        tx.add_proposal(proposal(2))
    assert ledger.past(1)[0].settings == {"LEARNING_RATE": 0.002}


def test_the_lead_moves_and_its_history_is_kept(ledger: Ledger) -> None:
    assert ledger.lead() is None
    with ledger.transaction() as tx:
        tx.add_proposal(proposal(2))
        tx.move_lead(commit(1), metric=2.5, gain=0.0, estimate=0.0, proposal=None, reason="baseline")
        run_trial(tx, 2)
        tx.move_lead(commit(2), metric=2.4, gain=0.1, estimate=0.07, proposal=ProposalId("p2"), reason="better")
    lead = ledger.lead()
    assert lead is not None
    assert (lead.commit, lead.metric, lead.gain, lead.estimate, lead.since_number) == (commit(2), 2.4, 0.1, 0.07, 1)
    assert [row.commit for row in ledger.lead_history()] == [commit(1), commit(2)]


def open_certification(ledger: Ledger, number: int = 1) -> CertificationId:
    id = CertificationId(f"c{number}")
    with ledger.transaction() as tx:
        tx.open_certification(
            id, champion=commit(1), lead=commit(2), number=number, threshold=300.0, delta=0.005, scale=0.02,
            max_pairs=25, inquiry=Q,
        )  # fmt: skip
    return id


def test_the_champion_moves_with_a_certificate_only(ledger: Ledger, tmp_path: Path) -> None:
    assert ledger.champion() is None
    with ledger.transaction() as tx:
        tx.set_base(commit(1), tree(1))
    base = ledger.champion()
    assert base is not None
    assert (base.commit, base.certificate, base.at_trial) == (commit(1), None, 0)

    first = open_certification(ledger)
    with pytest.raises(LedgerError, match="another one is open"):
        open_certification(ledger, 2)
    running = ledger.open_certification()
    assert running is not None
    assert (running.id, running.state, running.threshold, running.e_value) == ("c1", EvidenceState.RUNNING, 300.0, None)
    with pytest.raises(LedgerError, match="exactly those that passed"), ledger.transaction() as tx:
        tx.close_certification(first, EvidenceState.FUTILE, 0.2, "no", certificate())
    with pytest.raises(LedgerError, match="exactly those that passed"), ledger.transaction() as tx:
        tx.close_certification(first, EvidenceState.PASSED, 400.0, "yes", None)
    with ledger.transaction() as tx:
        tx.close_certification(first, EvidenceState.FUTILE, 0.2, "no gain", None)
    with pytest.raises(LedgerError, match="is not open"), ledger.transaction() as tx:
        tx.close_certification(first, EvidenceState.FUTILE, 0.2, "no gain", None)
    assert ledger.open_certification() is None

    second = open_certification(ledger, 2)
    with ledger.transaction() as tx:
        tx.close_certification(second, EvidenceState.PASSED, 400.0, "passed", certificate("c2"))
    champion = ledger.champion()
    assert champion is not None
    assert (champion.commit, champion.certificate) == (commit(2), certificate("c2"))
    assert [row.state for row in ledger.certifications()] == [EvidenceState.FUTILE, EvidenceState.PASSED]
    assert len(ledger.champion_history()) == 2
    assert audit(tmp_path / "ledger.db") == []


def test_a_number_of_a_test_is_used_once(ledger: Ledger) -> None:
    id = open_certification(ledger)
    with ledger.transaction() as tx:
        tx.close_certification(id, EvidenceState.EXHAUSTED, 2.0, "cap", None)
    with pytest.raises(LedgerError, match="UNIQUE"):
        open_certification(ledger)


def test_decisions_name_their_dial(ledger: Ledger) -> None:
    with ledger.transaction() as tx:
        for n in range(4):
            tx.decide(Dial.EXPLORATION, "start-trial", f"p{n}", "its turn", {"share": 0.3, "n": n})
        tx.decide(Dial.STAKE, "refuse", "p9", "too dear", {})
    assert [(row.dial, row.verb, row.subject) for row in ledger.decisions(2)] == [
        (Dial.EXPLORATION, "start-trial", "p3"),
        (Dial.STAKE, "refuse", "p9"),
    ]
    assert ledger.decisions(2)[0].numbers == {"share": 0.3, "n": 3}
    (oldest, *_) = ledger.decisions(99)
    assert oldest in ledger.decisions(99, oldest.verb), "however many came after it"
    assert ledger.decisions(1, "no-such-verb") == []
    assert ledger.dial_counts() == {Dial.EXPLORATION: 4, Dial.STAKE: 1}


def test_the_digest_tells_what_gained_what_failed_and_where_the_money_went(ledger: Ledger) -> None:
    with ledger.transaction() as tx:
        for n in range(1, 7):
            tx.add_proposal(proposal(n))
            run_trial(tx, n)
        tx.set_verdict(verdict(1, VerdictWord.DISCARD, reason="before"))
        run_trial(tx, 1, seed=7)
        tx.set_verdict(verdict(2, VerdictWord.KEEP, 0.02))
        tx.set_verdict(verdict(3, VerdictWord.KEEP, 0.05))
        tx.set_verdict(verdict(4, VerdictWord.DISCARD, reason="gain -0.01 is below 0.005"))
        tx.set_verdict(verdict(5, VerdictWord.DISCARD, reason="gain -2.5e-07 is below 0.005"))
        tx.set_verdict(verdict(6, VerdictWord.CRASH, reason="NameError"))
    facts = ledger.digest(since_trials=6)
    assert facts.trials == 1
    assert facts.verdicts == {"keep": 2, "discard": 2, "crash": 1}
    assert facts.gained == (
        "p3 by researcher (search/tpe), gain 0.05: idea number 3",
        "p2 by researcher (search/tpe), gain 0.02: idea number 2",
    )
    assert facts.failed == ("2 × discard: gain -2.5e-07 is below 0.005", "1 × crash: NameError")
    assert facts.spend == ("researcher (search/tpe): 7 trials, 14.0 CPU-seconds, kept gain 0.07",)


def test_a_verdict_that_is_taken_back_takes_its_gain_back(ledger: Ledger) -> None:
    with ledger.transaction() as tx:
        tx.add_proposal(proposal(1))
        tx.set_verdict(verdict(1, VerdictWord.KEEP, 0.5))
    assert ledger.spend_by()[0].gain == 0.5
    with ledger.transaction() as tx:
        tx.set_verdict(verdict(1, VerdictWord.DISCARD, 0.5))
    assert ledger.spend_by()[0].gain == 0.0
    assert ledger.verdict(ProposalId("p1")) == verdict(1, VerdictWord.DISCARD, 0.5)
    assert ledger.verdict(ProposalId("p2")) is None


def test_a_whole_run_writes_every_kind_of_event(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    with Ledger.create(
        path, run=RunId("r1"), manifest_hash="m", org="o", budget=Budget(trials=9), seed=1, now=lambda: 12
    ) as ledger:
        ledger.submit_idea("be better", "runtime")
        drive(ledger, lambda _: None)
        events = ledger.events(0, 1000)
        assert {event.kind for event in events} == set(VERBS)
        assert [event.seq for event in events] == list(range(1, len(events) + 1))
        assert {event.t for event in events} == {12.0}
        assert [event.seq for event in ledger.events(after_seq=3, limit=2)] == [4, 5]
        assert ledger.settled_trials() == TRIALS
        (memo,) = ledger.memos()
        assert (memo.role, memo.text, memo.inquiry, memo.upto_trials) == (RESEARCHER, "all is well", Q, TRIALS)
    assert audit(path) == []


def test_a_measured_trial_with_an_empty_reading_is_whole(ledger: Ledger) -> None:
    with ledger.transaction() as tx:
        attempt = tx.reserve(identity(1), commit=commit(1), purpose=Purpose.NOISE, proposal=None, inquiry=None, cap=CAP)
        assert attempt is not None
        tx.settle(outcome(attempt), measured().model_copy(update={"figures": {}, "progress": ()}), USED)
    row = ledger.trial(identity(1).key)
    assert row is not None
    assert (row.figures, row.progress) == ({}, ())
