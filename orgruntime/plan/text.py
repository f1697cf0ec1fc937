"""A plan as plain text for people: one block a question, aligned, no colours."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from orgruntime.model.manifest import Resources
from orgruntime.model.placement import types
from orgruntime.plan.plan import AuthorityPlan, BillPlan, Plan, RolePlan
from orgruntime.plan.units import amount_text, share, small_dollars

_NODES = 4
"""Nodes that are named of those that hold a role."""
_BILL_NAMES = {
    "trials": "trials",
    "gpu_ms": "GPU time",
    "cpu_ms": "CPU time",
    "tokens": "tokens",
    "usd_micro": "dollars",
    "wall_ms": "wall clock",
}


def render(plan: Plan) -> str:
    """The plan in plain lines, without a newline at the end."""
    blocks = (
        _head(plan),
        _block("Roles", _table(map(_role_row, plan.roles))),
        _block("Workflow", _table((f"{e.source} → {e.target}", e.text) for e in plan.edges)),
        _block("Risk appetite", _table((d.dial, d.setting, d.becomes) for d in plan.dials)),
        _block(f"On the last run, {plan.last_run}", _table((d.dial, d.hindsight) for d in plan.dials if d.hindsight)),
        _block("Authority", _table((a.role, *_authority_cells(a)) for a in plan.authority)),
        _block("Model calls", _table(row for role in plan.roles for row in _call_rows(role))),
        _block("Worst-case bill", [*_table(map(_bill_row, plan.bill)), *_verification(plan), *plan.unbounded]),
        _block("Warnings", list(plan.warnings)),
    )
    return "\n\n".join(filter(None, blocks))


def _head(plan: Plan) -> str:
    goal = f"{plan.direction} {plan.metric}" + ("" if plan.target is None else f", to {plan.target:g}")
    lines = [f"{plan.title} ({plan.org})", f"  goal      {goal}", f"  trial     {plan.run}"]
    if plan.verify:
        lines.append(f"  verified  {plan.verify}")
    lines.append(f"  fleet     {_fleet(plan)}")
    if plan.keys:
        lines.append(f"  keys      {', '.join(plan.keys)} (read by the driver only)")
    return "\n".join([*lines, f"  manifest  {plan.manifest[:12]}"])


def _fleet(plan: Plan) -> str:
    if plan.fleet is None:
        return "not asked"
    cpus, gpus = sum(n.cpus for n in plan.fleet.nodes), sum(n.gpus for n in plan.fleet.nodes)
    nodes = "1 node" if len(plan.fleet.nodes) == 1 else f"{len(plan.fleet.nodes)} nodes"
    return f"{nodes}, {cpus:g} CPUs, {gpus:g} GPUs, isolation {plan.fleet.isolation}"


def _role_row(role: RolePlan) -> tuple[str, ...]:
    count = f"×{role.count}" if role.count > 1 else ""
    if role.resources is None:
        return role.slug, role.kind.value, count, role.panel or ", ".join(role.species)
    limit = f", at most {(role.time_limit_s or 0):g} s"
    return role.slug, role.kind.value, count, _shape(role.resources) + limit + _where(role)


def _shape(shape: Resources) -> str:
    span = f"{shape.nodes} nodes × ({{}})" if shape.nodes > 1 else "{}"
    parts = [f"{shape.cpus:g} CPU", f"{shape.gpus:g} GPU" if shape.gpus else "", " or ".join(types(shape))]
    labels = f"where {' and '.join(shape.labels)}" if shape.labels else ""
    return span.format(" + ".join(filter(None, [*parts, f"{shape.memory_mb} MB" if shape.memory_mb else "", labels])))


def _where(role: RolePlan) -> str:
    if role.misfit:
        return f": {role.misfit}"
    if role.places is None:
        return ""
    on = f" ({role.settled_on})" if role.settled_on else ""
    more = f" and {len(role.nodes) - _NODES} more" if len(role.nodes) > _NODES else ""
    return f": fits {', '.join(role.nodes[:_NODES])}{more}{on}, {role.places} at once"


def _authority_cells(role: AuthorityPlan) -> tuple[str, ...]:
    return (
        f"tools: {', '.join(role.tools) or 'none'}",
        f"models: {', '.join(dict.fromkeys(role.models)) or 'none'}",
        f"edits: {', '.join(role.editable) or 'nothing'}",
        f"network: {role.network}",
        f"secrets: {role.secrets}",
        f"servers: {'; '.join(role.servers)}" if role.servers else "",
    )


def _call_rows(role: RolePlan) -> Iterator[tuple[str, ...]]:
    """A line a model; what bounds the role stands in its first."""
    own = ", ".join(amount_text(unit, amount) for unit, amount in role.budget.items())
    for at, call in enumerate(role.calls):
        name = call.model if call.model == call.species else f"{call.model} ({call.species})"
        cost = "price not known" if call.usd_micro is None else small_dollars(call.usd_micro)
        size = f"a call {call.tokens:,} tokens, {call.output_tokens:,} of them its answer: {cost}"
        bound = f"{call.calls_a_step} calls a step" + (f"; role's budget {own}" if own and not at else "")
        yield "" if at else role.slug, f"{name}, fallback" if call.is_fallback else name, size, bound


def _bill_row(line: BillPlan) -> tuple[str, ...]:
    worst = "no bound" if line.worst is None else f"at most {amount_text(line.unit, line.worst)}"
    bound = "not bounded" if line.bound is None else f"budget {amount_text(line.unit, line.bound)}"
    each = "" if line.one_trial is None else f"a trial {amount_text(line.unit, line.one_trial)}"
    if line.one_call:
        each = f"a call {amount_text(line.unit, line.one_call)}"
    return _BILL_NAMES[line.unit], worst, bound, each if line.unit != "trials" else ""


def _verification(plan: Plan) -> list[str]:
    figures = plan.numbers
    if figures.verification_trials is None:
        return []
    return [
        f"of the trials: 10 for the noise floor, at most {figures.verification_trials} "
        f"({share(figures.verification_cap)}) for verification; a champion takes {figures.certification_cost} or more"
    ]


def _table(rows: Iterable[Sequence[str]]) -> list[str]:
    cells = [list(row) for row in rows]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in cells]


def _block(title: str, lines: Sequence[str]) -> str:
    return "\n".join([title, *(f"  {line}" for line in lines)]) if lines else ""
