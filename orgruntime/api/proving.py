"""A drafted org proved: its base commit is measured twice on a local Ray, as a run would measure it.

Knows manifests and the executor; knows nothing of imports. Invariant: a proof is two finite metrics of the very tree,
command and set-up that it names.
"""

from __future__ import annotations

import asyncio
import tempfile
import uuid
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from orgruntime.api.errors import FINDINGS, UserError
from orgruntime.api.wiring import ClusterChoice
from orgruntime.model.ids import AttemptId
from orgruntime.model.manifest import Manifest, Role, RoleKind
from orgruntime.model.placement import nearest_miss
from orgruntime.model.trial import TrialOutcome, TrialSpec
from orgruntime.runtime.commands import filled_command
from orgruntime.runtime.hardware import settled_manifest
from orgruntime.runtime.ports import Commit, Executor, ExecutorError, Workspace, WorkspaceError
from orgruntime.runtime.readings import read_outcome

MEASUREMENTS = 2
TRIES = 3
"""Of a trial that the cluster loses."""

Tell = Callable[[str], None]


@dataclass(frozen=True)
class Proof:
    """Seconds. `tree`, `run`, `setup` and `metric` are what was proved."""

    tree: str
    run: str
    setup: str
    metric: str
    metrics: tuple[float, ...]
    wall_s: tuple[float, ...]
    isolation: str

    def holds_for(self, terms: dict[str, str]) -> bool:
        return all(getattr(self, name) == value for name, value in terms.items())

    def as_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, held: object) -> Proof | None:
        """None for what is no proof."""
        try:
            return cls(**held) if isinstance(held, dict) else None
        except TypeError:
            return None


def prove(manifest: Manifest, choice: ClusterChoice, tell: Tell, earlier: Proof | None = None) -> Proof:
    """Measures the base commit twice, unless `earlier` did so for the same terms.

    Raises UserError when it cannot be run here, or prints no finite metric.
    """
    from orgruntime.backends.git_workspace import GitWorkspace

    with tempfile.TemporaryDirectory(prefix="orgrun-prove-") as folder:
        try:
            workspace = GitWorkspace.create(Path(folder) / "workspace.git", manifest.workspace)
            terms = _terms(manifest, workspace.base())
            if earlier is not None and earlier.holds_for(terms):
                return earlier
            if workspace.notice:
                tell(workspace.notice)
            return asyncio.run(_proved(manifest, workspace, terms, choice, tell))
        except (ExecutorError, WorkspaceError) as error:
            raise UserError(str(error), FINDINGS) from error


def _terms(manifest: Manifest, base: Commit) -> dict[str, str]:
    spec = manifest.workspace
    return {"tree": base.tree, "run": spec.run, "setup": spec.setup or "", "metric": manifest.objective.metric}


async def _proved(
    manifest: Manifest, workspace: Workspace, terms: dict[str, str], choice: ClusterChoice, tell: Tell
) -> Proof:
    from orgruntime.backends.ray_executor import ClusterOptions, RayExecutor, TrialOptions

    spec = manifest.workspace
    trials = TrialOptions(editable=spec.editable, setup=spec.setup, sandbox=choice.sandbox)
    executor = RayExecutor(ClusterOptions(choice.address, choice.cpus, choice.gpus), workspace.pack, trials)
    role = next(role for role in manifest.roles if role.kind is RoleKind.EXPERIMENT)
    try:
        fleet = await executor.start()
        role = settled_manifest(manifest, fleet).role(role.slug)
        if not executor.fits(role.resources):
            raise ExecutorError(
                f"a trial has no place here: {nearest_miss(role.resources, fleet.nodes)}; prove it where it has one, "
                "or correct the resources in its program.md"
            )
        tell(
            f"proving: {spec.run} has to print a finite {terms['metric']} {MEASUREMENTS} times "
            f"({fleet.isolation} isolation)"
        )
        measured = []
        for seed in range(1, MEASUREMENTS + 1):
            outcome = await _measured(manifest, role, workspace.base(), executor, seed)
            metric = _metric(outcome, terms)
            tell(f"measurement {seed} of {MEASUREMENTS}: {terms['metric']} {metric:.6g} after {outcome.wall_s:.1f} s")
            measured.append((metric, round(outcome.wall_s, 3)))
        return Proof(
            **terms,
            metrics=tuple(m for m, _ in measured),
            wall_s=tuple(s for _, s in measured),
            isolation=fleet.isolation,
        )
    finally:
        await executor.close()


async def _measured(manifest: Manifest, role: Role, base: Commit, executor: Executor, seed: int) -> TrialOutcome:
    spec = manifest.workspace
    for attempt in range(1, TRIES + 1):
        trial = TrialSpec(
            attempt=AttemptId(f"{uuid.uuid4().hex}.{attempt}"),
            tree=base.tree,
            commit=base.id,
            argv=filled_command(spec.run, seed=seed, budget=1.0),
            resources=role.resources,
            time_limit_s=spec.time_limit_s if role.minutes is None else role.minutes * 60,
            memory_mb=spec.memory_mb,
        )
        executor.submit([trial])
        outcome = next(iter(await executor.outcomes()))
        if not outcome.ending.is_retried:
            return outcome
    raise ExecutorError(f"the local Ray lost the measurement {TRIES} times: {outcome.detail}")


def _metric(outcome: TrialOutcome, terms: dict[str, str]) -> float:
    reading = read_outcome(outcome, terms["metric"])
    if reading.metric is None:
        raise UserError(
            f"not proved: `{terms['run']}` gave no `{terms['metric']}`: {reading.reason}. Correct the draft, or the "
            "program, and prove it again",
            FINDINGS,
        )
    return reading.metric
