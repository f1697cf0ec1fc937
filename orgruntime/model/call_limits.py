"""How large one call of a model can be, and what it can cost then.

Works on `ModelSpec` and what is known of its species. Does not count tokens. Invariant: what is said of cost is a bound
for every call that keeps the limits.
"""

from __future__ import annotations

from orgruntime.model.amounts import Amounts
from orgruntime.model.claude import context_of, max_output_of
from orgruntime.model.manifest import ModelSpec
from orgruntime.model.species import ceil_micro, dearest_input, price_for
from orgruntime.model.step import StepLimits

UNKNOWN_CONTEXT, UNKNOWN_OUTPUT = 32_768, 4_096
"""Tokens, for a model that nothing is known of: what small servers hold by default, or more."""


def limits_for(model: ModelSpec) -> StepLimits:
    """The limits of a step: the entry's own; else the usual ones, as far as the model is known to hold them."""
    usual = StepLimits()
    context = model.context or min(usual.context_tokens, context_of(model.species) or UNKNOWN_CONTEXT)
    known = min(usual.output_tokens, max_output_of(model.species) or UNKNOWN_OUTPUT)
    output = model.max_output or min(known, max(1, context // 2))
    return usual.model_copy(update={"context_tokens": context, "output_tokens": output})


def worst_call(model: ModelSpec) -> Amounts | None:
    """The most that one call can use, by its limits; None where its price is not known."""
    price, limits = price_for(model), limits_for(model)
    if price is None:
        return None
    output = min(limits.output_tokens, limits.context_tokens)
    prompt = limits.context_tokens - output
    usd = prompt * dearest_input(price) + output * max(price.output, dearest_input(price))
    return Amounts(tokens=limits.context_tokens, usd_micro=ceil_micro(usd))
