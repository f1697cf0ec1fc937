"""Small nouns for the ledger's tests, and a driver whose work can be interrupted and gone on with anywhere."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from orgruntime.ledger.store import Ledger, Transaction
from orgruntime.model.amounts import Amounts, Budget
from orgruntime.model.appetite import Dial
from orgruntime.model.history import PastResult, PastWord
from orgruntime.model.ids import (
    AttemptId,
    CertificationId,
    CommitId,
    IdeaId,
    InquiryId,
    PayloadId,
    ProposalId,
    QuestionId,
    RoleSlug,
    RunId,
    TreeId,
)
from orgruntime.model.memory import FindingState
from orgruntime.model.payload import Payload
from orgruntime.model.people import APPROVE, DECLINE, QuestionKind, Wish
from orgruntime.model.research import (
    Certificate,
    EvidenceState,
    IdeaState,
    LapPair,
    Noise,
    Pair,
    Proposal,
    Verdict,
    VerdictWord,
)
from orgruntime.model.status import RunState
from orgruntime.model.trial import Ending, Purpose, Reading, Score, TrialIdentity, TrialOutcome

CAP = Amounts(trials=1, cpu_ms=6000)
USED = Amounts(trials=1, cpu_ms=2000)
NOISE = Noise(sd=0.01, pairs=5, correlation=0.5, deterministic=False, baseline=2.5)
Q = InquiryId("q1")
RESEARCHER = RoleSlug("researcher")


def commit(n: int) -> CommitId:
    return CommitId(f"{n:040x}")


def tree(n: int) -> TreeId:
    return TreeId(f"{n:040x}")


def identity(n: int, seed: int = 0, nonce: str = "") -> TrialIdentity:
    return TrialIdentity(tree=tree(n), command="run", seed=seed, evaluator="e", hardware="cpu:1", nonce=nonce)


def outcome(attempt: AttemptId, ending: Ending = Ending.EXITED, detail: str = "") -> TrialOutcome:
    return TrialOutcome(
        attempt=attempt, ending=ending, wall_s=2.0, cpu_s=1.5, peak_memory_mb=80, node="n1", detail=detail
    )


def measured(metric: float = 2.4) -> Reading:
    return Reading(
        score=Score.MEASURED, metric=metric, figures={"val_loss": metric}, progress=((0.5, 2.6), (1.0, metric))
    )


def proposal(n: int, *, inquiry: InquiryId = Q, role: RoleSlug = RESEARCHER, species: str = "search/tpe") -> Proposal:
    return Proposal(
        id=ProposalId(f"p{n}"), inquiry=inquiry, idea=IdeaId("i1"), role=role, desk=0, species=species, base=commit(0),
        commit=commit(n), tree=tree(n), hypothesis=f"idea\nnumber {n}", settings={"LEARNING_RATE": 0.001 * n},
    )  # fmt: skip


def verdict(n: int, word: VerdictWord, gain: float | None = None, *evidence: str, reason: str = "seen") -> Verdict:
    return Verdict(proposal=ProposalId(f"p{n}"), word=word, reason=reason, gain=gain, evidence=evidence)


def certificate(id: str = "c1", *, after: int = 2) -> Certificate:
    pair = Pair(seed=1, champion=2.5, lead=2.4, gain=0.1, order="champion first")
    lap = LapPair(**pair.model_dump(), baseline=2.5)
    return Certificate(
        id=CertificationId(id), run=RunId("r1"), org="o", manifest="m", metric="val_loss", direction="minimize",
        workspace_source="/w", base_commit=commit(1), champion_before=commit(1), champion_after=commit(after),
        tree_before=tree(1), tree_after=tree(after), command="run", setup=None, time_limit_s=60, hardware="cpu:1",
        isolation="none", environment={}, hypothesis="no better", delta=0.005, scale=0.02, threshold=20, test_number=1,
        tests_planned=15, false_champions=0.05, wins=7, e_value=33.0, pairs=(pair,), lap=(lap,), gain=0.1,
        gain_interval=(0.05, 0.15), total_gain=0.1, total_gain_percent=4.0, total_gain_interval=(0.05, 0.15),
        baseline_metric=2.5, champion_metric=2.4, patch="", trials=(), proposals=(),
    )  # fmt: skip


PAST = (
    PastResult(file="results.tsv", line=2, metric=0.99, word=PastWord.BASELINE, status="baseline"),
    PastResult(file="results.tsv", line=3, word=PastWord.CRASH, status="crash", note="a rate of 10"),
    PastResult(file="old.csv", line=2, metric=0.98, word=PastWord.KEEP, status="KEEP", note="wider"),
)


def new_ledger(folder: Path, budget: Budget | None = None, now: Callable[[], float] = lambda: 7) -> Ledger:
    """With one idea and one inquiry open, already driven."""
    budget = Budget(trials=100, cpu_ms=10**6) if budget is None else budget
    ledger = Ledger.create(
        folder / "ledger.db", run=RunId("r1"), manifest_hash="m", org="o", budget=budget, seed=3, now=now
    )
    ledger.take_over()
    with ledger.transaction() as tx:
        tx.open_inquiry(Q, tx.add_idea("be better", "runtime"), RESEARCHER, None)
    return ledger


def run_trial(tx: Transaction, n: int, *, seed: int = 0, metric: float = 2.4, purpose: Purpose = Purpose.SCREEN) -> str:
    """Reserves and settles one measured trial of proposal `n`; returns its key."""
    attempt = tx.reserve(
        identity(n, seed), commit=commit(n), purpose=purpose, proposal=ProposalId(f"p{n}"), inquiry=Q, cap=CAP
    )
    assert attempt is not None
    assert tx.settle(outcome(attempt), measured(metric), USED)
    return attempt.rpartition(".")[0]


TRIALS = 4


def drive(ledger: Ledger, acknowledge: Callable[[str], None]) -> None:
    """A whole small run that writes every kind of event once at least. After a death, calling it again finishes it."""
    ledger.take_over()
    with ledger.transaction() as tx:
        tx.set_isolation("none")
        tx.set_base(commit(1), tree(1))
        tx.freeze_noise(NOISE)
    acknowledge("base")
    if ledger.idea_counts()["total"] < 2:
        ledger.submit_idea("from a person", "person:ada")
        acknowledge("idea")
    ledger.request("resume", {})
    ledger.take_requests()
    if ledger.inquiry(Q) is None:
        _begin(ledger)
    acknowledge("inquiry")
    for n in range(TRIALS):
        _measure(ledger, n)
        acknowledge(f"trial {identity(1, n).key}")
    if ledger.run().state is not RunState.FINISHED:
        _conclude(ledger)
    acknowledge("finished")


def _begin(ledger: Ledger) -> None:
    with ledger.transaction() as tx:
        payload = PayloadId("y1")
        tx.open_inquiry(Q, IdeaId("i1"), RESEARCHER, payload)
        tx.add_payload(Payload(id=payload, type="idea", body={"text": "x"}, source=RESEARCHER), Q)
        tx.set_idea(IdeaId("i1"), IdeaState.OPEN)
        tx.reserve_spend("call 1", RESEARCHER, "m", Amounts(tokens=100))
        tx.settle_spend("call 1", Amounts(tokens=40))
        tx.add_proposal(proposal(1))
        tx.record_step(Q, 0, RESEARCHER, payload, "idea", ("promising",), Amounts(tokens=40))
        tx.decide(Dial.EXPLORATION, "start-trial", "p1", "its turn", {"share": 0.3})
        _remember(tx)


def _remember(tx: Transaction) -> None:
    """A finding that another one supersedes, a question that is answered, one that is withdrawn, a step of a panel,
    a part of a proposal that is to be measured apart."""
    old = tx.add_finding("wide helps", ("p1",), role=RESEARCHER, inquiry=Q, source="q1.0.3")
    new = tx.add_finding("wide helps, twice", ("p1",), role=RESEARCHER, inquiry=Q, source="q1.0.4")
    tx.close_finding(old, FindingState.SUPERSEDED, by=new, role=RESEARCHER, reason="")
    for n, kind in enumerate(QuestionKind):
        tx.ask_question(
            Wish(
                asked=f"q1.0.{5 + n}",
                inquiry=Q,
                role=RESEARCHER,
                kind=kind,
                text="may I?",
                choices=(APPROVE, DECLINE),
            )
        )
    tx.answer_question(QuestionId("h1"), "approve: why not", "ada")
    tx.withdraw_question(QuestionId("h2"), "the run is over")
    tx.choose_model(Q, 0, RESEARCHER, "m", "its share is furthest behind", {"share": 0.5})
    tx.ask_ablation(ProposalId("p1"), "WIDTH", IdeaId("i1"), RESEARCHER)


def _measure(ledger: Ledger, n: int) -> None:
    """The first attempt at each trial is lost."""
    key = identity(1, n).key
    while (row := ledger.trial(key)) is None or row.number is None:
        if row is None or row.state == "open":
            with ledger.transaction() as tx:
                tx.reserve(
                    identity(1, n),
                    commit=commit(1),
                    purpose=Purpose.SCREEN,
                    proposal=ProposalId("p1"),
                    inquiry=Q,
                    cap=CAP,
                )
        for running in ledger.running_attempts():
            lost = running.attempt.endswith(".1")
            with ledger.transaction() as tx:
                ending = Ending.INFRASTRUCTURE if lost else Ending.EXITED
                tx.settle(outcome(running.attempt, ending), None if lost else measured(), USED)


def _conclude(ledger: Ledger) -> None:
    with ledger.transaction() as tx:
        tx.set_verdict(verdict(1, VerdictWord.KEEP, 0.1, identity(1, 0).key))
        tx.move_lead(commit(2), metric=2.4, gain=0.1, estimate=0.08, proposal=ProposalId("p1"), reason="better")
        tx.open_certification(
            CertificationId("c1"), champion=commit(1), lead=commit(2), number=1, threshold=20.0, delta=0.005,
            scale=0.02, max_pairs=20, inquiry=Q,
        )  # fmt: skip
        tx.close_certification(CertificationId("c1"), EvidenceState.PASSED, 33.0, "passed", certificate())
        tx.add_memo(RESEARCHER, "all is well", Q, TRIALS)
        tx.add_history(PAST)
        tx.refuse_tool(Q, 0, RESEARCHER, "Bash", "not granted")
        tx.fail_step(Q, 1, f"{RESEARCHER}#0", "claude", "no answer")
        tx.close_inquiry(Q, "done")
        tx.set_idea(IdeaId("i1"), IdeaState.CLOSED, "kept")
        tx.set_state(RunState.FINISHED, "target reached")
