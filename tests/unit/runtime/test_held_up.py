"""While a lead's own trial is slow, or is lost and made again, the rest of the cluster works on."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from pathlib import Path

import pytest
from supervised import Bench

from orgruntime.ledger.audit import audit
from orgruntime.model.ids import TrialKey
from orgruntime.model.research import VerdictWord
from orgruntime.model.status import RunState
from orgruntime.model.step import StepReply, StepRequest
from orgruntime.model.trial import Ending, Purpose, TrialOutcome, TrialSpec
from orgruntime.runtime.board import Board
from orgruntime.runtime.lab import Lab
from orgruntime.testing.scripted_desks import declining, setting

SLOTS = 4
LOOKAHEAD = 1
MET = SLOTS + LOOKAHEAD + SLOTS
PROPOSALS = 20


@dataclass
class SlowLead:
    """The script: the lead's trial of a pair ends half a second after so many candidates are measured."""

    bench: Bench
    ends: Ending
    """Of its first attempt; it is tried again where the cluster lost it."""
    board: Board | None = None
    attempts: int = 0
    measured: int = 0
    """Candidates."""
    met: int = 0
    """Of these: those that were measured before the lead's trial had ended."""

    def __post_init__(self) -> None:
        self.bench.script, self.bench.prepare = self, self._prepare

    def _prepare(self, lab: Lab, supervisor: object) -> None:
        self.board = lab.board

    async def __call__(self, spec: TrialSpec) -> TrialOutcome:
        assert self.board is not None
        order = self.board.started[TrialKey(spec.attempt.rsplit(".", 1)[0])]
        if order.purpose is not Purpose.SCREEN:
            return self.bench.program(spec)
        if order.proposal is not None:
            self.measured += 1
            return self.bench.program(spec)
        self.attempts += 1
        await self._wait()
        self.met = self.met or self.measured
        if self.attempts == 1 and self.ends is not Ending.EXITED:
            return TrialOutcome(attempt=spec.attempt, ending=self.ends, wall_s=1.0, detail="its node is gone")
        return self.bench.program(spec)

    async def _wait(self) -> None:
        deadline = time.monotonic() + 60
        while self.measured < MET and time.monotonic() < deadline:
            await asyncio.sleep(0.01)
        await asyncio.sleep(0.5)


@pytest.mark.parametrize("ends", [Ending.EXITED, Ending.INFRASTRUCTURE])
async def test_candidates_are_measured_while_the_lead_is(tmp_path: Path, ends: Ending) -> None:
    """As many more than the cluster and its lookahead hold as there are slots: no more, or a trial that never ends
    would collect them for ever."""
    bench = Bench(tmp_path, cpus=SLOTS)
    slow = SlowLead(bench, ends)

    def worse(request: StepRequest) -> StepReply:
        number = int(request.inquiry.removeprefix("q"))
        return setting(request, "LR", -number) if number <= PROPOSALS else declining("enough")

    state, reason = await bench.run(worse)
    assert state is RunState.FINISHED, reason
    assert slow.met == MET
    assert slow.attempts == (1 if ends is Ending.EXITED else 2)
    assert [word for word, _ in bench.verdicts().values()] == [VerdictWord.DISCARD] * PROPOSALS
    assert audit(tmp_path / "ledger.db") == []
