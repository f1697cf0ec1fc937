from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
from ledger_cases import (
    CAP,
    NOISE,
    RESEARCHER,
    USED,
    Q,
    commit,
    identity,
    measured,
    new_ledger,
    outcome,
    proposal,
    run_trial,
    verdict,
)

from orgruntime.ledger.audit import audit
from orgruntime.ledger.rows import TrialState
from orgruntime.ledger.store import BudgetExceeded, Ledger, LedgerError
from orgruntime.ledger.trial_writes import MAX_LOST, MAX_VOID
from orgruntime.model.amounts import Amounts, Budget
from orgruntime.model.appetite import Dial
from orgruntime.model.ids import AttemptId, IdeaId, InquiryId, PayloadId, ProposalId
from orgruntime.model.payload import Payload
from orgruntime.model.research import IdeaState, VerdictWord
from orgruntime.model.trial import Ending, Purpose, Reading, Score


def reserve(ledger: Ledger, n: int = 1, cap: Amounts = CAP, purpose: Purpose = Purpose.NOISE) -> AttemptId | None:
    with ledger.transaction() as tx:
        return tx.reserve(identity(n), commit=commit(n), purpose=purpose, proposal=None, inquiry=None, cap=cap)


def settle(ledger: Ledger, attempt: AttemptId | None, ending: Ending = Ending.EXITED, used: Amounts = USED) -> bool:
    assert attempt is not None
    reading = measured() if ending is Ending.EXITED else None
    with ledger.transaction() as tx:
        return tx.settle(outcome(attempt, ending, "node went away"), reading, used)


def test_a_trial_from_intent_to_result(ledger: Ledger, tmp_path: Path) -> None:
    attempt = reserve(ledger)
    key = identity(1).key
    assert attempt == f"{key}.1"
    assert ledger.amounts() == (CAP, Amounts())
    (running,) = ledger.running_attempts()
    assert (running.attempt, running.cap, running.identity, running.epoch) == (attempt, CAP, identity(1), 1)
    assert ledger.counts().running == 1

    assert settle(ledger, attempt)
    row = ledger.trial(key)
    assert row is not None
    assert (row.state, row.score, row.metric, row.number) == (TrialState.DONE, Score.MEASURED, 2.4, 1)
    assert (row.figures, row.progress) == ({"val_loss": 2.4}, ((0.5, 2.6), (1.0, 2.4)))
    assert (row.wall_s, row.cpu_s, row.memory_mb, row.node, row.attempts) == (2.0, 1.5, 80.0, "n1", 1)
    assert ledger.amounts() == (Amounts(), USED)
    assert ledger.running_attempts() == []
    assert ledger.counts().total == ledger.settled_trials() == 1


def test_a_trial_that_runs_or_is_done_is_not_reserved_again(ledger: Ledger) -> None:
    attempt = reserve(ledger)
    assert reserve(ledger) is None
    settle(ledger, attempt)
    assert reserve(ledger) is None
    assert ledger.amounts() == (Amounts(), USED)


def test_the_first_settlement_of_an_attempt_wins(ledger: Ledger) -> None:
    attempt = reserve(ledger)
    assert settle(ledger, attempt)
    events = len(ledger.events())
    assert not settle(ledger, attempt, Ending.INFRASTRUCTURE, CAP)
    assert not settle(ledger, attempt)
    assert ledger.amounts() == (Amounts(), USED)
    assert len(ledger.events()) == events


def test_a_charge_is_at_most_what_was_reserved(ledger: Ledger) -> None:
    settle(ledger, reserve(ledger), used=Amounts(trials=3, cpu_ms=10**9, gpu_ms=5))
    assert ledger.amounts().spent == CAP


def test_a_lost_attempt_is_charged_its_time_and_tried_again(ledger: Ledger) -> None:
    first = reserve(ledger)
    settle(ledger, first, Ending.INFRASTRUCTURE)
    assert ledger.amounts() == (Amounts(), Amounts(cpu_ms=2000))
    row = ledger.trial(identity(1).key)
    assert row is not None
    assert (row.state, row.number, row.reason) == (TrialState.OPEN, None, "infrastructure: node went away")
    second = reserve(ledger)
    assert second == f"{identity(1).key}.2"
    assert not settle(ledger, first)
    assert settle(ledger, second)
    assert ledger.amounts().spent == Amounts(trials=1, cpu_ms=4000)
    row = ledger.trial(identity(1).key)
    assert row is not None
    assert (row.number, row.attempts, row.reason) == (1, 2, "")


