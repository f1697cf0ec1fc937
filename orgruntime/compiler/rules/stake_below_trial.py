"""An appetite whose largest stake is less than what one trial may cost, so that no proposal could ever be measured.

A trial may start when its worst case is within the stake of what is left, and nothing ever leaves more than the whole
budget. Trials themselves are indivisible and wall-clock time is nobody's stake, so neither is compared.
"""

from __future__ import annotations

from orgruntime.compiler.facts import Facts
from orgruntime.compiler.limits import time_text
from orgruntime.diagnostics.codes import STAKE_BELOW_TRIAL
from orgruntime.diagnostics.diagnostic import Findings
from orgruntime.model.manifest import RoleKind

CODE = STAKE_BELOW_TRIAL


def check(facts: Facts, findings: Findings) -> None:
    budget, stake = facts.program.budget, facts.program.appetite.largest_stake
    for role, seconds in facts.trials:
        cost = role.resources.cost(seconds)
        for asked, bound, what in ((cost.gpu_ms, budget.gpu_ms, "GPU"), (cost.cpu_ms, budget.cpu_ms, "CPU")):
            if role.kind is not RoleKind.EXPERIMENT or bound is None or not stake * bound < asked <= bound:
                continue
            message = (
                f"one trial of `{role.slug}` may take {time_text(asked)} of {what} time, and the appetite stakes"
                f" at most {100 * stake:g} % of {time_text(bound)} on one: none would ever start"
            )
            help = f"raise `{what.lower()}_hours` above {time_text(asked / stake)}, or `risk.largest_stake`"
            findings.add(CODE, facts.places[role.slug], message, help)
