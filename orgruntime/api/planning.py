"""What would run, where, at what cost, with what authority: `orgrun plan`, and saved plans.

Invariant: a saved plan names its org and the words that were said beside it, so `run PLAN` can compile again, compare,
and refuse a stale one.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from orgruntime.api.errors import FINDINGS, UserError
from orgruntime.api.far_jobs import far_fleet, is_far
from orgruntime.api.orgs import load_org, read_json
from orgruntime.api.wiring import ClusterChoice
from orgruntime.model.base import Noun
from orgruntime.model.fleet import Fleet
from orgruntime.model.manifest import Manifest, RoleKind
from orgruntime.model.numbers import Numbers
from orgruntime.plan.make import make_plan
from orgruntime.plan.plan import Plan, staleness
from orgruntime.scheduler.numbers import numbers


class SavedPlan(Noun):
    """What `plan --out` writes."""

    org_folder: str
    models: dict[str, str]
    budget: dict[str, str]
    plan: Plan


def numbers_of(manifest: Manifest) -> Numbers:
    """The numbers that the org's appetite becomes, before the noise floor is known."""
    role = next(role for role in manifest.roles if role.kind is RoleKind.EXPERIMENT)
    limit = manifest.workspace.time_limit_s if role.minutes is None else role.minutes * 60
    return numbers(manifest.appetite, manifest.budget, manifest.objective, limit, role.resources)


def plan_org(
    org: Path, models: Mapping[str, str], budget: Mapping[str, str], cluster: ClusterChoice | None
) -> tuple[Manifest, Plan]:
    """The plan of an org; against a live cluster's nodes when one is named. Raises UserError."""
    manifest, _ = load_org(org, models, budget)
    fleet = fleet_of(cluster) if cluster is not None else None
    return manifest, make_plan(manifest, numbers_of(manifest), fleet, str(org))


def fleet_of(cluster: ClusterChoice) -> Fleet:
    """The nodes of a running cluster. Raises UserError."""
    if is_far(cluster.address):
        return far_fleet(str(cluster.address))
    from orgruntime.backends.native_output import native_output_to
    from orgruntime.backends.ray_cluster import connect
    from orgruntime.runtime.ports import ExecutorError

    try:
        with native_output_to(Path(os.devnull)):
            joined = connect(cluster.address, cpus=cluster.cpus, gpus=cluster.gpus)
            try:
                return Fleet(nodes=joined.nodes())
            finally:
                joined.close()
    except ExecutorError as error:
        raise UserError(str(error), FINDINGS) from error


def save_plan(path: Path, org: Path, models: Mapping[str, str], budget: Mapping[str, str], plan: Plan) -> None:
    """Raises UserError when the file cannot be written."""
    saved = SavedPlan(org_folder=str(org.resolve()), models=dict(models), budget=dict(budget), plan=plan)
    try:
        path.write_text(saved.model_dump_json(indent=1) + "\n", encoding="utf-8")
    except OSError as error:
        raise UserError(f"{path} cannot be written: {error.strerror}") from error


def plan_file_org(path: Path) -> Path:
    """The folder of the org that a saved plan stands for. To be called for one that `plan_file_manifest` took."""
    return Path(SavedPlan.model_validate(read_json(path)).org_folder)


def plan_file_manifest(path: Path, models: Mapping[str, str], budget: Mapping[str, str]) -> Manifest:
    """The manifest that a saved plan stands for. Raises UserError for a stale plan, or for words beside it."""
    if models or budget:
        raise UserError(f"{path} is a saved plan and runs as it is: leave out --model and --budget, or run the org")
    try:
        saved = SavedPlan.model_validate(read_json(path))
    except ValueError as error:
        raise UserError(f"{path} is not a plan that `orgrun plan --out` wrote") from error
    manifest, _ = load_org(Path(saved.org_folder), saved.models, saved.budget)
    stale = staleness(saved.plan, manifest, numbers_of(manifest))
    if stale:
        raise UserError(f"{path} is stale: {stale}", FINDINGS)
    return manifest
