"""A bound in dollars over a model whose price is not known, so that the bound cannot be kept."""

from __future__ import annotations

from orgruntime.compiler.facts import Facts
from orgruntime.diagnostics.codes import UNPRICED_MODEL
from orgruntime.diagnostics.diagnostic import Findings
from orgruntime.model.species import price_for

CODE = UNPRICED_MODEL


def check(facts: Facts, findings: Findings) -> None:
    bounded = facts.program.budget.usd_micro is not None
    entries = {model.species: model.name for model in reversed(facts.program.models)}
    said: set[str] = set()
    for role in facts.roles:
        if not bounded and (role.budget is None or role.budget.usd_micro is None):
            continue
        for model in facts.language_models(role):
            if price_for(model) is None and model.name not in said:
                said.add(model.name)
                message = f"the price of `{model.species}` is not known, so no bound in dollars can be kept"
                name = entries.get(model.species, "mine")
                help = f"say it: `models: {{{name}: {{model: {model.species}, price: {{input: 4, output: 20}}}}}}`"
                findings.add(CODE, facts.model_places.get(model.name, facts.places[role.slug]), message, help)
