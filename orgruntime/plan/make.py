"""Manifest + numbers + fleet → plan. Pure.

Does not compute the numbers (the scheduler does) and asks no cluster (the caller hands in the fleet). Invariant:
whatever the plan says of cost is a bound: a run of it never costs more.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil

from orgruntime.model.amounts import UNITS, Budget
from orgruntime.model.fleet import Fleet
from orgruntime.model.manifest import Cadence, Handoff, HandoffKind, Manifest, Resources, Role, RoleKind, ToolServer
from orgruntime.model.numbers import Numbers
from orgruntime.model.placement import floor, on_one_device, settled, stranded
from orgruntime.model.species import by_name, chain, panel_text
from orgruntime.model.tools import server_of
from orgruntime.plan.dials import dial_plans
from orgruntime.plan.fit import fit
from orgruntime.plan.keys import needed_keys
from orgruntime.plan.plan import AuthorityPlan, BillPlan, CallPlan, EdgePlan, Plan, RolePlan
from orgruntime.plan.spend import UNITS as SPENT_UNITS
from orgruntime.plan.spend import call_plans, open_spend, unbounded_roles, unpriced_models, worst_spend

TRIAL_KINDS = (RoleKind.EXPERIMENT, RoleKind.VERIFIER)
TRIAL_UNITS = ("trials", "gpu_ms", "cpu_ms")
SCREEN_TRIALS = 4
"""Two pairs: the least that a proposal costs."""
NOISE_TRIALS = 10
LEAST_STRANDED = 0.05
"""Of a GPU: less is rounding (thirds are written 0.33)."""


def make_plan(manifest: Manifest, numbers: Numbers, fleet: Fleet | None, folder: str = "") -> Plan:
    """The plan of a run. Without a fleet, nothing is said of where the roles fit."""
    measuring = [role for role in manifest.roles if role.kind in TRIAL_KINDS]
    shapes = settled(measuring, fleet.nodes) if fleet is not None else {}
    roles = tuple(_role(role, manifest, fleet, shapes.get(role.slug)) for role in manifest.roles)
    return Plan(
        manifest=manifest.hash,
        org=manifest.org,
        title=manifest.title,
        folder=folder,
        metric=manifest.objective.metric,
        direction=manifest.objective.direction.value,
        target=manifest.objective.target,
        run=manifest.workspace.run,
        verify=manifest.workspace.verify,
        budget=_bounds(manifest.budget),
        roles=roles,
        edges=(*map(_edge, manifest.graph.handoffs), *map(_stand_up, manifest.graph.cadences)),
        entries=manifest.graph.entries,
        dials=dial_plans(manifest.appetite, numbers),
        numbers=numbers,
        authority=tuple(_authority(role, manifest) for role in manifest.roles),
        bill=_bill(manifest, roles, fleet),
        fleet=fleet,
        keys=tuple(dict.fromkeys(key.env for key in needed_keys(manifest))),
        unbounded=open_spend(manifest),
        warnings=_warnings(manifest, numbers, roles),
    )


def _role(role: Role, manifest: Manifest, fleet: Fleet | None, shape: Resources | None) -> RolePlan:
    """`shape`: on the type of accelerator that the run would settle on."""
    base = RolePlan(
        slug=role.slug, name=role.name, kind=role.kind, count=role.count, species=role.species,
        panel=panel_text(role.species, role.choice, role.shares), calls=call_plans(manifest, role),
        budget=role.budget.bounds() if role.budget else {},
    )  # fmt: skip
    if role.kind not in TRIAL_KINDS:
        return base
    limit = manifest.workspace.time_limit_s if role.minutes is None else role.minutes * 60
    base = base.model_copy(update={"resources": role.resources, "time_limit_s": limit})
    if fleet is None:
        return base
    shape = shape or role.resources
    found = fit(shape, fleet)
    settled_on = shape.accelerator or "" if role.resources.gpus else ""
    return base.model_copy(
        update={"places": found.places, "nodes": found.nodes, "misfit": found.misfit, "settled_on": settled_on}
    )


def _authority(role: Role, manifest: Manifest) -> AuthorityPlan:
    """Only a role that hands off proposals writes files."""
    proposes = any(edge.payload == "proposal" for edge in manifest.graph.edges_from(role.slug))
    editable = manifest.workspace.editable if proposes else ()
    granted = {server_of(tool) for tool in role.tools}
    servers = [server for server in manifest.servers if server.name in granted]
    reached = [server.url for server in servers if server.url]
    return AuthorityPlan(
        role=role.slug,
        tools=role.tools,
        models=tuple(dict.fromkeys(model for name in role.species for model in _called(manifest, name))),
        editable=editable,
        servers=tuple(map(_server, servers)),
        network=_network(role, reached),
    )


def _network(role: Role, reached: Sequence[str]) -> str:
    if role.network:
        return "that of the nodes, open to its trials"
    return f"{', '.join(reached)} by the driver" if reached else "off"


def _called(manifest: Manifest, name: str) -> list[str]:
    return [model.name for model in chain(by_name(manifest.models), name)]


def _server(server: ToolServer) -> str:
    if server.url is None:
        return f"{server.name}: `{' '.join(server.command)}` in the sandbox"
    token = f" with the token in {server.key_env}" if server.key_env else ""
    return f"{server.name}: {server.url}{token}"


def _edge(edge: Handoff) -> EdgePlan:
    parts = [
        edge.payload,
        f"×{edge.fan_out}" if edge.fan_out > 1 else "",
        "asks" if edge.kind is HandoffKind.ASK else "",
        f"when {edge.when}" if edge.when else "",
        "otherwise" if edge.otherwise else "",
        _bound(edge.at_most),
    ]
    return EdgePlan(id=edge.id, source=edge.source, target=edge.target, text=", ".join(filter(None, parts)))


def _bound(at_most: int | None) -> str:
    """As a workflow says it."""
    return "" if at_most is None else "at most once" if at_most == 1 else f"at most {at_most} times"


def _stand_up(cadence: Cadence) -> EdgePlan:
    often = f"{cadence.every_trials} trials" if cadence.every_trials else f"{(cadence.every_s or 0) / 60:g} minutes"
    return EdgePlan(id=cadence.id, source=cadence.role, target=cadence.role, text=f"{cadence.payload} every {often}")


def _bounds(budget: Budget) -> dict[str, int]:
    return {**budget.bounds(), **({} if budget.wall_ms is None else {"wall_ms": budget.wall_ms})}


def _bill(manifest: Manifest, roles: tuple[RolePlan, ...], fleet: Fleet | None) -> tuple[BillPlan, ...]:
    """Trials and device time by the costliest role, at its time limit; tokens and dollars by what bounds the calls."""
    budget = manifest.budget
    bounds = _bounds(budget)
    costs = [role.resources.cost(role.time_limit_s or 0.0) for role in roles if role.resources]
    calls = [call for role in roles for call in role.calls]
    lines = []
    for unit in (*UNITS, "wall_ms"):
        each = max((getattr(cost, unit) for cost in costs), default=0) if unit in TRIAL_UNITS else None
        call = _dearest_call(unit, calls)
        spent = [worst_spend(manifest, unit)] if unit in SPENT_UNITS else []
        limits = [*_limits(unit, each, budget, fleet), *(one for one in spent if one is not None)]
        if unit in bounds or each or call is None or call > 0:
            line = BillPlan(
                unit=unit, bound=bounds.get(unit), one_trial=each, one_call=call, worst=min(limits, default=None)
            )
            lines.append(line)
    return tuple(lines)


def _dearest_call(unit: str, calls: list[CallPlan]) -> int | None:
    """The worst case of one call; 0 where none uses the unit, None where a price is not known."""
    if unit not in SPENT_UNITS:
        return 0
    amounts = [call.tokens if unit == "tokens" else call.usd_micro for call in calls]
    known = [amount for amount in amounts if amount is not None]
    return max(known, default=0) if len(known) == len(amounts) else None


def _limits(unit: str, each: int | None, budget: Budget, fleet: Fleet | None) -> list[int]:
    """Every bound on a unit's total: its own, that of the trials, and every device busy for the wall-clock bound."""
    bounds = _bounds(budget)
    limits = [bounds[unit]] if unit in bounds else []
    if each is not None and budget.trials is not None:
        limits.append(each * budget.trials)
    if fleet is not None and budget.wall_ms is not None and unit in ("cpu_ms", "gpu_ms"):
        devices = sum(node.cpus if unit == "cpu_ms" else node.gpus for node in fleet.nodes)
        limits.append(ceil(devices * budget.wall_ms))
    return limits


