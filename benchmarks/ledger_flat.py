"""Whether the cost of a settlement grows with the run: 64 trials settled and 64 reserved in one transaction.

    python benchmarks/ledger_flat.py [--trials 100000] [--folder DIR]

Prints, around each of several run lengths, the median milliseconds of a transaction, how much of it is not the
fsync (the same transactions with synchronous=OFF), and the cost of the reads that a tick makes.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from orgruntime.ledger.audit import audit
from orgruntime.ledger.store import Ledger
from orgruntime.model.amounts import Amounts, Budget
from orgruntime.model.ids import AttemptId, CommitId, IdeaId, InquiryId, ProposalId, RoleSlug, RunId, TreeId
from orgruntime.model.research import Proposal, Verdict, VerdictWord
from orgruntime.model.trial import Ending, Purpose, Reading, Score, TrialIdentity, TrialOutcome

BATCH = 64
CAP = Amounts(trials=1, cpu_ms=6000)
USED = Amounts(trials=1, cpu_ms=2000)


def identity(n: int) -> TrialIdentity:
    return TrialIdentity(
        tree=TreeId(f"{n:040x}"), command="python train.py --seed {seed} --budget {budget}", seed=n,
        evaluator="e" * 64, hardware="cpu:1",
    )  # fmt: skip


def reserve(ledger: Ledger, first: int, settle: list[AttemptId]) -> list[AttemptId]:
    """One driver's tick: settles what came back, judges it, proposes and reserves as much again."""
    reserved: list[AttemptId] = []
    with ledger.transaction() as tx:
        for attempt in settle:
            outcome = TrialOutcome(attempt=attempt, ending=Ending.EXITED, exit_code=0, wall_s=2.0, cpu_s=1.9)
            tx.settle(outcome, Reading(score=Score.MEASURED, metric=2.4, figures={"val_loss": 2.4}), USED)
        for n in range(first, first + BATCH):
            found = tx.reserve(
                identity(n), commit=CommitId(f"{n:040x}"), purpose=Purpose.SCREEN,
                proposal=ProposalId(f"p{first // BATCH}"), inquiry=InquiryId("q1"), cap=CAP,
            )  # fmt: skip
            assert found is not None
            reserved.append(found)
    return reserved


def propose(ledger: Ledger, n: int) -> None:
    with ledger.transaction() as tx:
        tx.add_proposal(
            Proposal(
                id=ProposalId(f"p{n}"), inquiry=InquiryId("q1"), idea=IdeaId("i1"), role=RoleSlug("researcher"), desk=0,
                species="search/tpe", base=CommitId("0" * 40), commit=CommitId(f"{n:040x}"), tree=TreeId(f"{n:040x}"),
                hypothesis="a larger learning rate", settings={"LEARNING_RATE": 0.003, "WIDTH": 32},
            )
        )  # fmt: skip
        if n > 2:
            tx.set_verdict(Verdict(proposal=ProposalId(f"p{n - 2}"), word=VerdictWord.DISCARD, reason="worse"))


def ticks(ledger: Ledger) -> None:
    ledger.run(), ledger.amounts(), ledger.counts(), ledger.spend(), ledger.running_attempts(), ledger.past(100)
    ledger.settled_trials(), ledger.open_inquiries(), ledger.queued_ideas(16), ledger.lead(), ledger.champion()


def timed(action: Callable[[], object]) -> float:
    began = time.perf_counter()
    action()
    return (time.perf_counter() - began) * 1000


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--trials", type=int, default=100_000)
    options.add_argument("--folder", type=Path, default=None, help="on the disk to be measured")
    given = options.parse_args()
    with tempfile.TemporaryDirectory(dir=given.folder) as folder:
        path = Path(folder) / "ledger.db"
        ledger = Ledger.create(path, run=RunId("r1"), manifest_hash="m", org="o", budget=Budget(cpu_ms=10**12), seed=1)
        ledger.take_over()
        with ledger.transaction() as tx:
            tx.open_inquiry(InquiryId("q1"), tx.add_idea("x", "runtime"), RoleSlug("researcher"), None)
        measure(ledger, given.trials)
        ledger.close()
        print(f"audit: {audit(path) or 'clean'}, {timed(lambda: audit(path)):.0f} ms; {path.stat().st_size >> 20} MiB")


def measure(ledger: Ledger, trials: int) -> None:
    marks = [mark for mark in (1_000, 10_000, 30_000, 100_000, 300_000) if mark <= trials]
    running: list[AttemptId] = []
    durable: list[float] = []
    fast: list[float] = []
    tick: list[float] = []
    print(f"{'trials':>8} {'FULL ms':>8} {'OFF ms':>8} {'us/trial':>9} {'tick ms':>8}  medians of {BATCH}+{BATCH}")
    for n in range(trials // BATCH + 2):
        near = any(0 <= mark - n * BATCH < 40 * BATCH for mark in marks)
        ledger.database.rows(f"PRAGMA synchronous = {'FULL' if near and n % 2 else 'OFF'}")
        propose(ledger, n)
        settle, first = running, n * BATCH

        def step(first: int = first, settle: list[AttemptId] = settle) -> None:
            running[:] = reserve(ledger, first, list(settle))

        took = timed(step)
        if near:
            (durable if n % 2 else fast).append(took)
            tick.append(timed(lambda: ticks(ledger)))
        elif durable:
            print_row(n * BATCH, durable, fast, tick)
            durable, fast, tick = [], [], []
    if durable:
        print_row(trials, durable, fast, tick)


def print_row(trials: int, durable: list[float], fast: list[float], tick: list[float]) -> None:
    full, off, reads = (statistics.median(series) for series in (durable, fast, tick))
    print(f"{trials:>8} {full:>8.2f} {off:>8.2f} {off * 1000 / BATCH:>9.1f} {reads:>8.2f}")


if __name__ == "__main__":
    main()
