"""Fresh pairs of a certification: champion and lead on one seed, and in its lap the base commit too.

Works on seeds by number. Does not judge. Invariants: every run is measured for this certification alone, on a seed that
nobody could choose; a run that the cluster lost is nobody's result, so its pair is void and never a lost bet.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass

from orgruntime.ledger.rows import CertificationRow, TrialRow, TrialState
from orgruntime.model.ids import CommitId
from orgruntime.model.manifest import Role
from orgruntime.model.research import LapPair
from orgruntime.model.trial import Purpose
from orgruntime.runtime.lab import Lab
from orgruntime.scheduler.evidence import LARGEST_STAKE, Evidence


@dataclass(frozen=True)
class Drawn:
    """What one seed gave. `pair.baseline` is the base commit's in a lap only."""

    pair: LapPair
    keys: tuple[str, ...]
    """Of the runs that have a result."""
    lost: str
    """Which run the cluster lost, and how; empty when it lost none."""
    crashed: str
    """Which run gave no number by its own fault, and why; empty when each gave one."""


async def draw(lab: Lab, role: Role, row: CertificationRow, purpose: Purpose, number: int) -> Drawn:
    """The `number`-th seed of a test or of its lap. Which arm of a test is submitted first alternates, so that drift
    favours neither. Raises TrialDropped when the budget cannot pay."""
    seed = lab.seed_for(purpose.value, row.id, number)
    champion_first = purpose is Purpose.LAP or number % 2 == 0
    arms = (row.champion, row.lead) if champion_first else (row.lead, row.champion)
    commits = tuple(dict.fromkeys((*arms, lab.base.id))) if purpose is Purpose.LAP else arms
    rows = await asyncio.gather(*(_measured(lab, role, row, purpose, seed, commit) for commit in commits))
    found = dict(zip(commits, rows, strict=True))
    return Drawn(
        _pair(lab, row, seed, found, champion_first=champion_first),
        tuple(one.key for one in rows if one.state is TrialState.DONE),
        next(_lost(lab, row, found), ""),
        next(_crashed(lab, row, found), ""),
    )


class PairSource:
    """A test's pairs by number. Runs ahead of the judgement only by pairs that no outcome could make needless."""

    def __init__(self, lab: Lab, role: Role, row: CertificationRow, ahead: int) -> None:
        self._lab, self._role, self._row, self._ahead = lab, role, row, ahead
        self._tasks: dict[int, asyncio.Task[Drawn]] = {}

    async def __call__(self, number: int, evidence: Evidence) -> Drawn:
        needed = _pairs_to_go(evidence, self._row)
        for n in range(number, number + max(1, min(self._ahead, needed))):
            if n not in self._tasks:
                work = draw(self._lab, self._role, self._row, Purpose.CERTIFY, n)
                self._tasks[n] = asyncio.create_task(work)
        return await self._tasks.pop(number)

    async def close(self) -> None:
        for task in self._tasks.values():
            task.cancel()
        await asyncio.gather(*self._tasks.values(), return_exceptions=True)


@contextlib.asynccontextmanager
async def pair_source(lab: Lab, role: Role, row: CertificationRow) -> AsyncIterator[PairSource]:
    """Ends what it still measures when the test is over."""
    source = PairSource(lab, role, row, ahead=max(1, lab.slots(role.resources) // 2))
    try:
        yield source
    finally:
        await source.close()


def _pairs_to_go(evidence: Evidence, row: CertificationRow) -> int:
    """The fewest further pairs that any outcome could decide on the passing side."""
    wealth, pairs = evidence.wealth, 0
    while wealth < row.threshold and evidence.pairs + pairs < row.max_pairs:
        wealth, pairs = wealth * (1.0 + LARGEST_STAKE), pairs + 1
    return pairs


async def _measured(
    lab: Lab, role: Role, row: CertificationRow, purpose: Purpose, seed: int, commit: CommitId
) -> TrialRow:
    # The arm is part of the nonce: two commits with one tree still need two fresh runs.
    order = lab.order(lab.workspace.get(commit), role, purpose, seed, nonce=f"{row.id}:{commit}", inquiry=row.inquiry)
    return await lab.board.measure(order)


def _pair(
    lab: Lab, row: CertificationRow, seed: int, found: dict[CommitId, TrialRow], *, champion_first: bool
) -> LapPair:
    champion, lead = found[row.champion].metric, found[row.lead].metric
    gain = 0.0
    if champion is not None and lead is not None:
        gain = lab.manifest.objective.direction.gain(champion, lead)
    base = found.get(lab.base.id)
    order = "champion first" if champion_first else "lead first"
    baseline = base.metric if base is not None else None
    return LapPair(seed=seed, champion=champion, lead=lead, gain=gain, order=order, baseline=baseline)


def _lost(lab: Lab, row: CertificationRow, found: dict[CommitId, TrialRow]) -> Iterator[str]:
    for commit, trial in found.items():
        if trial.state is TrialState.FAILED:
            yield f"the cluster lost the run of {_name(lab, row, commit)}: {trial.reason}"


def _crashed(lab: Lab, row: CertificationRow, found: dict[CommitId, TrialRow]) -> Iterator[str]:
    for commit, trial in found.items():
        if trial.state is TrialState.DONE and trial.metric is None:
            yield f"{_name(lab, row, commit)} gave no number: {trial.reason}"


def _name(lab: Lab, row: CertificationRow, commit: CommitId) -> str:
    names = {lab.base.id: "the base commit", row.champion: "the champion", row.lead: "the lead"}
    return names[commit]
