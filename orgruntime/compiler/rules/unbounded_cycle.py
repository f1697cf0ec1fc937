"""Roles that can hand work to each other for ever: neither a handoff nor the budget ends it."""

from __future__ import annotations

from orgruntime.compiler.facts import Facts
from orgruntime.compiler.graph import open_cycles
from orgruntime.diagnostics.codes import UNBOUNDED_CYCLE
from orgruntime.diagnostics.diagnostic import Findings
from orgruntime.model.manifest import Role
from orgruntime.model.species import costs_money, is_language_model

CODE = UNBOUNDED_CYCLE


def check(facts: Facts, findings: Findings) -> None:
    spending = {role.slug for role in facts.roles if _spends(facts, role)}
    for loop in open_cycles(facts.typed, facts.by_slug, facts.program.budget, spending):
        path = " → ".join([loop[0].source.slug, *(edge.target.slug for edge in loop if edge.target)])
        help = "add `, at most N times` to one of its handoffs, or bound `wall_clock` in `budget:`"
        findings.add(CODE, loop[-1].span, f"the cycle {path} can go on for ever", help)


def _spends(facts: Facts, role: Role) -> bool:
    """Whether every step of the role takes from a bound on tokens or dollars, its own or the run's."""
    models = facts.models(role)
    if not models or not all(is_language_model(one.species) for one in models):
        return False
    bounds = [facts.program.budget, *([role.budget] if role.budget else [])]
    if any(bound.tokens is not None for bound in bounds):
        return True
    return any(bound.usd_micro is not None for bound in bounds) and all(map(costs_money, models))
