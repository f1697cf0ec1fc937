"""A run without a bound that every trial uses up."""

from __future__ import annotations

from orgruntime.compiler.facts import Facts
from orgruntime.diagnostics.codes import NO_BUDGET
from orgruntime.diagnostics.diagnostic import Findings
from orgruntime.model.amounts import Budget
from orgruntime.orgfile.tree import MapNode, Node, ScalarNode

CODE = NO_BUDGET


def check(facts: Facts, findings: Findings) -> None:
    fields, budget = facts.program.fields, facts.program.budget
    node = fields.value("budget")
    if budget.is_bounded or (node is not None and _is_faulty(node, budget)):
        return
    message = "no bound on trials, GPU hours, CPU hours or wall-clock time: `orgrun run` will refuse"
    help = "add a bound, such as `budget: {trials: 200, wall_clock: 8h}`"
    findings.add(CODE, facts.key_span("budget"), message, help)


def _is_faulty(node: Node, budget: Budget) -> bool:
    """Whether the budget has a fault of its own, so that nothing can be said of what it leaves open."""
    if isinstance(node, ScalarNode) and node.is_null:
        return False
    bound = sum(value is not None for value in budget.model_dump().values())
    return not isinstance(node, MapNode) or len(node.entries) != bound
