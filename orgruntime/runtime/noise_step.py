"""The first thing a run does: measure the base commit against itself.

Works through the board like every step, so a resumed run finds what was measured. Invariant: the floor is frozen once.
"""

from __future__ import annotations

import asyncio

from orgruntime.model.research import Noise
from orgruntime.model.trial import Purpose
from orgruntime.runtime.board import TrialDropped
from orgruntime.runtime.events import EventKind
from orgruntime.runtime.lab import Lab
from orgruntime.scheduler.noise import BaselineError, floor, noise_runs
from orgruntime.scheduler.numbers import with_noise


async def measure_noise(lab: Lab) -> Noise:
    """Runs what the floor needs, freezes it, and fills in the numbers in the metric's units.

    Raises BaselineError when the base commit gives no number, or the budget cannot pay for the floor.
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
    role, measured = lab.experimenter, dict[int, list[float | None]]()
    failures: list[str] = []

    async def one(seed: int, replicate: int) -> None:
        order = lab.order(lab.base, role, Purpose.NOISE, lab.seed_for("noise", seed), nonce=f"noise-{replicate}")
        row = await lab.board.measure(order)
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