def _warnings(manifest: Manifest, numbers: Numbers, roles: tuple[RolePlan, ...]) -> tuple[str, ...]:
    found = [f"{role.slug}: {role.misfit}" for role in roles if role.misfit]
    found += [said for role in roles if role.resources and (said := _stranded(role.slug, role.resources.gpus))]
    if not manifest.budget.is_bounded:
        found.append("no bound on trials, CPU time or wall-clock time: `run` refuses until the budget has one")
    found += _spend_warnings(manifest)
    if not numbers.can_certify:
        needed = ceil(numbers.certification_cost / numbers.verification_cap)
        found.append(
            f"the budget pays for {numbers.trials_payable} trials and no certification fits in the "
            f"{numbers.verification_cap:.0%} of them that verification may take: "
            f"{numbers.certification_cost} are needed, so raise the budget to {needed} trials or `false_champions`"
        )
    payable = numbers.trials_payable
    if payable is not None and payable < NOISE_TRIALS + SCREEN_TRIALS:
        found.append(f"{payable} trials end before the first proposal: the noise floor alone takes {NOISE_TRIALS}")
    if "trials" in numbers.stake and numbers.stake["trials"] < SCREEN_TRIALS:
        found.append(
            f"largest_stake {numbers.largest_stake:.0%} of the budget is {numbers.stake['trials']} trials and a "
            f"proposal's screen takes {SCREEN_TRIALS}: raise `largest_stake` or the budget"
        )
    return tuple(found)


def _stranded(slug: str, gpus: float) -> str:
    """Of a part of a GPU that does not divide it, in words."""
    lost = stranded(gpus)
    if lost < LEAST_STRANDED:
        return ""
    count = on_one_device(gpus)
    same, more = floor(100 / count) / 100, floor(100 / (count + 1)) / 100
    trials = f"1 trial of {gpus:g} leaves" if count == 1 else f"{count} trials of {gpus:g} leave"
    remedy = f"reserve `gpus: {same:g}`, or `gpus: {more:g}`, of which {count + 1} fit"
    return f"{slug}: on each GPU {trials} {lost:.0%} to nobody: {remedy}"


def _spend_warnings(manifest: Manifest) -> list[str]:
    found = [
        f"{slug}: its models cost money, and neither the run nor the role bounds tokens or dollars: add `usd: 20` to "
        "`budget:`, or a column `budget` to the table of roles"
        for slug in unbounded_roles(manifest)
    ]
    return found + [
        f"{slug}: the price of {model.species} is not known, and `run` refuses a bound in dollars over it: say it in "
        "`models:`, or bound `tokens` instead"
        for slug, model in unpriced_models(manifest)
    ]
