"""A certificate measured again: the same seeds, command and commits, fresh trials on a local Ray.

Knows certificates and the executor; takes nothing of the earlier measurements but the seeds and the order of the
arms. Invariant: the new e-value comes from new trials alone.
"""

from __future__ import annotations

import asyncio
import os
import uuid
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from orgruntime.api.certificate_checks import evidence_of
from orgruntime.api.errors import FINDINGS, UserError
from orgruntime.api.wiring import ClusterChoice
from orgruntime.model.ids import AttemptId, CommitId, TreeId
from orgruntime.model.manifest import Direction, Resources
from orgruntime.model.research import Certificate, Pair
from orgruntime.model.trial import TrialOutcome, TrialSpec
from orgruntime.runtime.commands import filled_command
from orgruntime.runtime.ports import Executor, ExecutorError, PackTree
from orgruntime.runtime.readings import read_outcome

TRIES = 3
"""Of a trial that the cluster loses."""

Tell = Callable[[str], None]


@dataclass(frozen=True)
class Rerun:
    """`identical` of `measured` metrics are the certificate's to the last bit."""

    pairs: tuple[Pair, ...]
    e_value: float
    """The largest on the way: looking after every pair is allowed."""
    threshold: float
    identical: int
    measured: int
    isolation: str

    @property
    def passed(self) -> bool:
        return self.e_value >= self.threshold


@dataclass(frozen=True)
class Arms:
    """What is needed beside the certificate."""

    pack: PackTree
    editable: tuple[str, ...]
    memory_mb: int | None = None


@dataclass
class _Job:
    pair: int
    arm: str
    tree: TreeId
    commit: CommitId
    tries: int = 0


@dataclass
class _Board:
    """Outcomes by (pair, arm)."""

    metrics: dict[tuple[int, str], float | None] = field(default_factory=dict)
    running: dict[AttemptId, _Job] = field(default_factory=dict)


def measure_again(certificate: Certificate, arms: Arms, choice: ClusterChoice, tell: Tell) -> Rerun:
    """Raises UserError when the trials cannot be run here."""
    from orgruntime.backends.native_output import native_output_to

    try:
        with native_output_to(Path(os.devnull)):
            return asyncio.run(_measured(certificate, arms, choice, tell))
    except ExecutorError as error:
        raise UserError(str(error), FINDINGS) from error


async def _measured(certificate: Certificate, arms: Arms, choice: ClusterChoice, tell: Tell) -> Rerun:
    from orgruntime.backends.ray_executor import ClusterOptions, RayExecutor, TrialOptions

    trials = TrialOptions(editable=arms.editable, setup=certificate.setup, sandbox=choice.sandbox)
    executor = RayExecutor(ClusterOptions(None, choice.cpus, choice.gpus), arms.pack, trials)
    try:
        fleet = await executor.start()
        shape = resources_of(certificate.hardware)
        if not executor.fits(shape):
            raise ExecutorError(
                f"this machine cannot hold a trial of {certificate.hardware}; verify it on one that can, or check the "
                "numbers alone with --arithmetic"
            )
        tell(f"measuring {len(certificate.pairs)} pairs again, isolation {fleet.isolation}")
        pairs = await _run_pairs(certificate, arms, executor, shape, tell)
        return _rerun(certificate, pairs, fleet.isolation)
    finally:
        await executor.close()


def resources_of(hardware: str) -> Resources:
    """`cpu:1`, `gpu:0.5:H100`, `gpu:2x8:H100` → what a trial reserves. Raises ExecutorError."""
    kind, _, rest = hardware.partition(":")
    amount, _, accelerator = rest.partition(":")
    span, _, each = amount.rpartition("x")
    try:
        nodes = int(span or 1)
        if kind == "cpu":
            return Resources(nodes=nodes, cpus=float(each))
        if kind == "gpu":
            return Resources(nodes=nodes, gpus=float(each), accelerator=accelerator or None)
    except ValueError:
        pass
    raise ExecutorError(f"the certificate's hardware {hardware!r} is not of this version's kinds, cpu:N and gpu:N")


