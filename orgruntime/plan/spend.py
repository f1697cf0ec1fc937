"""What model calls cost at worst: one call of each model, and what bounds all of them together.

Works on a manifest. Does not know what was spent. Invariants: a call never costs more than is said here, because the
limits of a step hold it to that; what no bound of the budget covers is said to be open.
"""

from __future__ import annotations

from collections.abc import Iterator

from orgruntime.model.call_limits import limits_for, worst_call
from orgruntime.model.manifest import Manifest, ModelSpec, Role
from orgruntime.model.species import (
    by_name,
    ceil_micro,
    costs_money,
    dearest_input,
    is_language_model,
    price_for,
    serving,
)
from orgruntime.plan.plan import CallPlan

UNITS = ("tokens", "usd_micro")


def call_plans(manifest: Manifest, role: Role) -> tuple[CallPlan, ...]:
    """One call of each language model of a role, fallbacks last."""
    found = []
    for model, is_fallback in language_models(manifest, role):
        limits, worst = limits_for(model), worst_call(model)
        found.append(
            CallPlan(
                model=model.name, species=model.species, is_fallback=is_fallback, tokens=limits.context_tokens,
                output_tokens=limits.output_tokens, usd_micro=None if worst is None else worst.usd_micro,
                calls_a_step=limits.turns,
            )
        )  # fmt: skip
    return tuple(found)


def language_models(manifest: Manifest, role: Role) -> list[tuple[ModelSpec, bool]]:
    """The language models of a role, each once; whether it is there as a fallback alone."""
    own = [manifest.species_of(name) for name in role.species]
    behind = [model for model in serving(by_name(manifest.models), role) if model not in own]
    found = {model: True for model in behind} | {model: False for model in own}
    order = dict.fromkeys([*own, *behind])
    return [(model, found[model]) for model in order if is_language_model(model.species)]


def worst_spend(manifest: Manifest, unit: str) -> int | None:
    """The most of a unit that all model calls of a run can use; None: no bound follows from the budgets.

    The run's own bound; the bounds of the roles together, where each has one; for dollars also the bound on tokens at
    the dearest price.
    """
    bounds = manifest.budget.bounds()
    limits = [bounds[unit]] if unit in bounds else []
    own = [role.budget.bounds().get(unit) if role.budget else None for role in _spending(manifest, unit)]
    if all(one is not None for one in own):
        limits.append(sum(one for one in own if one is not None))
    tokens = worst_spend(manifest, "tokens") if unit == "usd_micro" else None
    dearest = _dearest(manifest)
    if tokens is not None and dearest is not None:
        limits.append(ceil_micro(tokens * dearest))
    return min(limits, default=None)


def open_spend(manifest: Manifest) -> tuple[str, ...]:
    """Sentences of what no bound covers; none where every unit of every role is bounded."""
    open_units: dict[str, list[str]] = {}
    for unit in UNITS:
        if unit in manifest.budget.bounds():
            continue
        for role in _spending(manifest, unit):
            if role.budget is None or unit not in role.budget.bounds():
                open_units.setdefault(role.slug, []).append("tokens" if unit == "tokens" else "dollars")
    by_units: dict[str, list[str]] = {}
    for slug, units in open_units.items():
        by_units.setdefault(" and ".join(units), []).append(slug)
    return tuple(f"not bounded by the budget: {units} of {', '.join(slugs)}" for units, slugs in by_units.items())


def unbounded_roles(manifest: Manifest) -> tuple[str, ...]:
    """Roles whose models cost money, and that nothing bounds in tokens or dollars."""
    if any(unit in manifest.budget.bounds() for unit in UNITS):
        return ()
    return tuple(role.slug for role in _spending(manifest, "usd_micro") if role.budget is None)


def unpriced_models(manifest: Manifest) -> tuple[tuple[str, ModelSpec], ...]:
    """(role, model) where a bound in dollars cannot be kept, because the price is not known. Each model once."""
    found: dict[ModelSpec, str] = {}
    for role in manifest.roles:
        own = role.budget.usd_micro if role.budget else None
        if manifest.budget.usd_micro is None and own is None:
            continue
        for model, _ in language_models(manifest, role):
            if price_for(model) is None:
                found.setdefault(model, role.slug)
    return tuple((slug, model) for model, slug in found.items())


def _spending(manifest: Manifest, unit: str) -> list[Role]:
    """Roles whose models use up a unit."""
    found = []
    for role in manifest.roles:
        models = [model for model, _ in language_models(manifest, role)]
        if any(unit == "tokens" or costs_money(model) for model in models):
            found.append(role)
    return found


def _dearest(manifest: Manifest) -> float | None:
    """Millionths of a dollar for the dearest token of any model; None where a price is not known."""
    prices = [price_for(model) for model in _every_model(manifest)]
    known = [max(price.output, dearest_input(price)) for price in prices if price is not None]
    return max(known, default=0.0) if len(known) == len(prices) else None


def _every_model(manifest: Manifest) -> Iterator[ModelSpec]:
    for role in manifest.roles:
        yield from (model for model, _ in language_models(manifest, role))
