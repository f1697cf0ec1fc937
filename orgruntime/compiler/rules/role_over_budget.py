"""A budget of a role that is more than the whole run may spend."""

from __future__ import annotations

from orgruntime.compiler.facts import Facts
from orgruntime.diagnostics.codes import ROLE_OVER_BUDGET
from orgruntime.diagnostics.diagnostic import Findings

CODE = ROLE_OVER_BUDGET


def check(facts: Facts, findings: Findings) -> None:
    run = facts.program.budget.bounds()
    for budget, span in facts.role_budgets:
        for unit, asked in budget.bounds().items():
            if unit in run and asked > run[unit]:
                message = f"the role may spend {_shown(unit, asked)}, and the whole run {_shown(unit, run[unit])}"
                findings.add(CODE, span, message, "lower it, or raise `budget:`")


def _shown(unit: str, amount: int) -> str:
    return f"${amount / 1e6:g}" if unit == "usd_micro" else f"{amount} tokens"