def test_a_trial_that_the_cluster_keeps_losing_is_given_up(ledger: Ledger) -> None:
    for _ in range(MAX_LOST):
        settle(ledger, reserve(ledger), Ending.INFRASTRUCTURE)
    row = ledger.trial(identity(1).key)
    assert row is not None
    assert (row.state, row.score, row.metric, row.number) == (TrialState.FAILED, None, None, 1)
    assert row.reason == "infrastructure: node went away"
    assert reserve(ledger) is None
    assert ledger.amounts() == (Amounts(), Amounts(cpu_ms=2000 * MAX_LOST))
    assert [trial.key for trial in ledger.trials()] == [row.key]


def test_a_loss_that_says_nothing_of_the_trial_is_charged_and_gives_nothing_up(ledger: Ledger) -> None:
    for _ in range(MAX_LOST + 1):
        attempt = reserve(ledger)
        assert attempt is not None
        with ledger.transaction() as tx:
            tx.settle(outcome(attempt, Ending.INFRASTRUCTURE), None, USED, blameless=True)
    assert ledger.amounts() == (
        Amounts(),
        USED.model_copy(update={"trials": 0, "cpu_ms": USED.cpu_ms * (MAX_LOST + 1)}),
    )
    for _ in range(MAX_LOST):
        assert ledger.settled_trials() == 0
        settle(ledger, reserve(ledger), Ending.INFRASTRUCTURE)
    assert ledger.settled_trials() == 1


def test_why_an_attempt_came_to_nothing_is_kept_of_each(ledger: Ledger, tmp_path: Path) -> None:
    endings = (Ending.INFRASTRUCTURE, Ending.NEVER_STARTED, Ending.CANCELLED)
    details = ("no space left", "", "y" * 1000)
    for ending, detail in zip(endings, details, strict=True):
        attempt = reserve(ledger)
        assert attempt is not None
        with ledger.transaction() as tx:
            tx.settle(outcome(attempt, ending, detail), None, USED)
    settle(ledger, reserve(ledger))
    settle(ledger, reserve(ledger, 2), Ending.INFRASTRUCTURE)
    key = identity(1).key
    found = ledger.attempts_in_vain(key)
    assert [(row.attempt, row.ending) for row in found] == [(f"{key}.{n + 1}", one) for n, one in enumerate(endings)]
    assert [row.detail for row in found] == ["no space left", "", "y" * 300]
    assert {row.node for row in found} == {"n1"}
    row = ledger.trial(key)
    assert row is not None
    assert (row.metric, row.reason) == (2.4, ""), "the result stands alone"
    assert ledger.attempts_in_vain(identity(3).key) == []


def test_an_attempt_that_never_started_costs_nothing(ledger: Ledger) -> None:
    for _ in range(MAX_LOST + 1):
        settle(ledger, reserve(ledger), Ending.NEVER_STARTED)
    assert ledger.amounts() == (Amounts(), Amounts())
    assert settle(ledger, reserve(ledger))


def test_a_trial_that_can_never_start_is_given_up(ledger: Ledger) -> None:
    for _ in range(MAX_VOID):
        settle(ledger, reserve(ledger), Ending.NEVER_STARTED)
    assert reserve(ledger) is None
    assert ledger.settled_trials() == 1


def test_a_cancelled_attempt_is_charged_and_leaves_its_trial_open(ledger: Ledger) -> None:
    settle(ledger, reserve(ledger), Ending.CANCELLED)
    row = ledger.trial(identity(1).key)
    assert row is not None
    assert (row.state, row.number) == (TrialState.OPEN, None)
    assert ledger.amounts() == (Amounts(), USED)
    assert ledger.settled_trials() == 0


@pytest.mark.parametrize("ending", [Ending.TIMEOUT, Ending.OUT_OF_MEMORY, Ending.TAMPERED, Ending.TOO_MANY_PROCESSES])
def test_every_other_ending_is_a_result(ledger: Ledger, ending: Ending) -> None:
    attempt = reserve(ledger)
    assert attempt is not None
    with ledger.transaction() as tx:
        tx.settle(outcome(attempt, ending), Reading(score=Score.CRASH, reason="it ended badly"), USED)
    row = ledger.trial(identity(1).key)
    assert row is not None
    assert (row.state, row.score, row.metric, row.reason) == (TrialState.DONE, Score.CRASH, None, "it ended badly")


def test_what_cannot_be_settled_is_one_sentence(ledger: Ledger) -> None:
    for name in ("nonsense", "nonsense.1", f"{identity(1).key}.7", "x.-1", "x.³"):
        with pytest.raises(LedgerError, match="none can be settled"):
            settle(ledger, AttemptId(name))
    attempt = reserve(ledger)
    assert attempt is not None
    with pytest.raises(LedgerError, match="needs a reading"), ledger.transaction() as tx:
        tx.settle(outcome(attempt), None, USED)
    assert settle(ledger, attempt)


