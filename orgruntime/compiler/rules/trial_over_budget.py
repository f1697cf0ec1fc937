"""A trial whose worst case, which is reserved before it starts, is more than the whole budget."""

from __future__ import annotations

from orgruntime.compiler.facts import Facts
from orgruntime.compiler.limits import time_text
from orgruntime.diagnostics.codes import TRIAL_OVER_BUDGET
from orgruntime.diagnostics.diagnostic import Findings

CODE = TRIAL_OVER_BUDGET


def check(facts: Facts, findings: Findings) -> None:
    budget = facts.program.budget
    for role, seconds in facts.trials:
        cost = role.resources.cost(seconds)
        for asked, bound, what in (
            (cost.gpu_ms, budget.gpu_ms, " of GPU time"),
            (cost.cpu_ms, budget.cpu_ms, " of CPU time"),
            (round(seconds * 1000), budget.wall_ms, ""),
        ):
            if bound is not None and asked > bound:
                most = time_text(bound)
                message = f"one trial of `{role.slug}` may take {time_text(asked)}{what}, and the budget is {most}"
                help = "raise the budget, or lower `time_limit` or the resources"
                findings.add(CODE, facts.places[role.slug], message, help)
