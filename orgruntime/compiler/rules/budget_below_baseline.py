"""A budget that the noise floor uses up before anything is proposed."""

from __future__ import annotations

from orgruntime.compiler.facts import Facts
from orgruntime.diagnostics.codes import BUDGET_BELOW_BASELINE
from orgruntime.diagnostics.diagnostic import Findings

CODE = BUDGET_BELOW_BASELINE

BASELINE_TRIALS = 10
"""What a run measures of the base commit before anything else; a test holds it to the scheduler's number."""


def check(facts: Facts, findings: Findings) -> None:
    trials = facts.program.budget.trials
    if trials is not None and trials <= BASELINE_TRIALS:
        node = facts.node("budget.trials")
        message = f"a run first measures its noise, in {BASELINE_TRIALS} trials, so {trials} leave none for a proposal"
        help = "raise `trials`; `orgrun plan` says how many a certificate takes"
        findings.add(CODE, node.span if node else facts.top, message, help)