def test_a_budget_is_refused_by_the_unit_that_is_short(tmp_path: Path) -> None:
    with new_ledger(tmp_path, Budget(trials=2, gpu_ms=0, cpu_ms=13_000)) as ledger:
        with pytest.raises(BudgetExceeded) as no_gpu:
            reserve(ledger, 9, Amounts(trials=1, gpu_ms=1))
        assert (no_gpu.value.unit, no_gpu.value.left) == ("gpu_ms", 0)
        attempt = reserve(ledger, 1)
        reserve(ledger, 2)
        with pytest.raises(BudgetExceeded) as full:
            reserve(ledger, 3, Amounts(trials=1))
        assert (full.value.unit, full.value.left, full.value.wanted) == ("trials", 0, 1)
        settle(ledger, attempt, Ending.INFRASTRUCTURE, Amounts(cpu_ms=100))
        assert reserve(ledger, 3)
        with ledger.transaction() as tx:
            assert tx.reserve_spend("free", RESEARCHER, "m", Amounts(tokens=10**9))
    assert audit(tmp_path / "ledger.db") == []


def test_model_calls_are_reserved_and_settled_once(tmp_path: Path) -> None:
    with new_ledger(tmp_path, Budget(tokens=100, usd_micro=50)) as ledger:
        with ledger.transaction() as tx:
            assert tx.reserve_spend("a", RESEARCHER, "m", Amounts(tokens=90, usd_micro=10))
            assert not tx.reserve_spend("a", RESEARCHER, "m", Amounts(tokens=90))
            with pytest.raises(BudgetExceeded):
                tx.reserve_spend("b", RESEARCHER, "m", Amounts(tokens=11))
            assert tx.settle_spend("a", Amounts(tokens=95, usd_micro=4))
            assert not tx.settle_spend("a", Amounts(tokens=1))
        assert ledger.amounts() == (Amounts(), Amounts(tokens=90, usd_micro=4))
        assert ledger.spend().usd == 4e-6
        with pytest.raises(LedgerError, match="No spend 'c'"), ledger.transaction() as tx:
            tx.settle_spend("c", Amounts())
    assert audit(tmp_path / "ledger.db") == []


def test_trials_count_by_the_verdict_of_their_proposal(ledger: Ledger, tmp_path: Path) -> None:
    with ledger.transaction() as tx:
        for n in (1, 2, 3):
            tx.add_proposal(proposal(n))
        run_trial(tx, 1)
        run_trial(tx, 1, seed=1)
        run_trial(tx, 2)
    settle(ledger, reserve(ledger, 50))
    reserve(ledger, 51)
    with ledger.transaction() as tx:
        tx.set_verdict(verdict(1, VerdictWord.INCONCLUSIVE))
        tx.set_verdict(verdict(2, VerdictWord.DISCARD))
    counts = ledger.counts()
    assert (counts.total, counts.inconclusive, counts.discard, counts.keep, counts.running) == (4, 2, 1, 0, 1)
    with ledger.transaction() as tx:
        tx.set_verdict(verdict(1, VerdictWord.KEEP, 0.1))
        run_trial(tx, 1, seed=2)
    counts = ledger.counts()
    assert (counts.total, counts.inconclusive, counts.discard, counts.keep) == (5, 0, 1, 3)
    assert audit(tmp_path / "ledger.db") == []


def test_trials_come_in_order_of_settlement(ledger: Ledger) -> None:
    attempts = [reserve(ledger, n) for n in range(5)]
    for attempt in reversed(attempts):
        settle(ledger, attempt)
    assert [trial.identity.tree for trial in ledger.trials()] == [identity(n).tree for n in (4, 3, 2, 1, 0)]
    assert [trial.number for trial in ledger.trials(after=3)] == [4, 5]


def test_verification_trials_are_counted(ledger: Ledger) -> None:
    for n, purpose in enumerate(Purpose):
        settle(ledger, reserve(ledger, n, purpose=purpose))
    assert ledger.verification_trials() == 2
    assert ledger.settled_trials() == len(Purpose)


