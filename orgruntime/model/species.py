"""What is known of a species by its name and its entry alone: its family, its price, what stands in for it.

Works on `ModelSpec`. Does not call a model, and knows no key. Invariants: a name of a key-free family is never taken
for a language model, misspelt members included; a price is never lower than what a call costs.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import lru_cache

from orgruntime.model.claude import price_of
from orgruntime.model.manifest import Choice, ModelSpec, Price, Role
from orgruntime.model.research import RiskClass

FAMILIES = ("search/", "digest/", "control/")
"""Species that need no key and no network begin so."""
WORDLESS = ("search/", "control/")
"""Those of them that read no words."""

_NATURE = {
    "search/random": RiskClass.EXPLORE,
    "search/tpe": RiskClass.EXPLOIT,
    "search/cmaes": RiskClass.EXPLOIT,
    "control/null": RiskClass.EXPLOIT,
}

LONGEST_CHAIN = 10
"""Models that stand in for each other, the first included."""

_FREE = Price(input=0, output=0)


def is_language_model(species: str) -> bool:
    return not species.startswith(FAMILIES)


def reads_no_words(species: str) -> bool:
    """Whether a species sets constants or changes nothing, and an idea in prose says nothing to it."""
    return species.startswith(WORDLESS)


def nature(species: str) -> RiskClass | None:
    """What a search species' proposals are: draws that learn from nothing are long shots, a model of what was measured
    refines it. None: it can do either, and says which."""
    return _NATURE.get(species)


@lru_cache(maxsize=256)
def reference_to(model: ModelSpec) -> str:
    """How a role that is served by an entry of `models:` calls it: the species itself, where the entry adds nothing."""
    bare = ModelSpec(name=model.name, species=model.species)
    return model.species if model == bare else model.name


def panel_text(names: Sequence[str], choice: Choice, shares: Sequence[float], fallback: str | None = None) -> str:
    """A panel as the table of roles has it: `opus 20 %, search/tpe 80 %, fallback haiku`."""
    parts = list(names)
    if choice is Choice.SHARES and len(shares) == len(names):
        parts = [f"{name} {share * 100:.3g} %" for name, share in zip(names, shares, strict=True)]
    parts += ["choose by results"] if choice is Choice.RESULTS else []
    return ", ".join([*parts, *([f"fallback {fallback}"] if fallback else [])])


def price_for(model: ModelSpec, prompt: int | None = None) -> Price | None:
    """The price of a call with a prompt of so many tokens; the dearest where that is not told. None: not known.

    The entry's own; else nothing with a server of one's own; else the shipped one of a known Claude model.
    """
    if model.price is not None:
        return model.price
    is_free = model.base_url is not None or not is_language_model(model.species)
    return _FREE if is_free else price_of(model.species, prompt)


def costs_money(model: ModelSpec) -> bool:
    """Whether its calls cost money, or may: a price that is not known is no gift."""
    price = price_for(model)
    return price is None or max(price.output, dearest_input(price)) > 0


def dearest_input(price: Price) -> float:
    """Dollars for a million tokens, whatever a cache makes of them."""
    return max(price.input, price.cache_read or 0.0, price.cache_write or 0.0)


def ceil_micro(amount: float) -> int:
    """Whole millionths of a dollar, rounded up; a rounding error of floats below a millionth is none."""
    return int(amount) if amount - int(amount) < 1e-6 else int(amount) + 1


def by_name(models: Iterable[ModelSpec]) -> dict[str, ModelSpec]:
    return {model.name: model for model in models}


def chain(entries: Mapping[str, ModelSpec], name: str, last: str | None = None) -> Iterator[ModelSpec]:
    """The model of a name, an entry or a species, and its fallbacks; then `last`, a role's, and its own. Each once."""
    seen: set[str] = set()
    for first in (name, last):
        waiting = first
        while waiting is not None and waiting not in seen and len(seen) < LONGEST_CHAIN:
            seen.add(waiting)
            model = entries.get(waiting) or ModelSpec(name=waiting, species=waiting)
            yield model
            waiting = model.fallback


def serving(entries: Mapping[str, ModelSpec], role: Role) -> Iterator[ModelSpec]:
    """Every model that may be asked for a role: its panel's, and who stands in for them. One may come twice."""
    for name in role.species:
        yield from chain(entries, name, role.fallback)
