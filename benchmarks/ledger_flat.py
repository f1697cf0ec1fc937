"""Whether the cost of a settlement grows with the run: 64 trials settled and 64 reserved in one transaction.

    python benchmarks/ledger_flat.py [--sizes 1000,10000,100000] [--rounds 60] [--folder DIR]

Grows one ledger to each size, then takes turns between them, so that whatever else the machine does meets all of
them alike. Prints medians: milliseconds of a durable transaction, CPU milliseconds of it, CPU microseconds for a
trial's whole life, and milliseconds of the reads that a tick makes.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
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


class Grown:
    """A ledger with its batch of running trials."""

    def __init__(self, path: Path, trials: int) -> None:
        self.path = path
        self.ledger = Ledger.create(
            path, run=RunId("r1"), manifest_hash="m", org="o", budget=Budget(cpu_ms=10**12), seed=1
        )
        self.ledger.take_over()
        self.running: list[AttemptId] = []
        self.batch = 0
        with self.ledger.transaction() as tx:
            tx.open_inquiry(InquiryId("q1"), tx.add_idea("x", "runtime"), RoleSlug("researcher"), None)
        self.ledger.database.rows("PRAGMA synchronous = OFF")
        while self.ledger.settled_trials() < trials:
            self.step()
        self.ledger.database.rows("PRAGMA synchronous = FULL")

    def step(self) -> tuple[float, float]:
        """(wall, CPU) milliseconds of one driver's tick of writes."""
        propose(self.ledger, self.batch)
        wall, cpu = time.perf_counter(), time.process_time()
        self.running = reserve(self.ledger, self.batch * BATCH, self.running)
        self.batch += 1
        return (time.perf_counter() - wall) * 1000, (time.process_time() - cpu) * 1000

    def read(self) -> float:
        """Milliseconds of one driver's tick of reads."""
        began = time.perf_counter()
        ticks(self.ledger)
        return (time.perf_counter() - began) * 1000


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


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--sizes", default="1000,10000,100000")
    options.add_argument("--rounds", type=int, default=60)
    options.add_argument("--folder", type=Path, default=None, help="on the disk to be measured")
    given = options.parse_args()
    with tempfile.TemporaryDirectory(dir=given.folder) as folder:
        grown = {int(size): Grown(Path(folder) / f"{size}.db", int(size)) for size in given.sizes.split(",")}
        steps: dict[int, list[tuple[float, float]]] = {size: [] for size in grown}
        reads: dict[int, list[float]] = {size: [] for size in grown}
        for _ in range(given.rounds):
            for size, one in grown.items():
                steps[size].append(one.step())
                reads[size].append(one.read())
        print(f"{'trials':>8} {'wall ms':>8} {'CPU ms':>8} {'us/trial':>9} {'reads ms':>9}")
        for size in grown:
            wall, cpu = (statistics.median(column) for column in zip(*steps[size], strict=True))
            print(
                f"{size:>8} {wall:>8.2f} {cpu:>8.2f} {cpu * 1000 / BATCH:>9.1f} {statistics.median(reads[size]):>9.2f}"
            )
        for size, one in grown.items():
            one.ledger.close()
            began = time.perf_counter()
            found = audit(one.path) or "clean"
            took = time.perf_counter() - began
            print(f"audit of {size}: {found} in {took:.2f} s, {one.path.stat().st_size / 2**20:.1f} MiB")


if __name__ == "__main__":
    main()