def test_whoever_asks_last_pays(ledger: Ledger) -> None:
    """A trial that was cancelled for one proposal and is wanted by another with the same code belongs to the other."""
    with ledger.transaction() as tx:
        tx.add_proposal(proposal(1))
        tx.add_proposal(proposal(2).model_copy(update={"tree": proposal(1).tree, "species": "claude"}))
        first = tx.reserve(
            identity(1), commit=commit(1), purpose=Purpose.SCREEN, proposal=ProposalId("p1"), inquiry=Q, cap=CAP
        )
    settle(ledger, first, Ending.CANCELLED)
    with ledger.transaction() as tx:
        second = tx.reserve(
            identity(1), commit=commit(2), purpose=Purpose.SCREEN, proposal=ProposalId("p2"), inquiry=Q, cap=CAP
        )
    settle(ledger, second)
    row = ledger.trial(identity(1).key)
    assert row is not None
    assert (row.proposal, row.commit) == ("p2", commit(2))
    assert {(spend.species, spend.amounts.trials) for spend in ledger.spend_by()} == {("search/tpe", 1), ("claude", 1)}
    assert [trial.key for trial in ledger.trials_of(ProposalId("p2"))] == [row.key]


def test_noise_is_charged_to_the_runtime(ledger: Ledger) -> None:
    with ledger.transaction() as tx:
        tx.freeze_noise(NOISE)
    settle(ledger, reserve(ledger))
    (spend,) = ledger.spend_by()
    assert spend == ("runtime", "noise", USED, 0.0)


READS: dict[str, Callable[[Ledger], object]] = {
    "run": Ledger.run,
    "amounts": Ledger.amounts,
    "counts": Ledger.counts,
    "spend": Ledger.spend,
    "spend_by": Ledger.spend_by,
    "idea_counts": Ledger.idea_counts,
    "queued_ideas": lambda ledger: ledger.queued_ideas(4),
    "open_inquiries": Ledger.open_inquiries,
    "running_attempts": Ledger.running_attempts,
    "trial": lambda ledger: ledger.trial(identity(999).key),
    "trials": lambda ledger: ledger.trials(after=ledger.settled_trials() - 4),
    "past": lambda ledger: ledger.past(4),
    "past of a role": lambda ledger: ledger.past(4, RESEARCHER),
    "proposal_by_tree": lambda ledger: ledger.proposal_by_tree(proposal(999).tree),
    "oldest_of_tree": lambda ledger: ledger.oldest_of_tree(proposal(999).tree),
    "verdict": lambda ledger: ledger.verdict(ProposalId("p1")),
    "lead": Ledger.lead,
    "champion": Ledger.champion,
    "open_certification": Ledger.open_certification,
    "decisions": lambda ledger: ledger.decisions(4),
    "take_requests": Ledger.take_requests,
    "digest": lambda ledger: ledger.digest(ledger.settled_trials()),
}


def test_neither_writes_nor_reads_work_harder_as_the_run_grows(tmp_path: Path) -> None:
    """Counted in the instructions of SQLite's machine, not in seconds, so that no busy machine can blur it."""
    with new_ledger(tmp_path, Budget(cpu_ms=10**12)) as ledger:
        ledger.database.rows("PRAGMA synchronous = OFF")
        grow(ledger, 1, 30)
        small = costs(ledger, 501)
        grow(ledger, 31, 400)
        large = costs(ledger, 502)
    assert {name: (small[name], large[name]) for name in small if large[name] > small[name] + 5} == {}


def costs(ledger: Ledger, n: int) -> dict[str, int]:
    reads = {name: ledger.database.steps(partial(read, ledger)) for name, read in READS.items()}
    return {"a tick of writes": ledger.database.steps(partial(grow, ledger, n, 1)), **reads}


def grow(ledger: Ledger, first: int, proposals: int) -> None:
    for n in range(first, first + proposals):
        with ledger.transaction() as tx:
            # First, as in a tick: its event comes later, and what is written in between finds a reference open.
            tx.decide(Dial.EXPLORATION, "start-trial", f"p{n}", "its turn", {})
            tx.set_idea(tx.add_idea("x", "runtime"), IdeaState.CLOSED)
            tx.open_inquiry(InquiryId(f"x{n}"), IdeaId("i1"), RESEARCHER, None)
            payload = Payload(id=PayloadId(f"x{n}"), type="note", body={}, source=RESEARCHER)
            tx.add_payload(payload, InquiryId(f"x{n}"))
            tx.close_inquiry(InquiryId(f"x{n}"), "done")
            tx.add_proposal(proposal(n))
            for seed in range(8):
                run_trial(tx, n, seed=seed)
            tx.set_verdict(verdict(n, VerdictWord.DISCARD))
            tx.move_lead(commit(n), metric=2.0, gain=0.0, estimate=0.0, proposal=None, reason="x")