async def _run_pairs(
    certificate: Certificate, arms: Arms, executor: Executor, shape: Resources, tell: Tell
) -> tuple[Pair, ...]:
    """Pairs in their order, arms interleaved as they were; as many at once as the machine holds."""
    waiting, board = deque(_jobs(certificate)), _Board()
    done: list[Pair] = []
    while len(done) < len(certificate.pairs):
        batch = [waiting.popleft() for _ in range(min(len(waiting), executor.free_slots(shape)))]
        if batch:
            executor.submit([_started(job, certificate, arms, shape, board) for job in batch])
        for outcome in await executor.outcomes():
            job = board.running.pop(outcome.attempt)
            _settle(job, outcome, certificate, waiting, board)
        while (pair := _finished(len(done), certificate, board)) is not None:
            done.append(pair)
            wealth = evidence_of(tuple(done), certificate).wealth
            arm = " → ".join("crashed" if value is None else f"{value:.6g}" for value in (pair.champion, pair.lead))
            tell(f"pair {len(done)} of {len(certificate.pairs)}, seed {pair.seed}: {arm}, e-value {wealth:.4g}")
    return tuple(done)


def _jobs(certificate: Certificate) -> list[_Job]:
    champion = ("champion", certificate.tree_before, certificate.champion_before)
    lead = ("lead", certificate.tree_after, certificate.champion_after)
    jobs = []
    for number, pair in enumerate(certificate.pairs):
        order = (champion, lead) if pair.order == "champion first" else (lead, champion)
        jobs += [_Job(number, arm, tree, commit) for arm, tree, commit in order]
    return jobs


def _started(job: _Job, certificate: Certificate, arms: Arms, shape: Resources, board: _Board) -> TrialSpec:
    job.tries += 1
    attempt = AttemptId(f"{uuid.uuid4().hex}.{job.tries}")
    board.running[attempt] = job
    return TrialSpec(
        attempt=attempt,
        tree=job.tree,
        commit=job.commit,
        argv=filled_command(certificate.command, seed=certificate.pairs[job.pair].seed, budget=1.0),
        resources=shape,
        time_limit_s=certificate.time_limit_s,
        memory_mb=arms.memory_mb,
    )


def _settle(job: _Job, outcome: TrialOutcome, certificate: Certificate, waiting: deque[_Job], board: _Board) -> None:
    if not outcome.ending.is_retried:
        board.metrics[job.pair, job.arm] = read_outcome(outcome, certificate.metric).metric
    elif job.tries < TRIES:
        waiting.appendleft(job)
    else:
        raise ExecutorError(f"the local Ray lost a trial {TRIES} times ({outcome.detail}); try again")


def _finished(number: int, certificate: Certificate, board: _Board) -> Pair | None:
    """The pair with that number once both of its arms are measured."""
    arms = (number, "champion"), (number, "lead")
    if number >= len(certificate.pairs) or any(arm not in board.metrics for arm in arms):
        return None
    champion, lead = board.metrics[arms[0]], board.metrics[arms[1]]
    both = champion is not None and lead is not None
    gain = Direction(certificate.direction).gain(champion or 0.0, lead or 0.0) if both else 0.0
    return certificate.pairs[number].model_copy(update={"champion": champion, "lead": lead, "gain": gain})


def _rerun(certificate: Certificate, pairs: tuple[Pair, ...], isolation: str) -> Rerun:
    wealths = [evidence_of(pairs[: n + 1], certificate).wealth for n in range(len(pairs))]
    compared = [
        (new, old)
        for now, then in zip(pairs, certificate.pairs, strict=True)
        for new, old in ((now.champion, then.champion), (now.lead, then.lead))
    ]
    identical = sum(new == old for new, old in compared)
    return Rerun(pairs, max(wealths, default=1.0), certificate.threshold, identical, len(compared), isolation)
