"""A language model that costs money, and no bound on what it may cost."""

from __future__ import annotations

from collections.abc import Sequence

from orgruntime.compiler.facts import Facts
from orgruntime.diagnostics.codes import UNBOUNDED_SPEND
from orgruntime.diagnostics.diagnostic import Findings
from orgruntime.model.manifest import Role
from orgruntime.model.species import costs_money

CODE = UNBOUNDED_SPEND


def check(facts: Facts, findings: Findings) -> None:
    run = facts.program.budget
    if run.usd_micro is not None or run.tokens is not None:
        return
    paid = [role.slug for role in facts.roles if role.budget is None and _is_paid(facts, role)]
    if not paid:
        return
    message = f"no bound on what {_named(paid)} may spend on language models"
    help = "add `usd: 20` to `budget:`, or a column `budget` to the table of roles, with `usd: 5`"
    findings.add(CODE, facts.key_span("budget"), message, help)


def _is_paid(facts: Facts, role: Role) -> bool:
    return any(costs_money(model) for model in facts.language_models(role))


def _named(slugs: Sequence[str]) -> str:
    """`director`, or `director` and 2 other roles."""
    others = f"{len(slugs) - 1} other role{'s' * (len(slugs) > 2)}"
    return f"`{slugs[0]}`" + (f" and {others}" if len(slugs) > 1 else "")
