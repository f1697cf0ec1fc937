"""The first thing a run does: measure the base commit against itself.

Works through the board like every step, so a resumed run finds what was measured. Invariants: the floor is frozen once;
a run that the cluster lost says nothing of the base commit, and a fresh one takes its place, after a resume too.
"""

from __future__ import annotations

import asyncio

from orgruntime.ledger.rows import TrialRow, TrialState
from orgruntime.model.research import Noise
from orgruntime.model.trial import Purpose
from orgruntime.runtime.board import TrialDropped
from orgruntime.runtime.events import EventKind
from orgruntime.runtime.lab import Lab
from orgruntime.runtime.ports import ExecutorError
from orgruntime.scheduler.noise import BaselineError, floor, noise_runs
from orgruntime.scheduler.numbers import with_noise

LOST_RUNS = 3
"""Runs of the base commit that the cluster may lose (after the retries of each) before the driver leaves."""


async def measure_noise(lab: Lab) -> Noise:
    """Runs what the floor needs, freezes it, and fills in the numbers in the metric's units.

    Raises BaselineError when the base commit gives no number, or the budget cannot pay for the floor; ExecutorError
    when the cluster loses its runs.
    """
    noise = lab.ledger.noise()
    if noise is None:
        noise = floor(await _measured(lab))
        frozen = noise
        await lab.board.write(lambda tx: tx.freeze_noise(frozen))
    lab.numbers = with_noise(lab.numbers, noise)
    text = (
        f"baseline {lab.manifest.objective.metric} {noise.baseline:.5g}, noise floor {noise.sd:.3g} (sd of a pair),"
        f" {noise.pairs} seeds" + (", a seed decides the result" if noise.deterministic else "")
    )
    lab.tell(EventKind.NOISE, text, **noise.model_dump(mode="json"))
    return noise


async def _measured(lab: Lab) -> list[list[float | None]]:
    measured: dict[int, list[float | None]] = {}
    failures: list[str] = []
    lost: list[str] = []

    async def one(seed: int, replicate: int) -> None:
        row = await _run(lab, seed, replicate, lost)
        measured.setdefault(seed, []).append(row.metric)
        if row.metric is None:
            failures.append(row.reason)

    try:
        while runs := noise_runs(measured):
            await asyncio.gather(*(one(seed, replicate) for seed, replicate in runs))
    except TrialDropped as error:
        raise BaselineError(f"the budget cannot pay for the noise floor: {error}; raise the budget") from error
    if failures:
        raise BaselineError(
            f"the base commit gives no number ({failures[0]}); mend the workspace's run command, then run again"
        )
    return [measured[seed] for seed in sorted(measured)]


async def _run(lab: Lab, seed: int, replicate: int, lost: list[str]) -> TrialRow:
    """One run of the base commit. `lost` are the reasons of those that the cluster has lost under this driver."""
    again = 0
    while True:
        nonce = f"noise-{replicate}" + (f"-{again}" if again else "")
        order = lab.order(lab.base, lab.experimenter, Purpose.NOISE, lab.seed_for("noise", seed), nonce=nonce)
        again += 1
        row = lab.ledger.trial(order.identity.key)
        if row is not None and row.state is TrialState.FAILED:
            continue
        row = await lab.board.measure(order)
        if row.state is not TrialState.FAILED:
            return row
        lost.append(row.reason)
        if len(lost) > LOST_RUNS:
            raise ExecutorError(
                f"the cluster lost {len(lost)} runs of the base commit, the last one so: {row.reason}; "
                "that says nothing of the workspace: see to the cluster's nodes"
            )
