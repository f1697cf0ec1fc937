"""Whatever a driver does, in whatever order: the books are right, nothing is overspent, the audit is clean."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, initialize, invariant, rule
from ledger_cases import RESEARCHER, Q, commit, identity, measured, new_ledger, outcome, proposal, verdict

from orgruntime.ledger.audit import audit
from orgruntime.ledger.store import BudgetExceeded, Fenced, Ledger
from orgruntime.ledger.trial_writes import MAX_LOST, MAX_VOID
from orgruntime.model.amounts import UNITS, Amounts, Budget
from orgruntime.model.ids import AttemptId, IdeaId, ProposalId, TrialKey
from orgruntime.model.research import IdeaState, VerdictWord
from orgruntime.model.trial import Ending, Purpose

BOUND = Budget(trials=12, cpu_ms=40_000, tokens=500)
PROPOSALS = 3
caps = st.builds(Amounts, trials=st.integers(0, 2), cpu_ms=st.integers(0, 9000), tokens=st.integers(0, 120))
NONE = Amounts()


def minus(a: Amounts, b: Amounts) -> Amounts:
    return Amounts(**{unit: getattr(a, unit) - getattr(b, unit) for unit in UNITS})


class Undo(Exception):
    pass


class Driver(RuleBasedStateMachine):
    attempts = Bundle("attempts")
    spends = Bundle("spends")

    @initialize()
    def begin(self) -> None:
        self.folder = Path(tempfile.mkdtemp())
        self.path = self.folder / "ledger.db"
        self.ledger = new_ledger(self.folder, BOUND)
        self.ledger.database.rows("PRAGMA synchronous = OFF")
        with self.ledger.transaction() as tx:
            for n in range(PROPOSALS):
                tx.add_proposal(proposal(n))
        self.old: list[Ledger] = []
        self.reserved, self.spent = NONE, NONE
        self.live: dict[AttemptId, Amounts] = {}
        self.reserved_by: dict[AttemptId, int] = {}
        self.calls: dict[str, Amounts] = {}
        self.made = 0
        self.final: set[TrialKey] = set()
        self.lost: dict[TrialKey, int] = {}
        self.void: dict[TrialKey, int] = {}

    @rule(
        target=attempts,
        n=st.integers(0, PROPOSALS - 1),
        seed=st.integers(0, 4),
        cap=caps,
        purpose=st.sampled_from(Purpose),
    )
    def reserve(self, n: int, seed: int, cap: Amounts, purpose: Purpose) -> AttemptId:
        what = identity(n, seed)
        runs = any(attempt.startswith(what.key) for attempt in self.live)
        room = fits(self.reserved + self.spent + cap)
        try:
            with self.ledger.transaction() as tx:
                found = tx.reserve(
                    what, commit=commit(n), purpose=purpose, proposal=ProposalId(f"p{n}"), inquiry=Q, cap=cap
                )
        except BudgetExceeded:
            assert not room
            return AttemptId("none.1")
        assert (found is None) == (runs or what.key in self.final)
        if found is None:
            return AttemptId(f"{what.key}.1")
        assert room
        self.live[found] = cap
        self.reserved_by[found] = len(self.old)
        self.reserved += cap
        return found

    @rule(attempt=attempts, ending=st.sampled_from(Ending), used=caps)
    def settle(self, attempt: AttemptId, ending: Ending, used: Amounts) -> None:
        """Also of attempts that were settled long ago."""
        if attempt.startswith("none"):
            return
        retried = ending.is_retried or ending is Ending.CANCELLED
        with self.ledger.transaction() as tx:
            first = tx.settle(outcome(attempt, ending), None if retried else measured(), used)
        assert first == (attempt in self.live)
        with self.ledger.transaction() as tx:
            assert not tx.settle(outcome(attempt, Ending.INFRASTRUCTURE), None, used)
        if first:
            self.charge(attempt, ending, used)

    def charge(self, attempt: AttemptId, ending: Ending, used: Amounts) -> None:
        cap, key = self.live.pop(attempt), TrialKey(attempt.rpartition(".")[0])
        used = used.capped(cap)
        if ending is Ending.INFRASTRUCTURE:
            used = used.model_copy(update={"trials": 0})
            marks = self.lost if self.reserved_by.pop(attempt) == len(self.old) else self.void
            marks[key] = marks.get(key, 0) + 1
        elif ending is Ending.NEVER_STARTED:
            used = NONE
            self.void[key] = self.void.get(key, 0) + 1
        elif ending is not Ending.CANCELLED:
            self.final.add(key)
        if self.lost.get(key, 0) >= MAX_LOST or self.void.get(key, 0) >= MAX_VOID:
            self.final.add(key)
        self.reserved = minus(self.reserved, cap)
        self.spent += used

    @rule(target=spends, cap=caps)
    def call(self, cap: Amounts) -> str:
        id = f"call {self.made}"
        self.made += 1
        try:
            with self.ledger.transaction() as tx:
                assert tx.reserve_spend(id, RESEARCHER, "m", cap)
                assert not tx.reserve_spend(id, RESEARCHER, "m", cap)
        except BudgetExceeded:
            assert not fits(self.reserved + self.spent + cap)
            return ""
        self.calls[id] = cap
        self.reserved += cap
        return id

    @rule(id=consumes(spends), used=caps)
    def answer(self, id: str, used: Amounts) -> None:
        if not id:
            return
        with self.ledger.transaction() as tx:
            assert tx.settle_spend(id, used)
            assert not tx.settle_spend(id, used)
        cap = self.calls.pop(id)
        self.reserved = minus(self.reserved, cap)
        self.spent += used.capped(cap)

    @rule(n=st.integers(0, PROPOSALS - 1), word=st.sampled_from(VerdictWord), gain=st.none() | st.integers(-3, 3))
    def judge(self, n: int, word: VerdictWord, gain: int | None) -> None:
        with self.ledger.transaction() as tx:
            tx.set_verdict(verdict(n, word, gain))

    @rule(state=st.sampled_from(IdeaState), text=st.text(st.characters(exclude_categories=["Cs"]), max_size=8))
    def think(self, state: IdeaState, text: str) -> None:
        id = self.ledger.submit_idea(text, f"person:{text}")
        with self.ledger.transaction() as tx:
            tx.set_idea(IdeaId(id), state, text)

    @rule(cap=caps)
    def change_of_mind(self, cap: Amounts) -> None:
        """Everything that happened in a transaction that fails has not happened."""
        try:
            with self.ledger.transaction() as tx:
                tx.reserve(
                    identity(0, 99), commit=commit(0), purpose=Purpose.NOISE, proposal=None, inquiry=None, cap=cap
                )
                tx.add_idea("never", "runtime")
                for attempt in self.live:
                    tx.settle(outcome(attempt, Ending.INFRASTRUCTURE), None, NONE)
                raise Undo
        except (Undo, BudgetExceeded):
            pass

    @rule()
    def take_over(self) -> None:
        self.old.append(self.ledger)
        self.ledger = Ledger.open(self.path)
        self.ledger.database.rows("PRAGMA synchronous = OFF")
        self.ledger.take_over()
        try:
            with self.old[-1].transaction() as tx:
                tx.add_idea("from the past", "runtime")
            raise AssertionError("the older driver was let in")
        except Fenced:
            pass

    @invariant()
    def the_books_are_the_model(self) -> None:
        if not hasattr(self, "ledger"):
            return
        assert self.ledger.amounts() == (self.reserved, self.spent)
        assert fits(self.reserved + self.spent)
        assert {row.attempt: row.cap for row in self.ledger.running_attempts()} == self.live
        assert self.ledger.settled_trials() == len(self.final)
        assert [row.number for row in self.ledger.trials()] == list(range(1, len(self.final) + 1))
        assert self.ledger.counts().running == len(self.live)

    def teardown(self) -> None:
        if not hasattr(self, "ledger"):
            return
        try:
            assert audit(self.path) == []
        finally:
            for ledger in (*self.old, self.ledger):
                ledger.close()
            shutil.rmtree(self.folder)


def fits(total: Amounts) -> bool:
    return all(getattr(total, unit) <= bound for unit, bound in BOUND.bounds().items())


TestDriver = Driver.TestCase
TestDriver.settings = settings(max_examples=25, stateful_step_count=40, deadline=None)
