"""Roles that can hand work to each other for ever: neither a handoff nor the budget ends it."""

from __future__ import annotations

from orgruntime.compiler.facts import Facts
from orgruntime.compiler.graph import open_cycles
from orgruntime.diagnostics.codes import UNBOUNDED_CYCLE
from orgruntime.diagnostics.diagnostic import Findings

CODE = UNBOUNDED_CYCLE


def check(facts: Facts, findings: Findings) -> None:
    for loop in open_cycles(facts.typed, facts.by_slug, facts.program.budget):
        path = " → ".join([loop[0].source.slug, *(edge.target.slug for edge in loop if edge.target)])
        help = "add `, at most N times` to one of its handoffs, or bound `wall_clock`, `tokens` or `usd` in `budget:`"
        findings.add(CODE, loop[-1].span, f"the cycle {path} can go on for ever", help)
