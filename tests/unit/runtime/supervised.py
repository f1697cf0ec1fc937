"""A supervised run on fakes, in one line: the program, who proposes what, and how it ended."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from orgruntime.ledger.store import Ledger
from orgruntime.model.manifest import Manifest
from orgruntime.model.research import VerdictWord
from orgruntime.model.status import RunState
from orgruntime.model.trial import Ending, TrialOutcome, TrialSpec
from orgruntime.runtime.lab import Lab, Ports
from orgruntime.runtime.ports import Desks, Engine
from orgruntime.runtime.settlement import settle
from orgruntime.runtime.supervisor import Supervisor
from orgruntime.testing.fake_clock import FakeClock
from orgruntime.testing.inline_engine import Checkpoints, InlineEngine
from orgruntime.testing.inline_executor import InlineExecutor, Script
from orgruntime.testing.lab import PROGRAM, Heard, Program, lab_in, small_org
from orgruntime.testing.memory_workspace import MemoryWorkspace
from orgruntime.testing.scripted_desks import Play, ScriptedDesks


class Died(Exception):
    """The driver is gone, in the middle of whatever it did."""


class WatchedExecutor(InlineExecutor):
    """Tells who wants to know after each submission; what that raises, the driver feels."""

    after_submit: Callable[[], None] = staticmethod(lambda: None)

    def submit(self, specs: Sequence[TrialSpec]) -> None:
        super().submit(specs)
        self.after_submit()


Loss = Callable[[Mapping[str, float]], float]


def linear(constants: Mapping[str, float]) -> float:
    """10 less LR: every unit of LR is a gain of 1."""
    return 10.0 - constants["LR"]


@dataclass
class Bench:
    """What outlives a driver: the folder, the workspace, the checkpoints."""

    folder: Path
    org: Manifest = field(default_factory=small_org)
    loss: Loss = linear
    sd: float = 0.05
    cpus: float = 2
    seed: int = 1
    files: Mapping[str, bytes] = field(default_factory=lambda: PROGRAM)
    clock: FakeClock = field(default_factory=FakeClock)
    heard: Heard = field(default_factory=Heard)
    checkpoints: Checkpoints = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.workspace = MemoryWorkspace(self.files)
        self.program = Program(self.workspace, self.loss, clock=self.clock, sd=self.sd)
        self.script: Script = self.program
        self.executor = WatchedExecutor(self.script, cpus=self.cpus)
        self.prepare: Callable[[Lab, Supervisor], None] = lambda lab, supervisor: None
        """Called before the run begins, and before each resume."""
        self.desks: Desks | None = None
        self.engine: Callable[[], Engine] = lambda: InlineEngine(self.org.graph, self.checkpoints)

    async def run(self, desks: Desks | Play) -> tuple[RunState, str]:
        """Runs, or resumes, to the end of a driver. The ledger is read afterwards, at `ledger`."""
        self.desks = ScriptedDesks(desks) if callable(desks) else desks
        self.executor = WatchedExecutor(self.script, cpus=self.cpus)
        ports = Ports(self.clock, self.workspace, self.desks, self.executor, self.engine())
        lab = lab_in(self.folder, self.org, ports, self.heard, self.seed)
        supervisor = Supervisor(lab)
        _settle_lost(lab)
        self.prepare(lab, supervisor)
        try:
            return await asyncio.wait_for(supervisor.run(), 100)
        finally:
            await self.desks.close()
            await self.executor.close()
            lab.ledger.close()

    def die_after(self, attempts: int | None) -> None:
        """The next driver is fenced off and dies once it has submitted so many attempts: it settles nothing more.
        None: it lives."""

        def die() -> None:
            if attempts is not None and len(self.executor.submitted) >= attempts:
                with Ledger.open(self.folder / "ledger.db") as other:
                    other.take_over()
                raise Died

        def prepare(lab: Lab, supervisor: Supervisor) -> None:
            self.executor.after_submit = die

        self.prepare = prepare

    @property
    def asked(self) -> list[str]:
        """The inquiries that desks were asked for, in order."""
        assert isinstance(self.desks, ScriptedDesks)
        return [request.inquiry for request in self.desks.asked]

    def ledger(self) -> Ledger:
        return Ledger.open_readonly(self.folder / "ledger.db")

    def verdicts(self) -> dict[str, tuple[VerdictWord, str]]:
        """Proposal → word and reason."""
        with self.ledger() as ledger:
            found = {proposal.id: ledger.verdict(proposal.id) for proposal in ledger.proposals()}
        return {id: (verdict.word, verdict.reason) for id, verdict in found.items() if verdict is not None}


def _settle_lost(lab: Lab) -> None:
    """What every driver does first: what a dead one left running is lost."""
    with lab.ledger.transaction() as tx:
        for row in lab.ledger.running_attempts():
            settle(lab, tx, TrialOutcome(attempt=row.attempt, ending=Ending.INFRASTRUCTURE, wall_s=1e9))
