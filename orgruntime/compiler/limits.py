"""Rules about money, time and machines: does one trial fit the budget and the appetite? Pure.

Invariant: what is an error here could never run; what is a warning would run, but not as its author thinks.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from orgruntime.compiler.fields import Fields
from orgruntime.diagnostics.codes import GPUS_WITHOUT_BUDGET, NO_BUDGET, OVER_BLAST_RADIUS, TRIAL_OVER_BUDGET
from orgruntime.diagnostics.diagnostic import Findings
from orgruntime.diagnostics.span import Span
from orgruntime.model.amounts import Budget
from orgruntime.model.appetite import Appetite
from orgruntime.model.manifest import Role, RoleKind, WorkspaceSpec
from orgruntime.orgfile.tree import MapNode, ScalarNode

_HOUR_MS = 3_600_000


def check_budget(fields: Fields, budget: Budget, findings: Findings) -> None:
    """A run needs a bound that every trial uses up."""
    if budget.is_bounded or _is_faulty(fields, budget):
        return
    key = fields.node.key("budget")
    span = key.span if key else fields.node.entries[0][0].span if fields.node.entries else fields.node.span
    message = "no bound on trials, GPU hours, CPU hours or wall-clock time: `orgrun run` will refuse"
    findings.add(NO_BUDGET, span, message, "add a bound, such as `budget: {trials: 200, wall_clock: 8h}`")


def check_trials(
    roles: Iterable[Role],
    workspace: WorkspaceSpec,
    budget: Budget,
    appetite: Appetite,
    places: Mapping[str, Span],
    findings: Findings,
) -> None:
    """One trial of each measuring role against the budget and the blast radius."""
    for role in roles:
        if role.kind not in (RoleKind.EXPERIMENT, RoleKind.VERIFIER):
            continue
        seconds = trial_seconds(role, workspace)
        _check_cost(role, seconds, budget, places[role.slug], findings)
        _check_radius(role, seconds, appetite, places[role.slug], findings)


def trial_seconds(role: Role, workspace: WorkspaceSpec) -> float:
    """The time limit of one trial: the role's, where it has one, else the workspace's."""
    return workspace.time_limit_s if role.minutes is None else role.minutes * 60


def _is_faulty(fields: Fields, budget: Budget) -> bool:
    """Whether the budget has a fault of its own, so that nothing can be said of what it leaves open."""
    node = fields.value("budget")
    if node is None or (isinstance(node, ScalarNode) and node.is_null):
        return False
    bound = sum(value is not None for value in budget.model_dump().values())
    return not isinstance(node, MapNode) or len(node.entries) != bound


def _check_cost(role: Role, seconds: float, budget: Budget, span: Span, findings: Findings) -> None:
    cost = role.resources.cost(seconds)
    for asked, bound, what in (
        (cost.gpu_ms, budget.gpu_ms, "GPU hours"),
        (cost.cpu_ms, budget.cpu_ms, "CPU hours"),
        (round(seconds * 1000), budget.wall_ms, "hours of wall-clock time"),
    ):
        if bound is not None and asked > bound:
            most = f"{bound / _HOUR_MS:.3g}"
            message = f"one trial of `{role.slug}` may take {asked / _HOUR_MS:.3g} {what}, and the budget is {most}"
            help = "raise the budget, or lower the time limit or the resources"
            findings.add(TRIAL_OVER_BUDGET, span, message, help)
    if cost.gpu_ms and budget.gpu_ms is None:
        message = f"`{role.slug}` reserves GPUs, and the budget does not bound GPU hours"
        findings.add(GPUS_WITHOUT_BUDGET, span, message, "add `gpu_hours:` to `budget:`")


def _check_radius(role: Role, seconds: float, appetite: Appetite, span: Span, findings: Findings) -> None:
    radius = appetite.blast_radius
    help = f"set `risk: {{preset: {appetite.preset}, blast_radius: {{…}}}}`, or make the trial smaller"
    if seconds / 60 > radius.minutes:
        message = (
            f"a trial of `{role.slug}` may take {seconds / 60:g} minutes, above the blast radius of {radius.minutes:g}"
        )
        findings.add(OVER_BLAST_RADIUS, span, f"{message}: each needs approval", help)
    if role.resources.gpus > radius.gpus:
        message = (
            f"a trial of `{role.slug}` takes {role.resources.gpus:g} GPUs, above the blast radius of {radius.gpus:g}"
        )
        findings.add(OVER_BLAST_RADIUS, span, f"{message}: each needs approval", help)
