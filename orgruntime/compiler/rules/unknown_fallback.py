"""A fallback that leads nowhere: to no model, to a species that cannot hold a conversation, or on and on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from orgruntime.compiler.facts import Facts
from orgruntime.compiler.species import species_behind
from orgruntime.diagnostics.codes import UNKNOWN_FALLBACK
from orgruntime.diagnostics.diagnostic import Findings
from orgruntime.diagnostics.nearest import did_you_mean
from orgruntime.model.manifest import ModelSpec, Role
from orgruntime.model.species import LONGEST_CHAIN, is_language_model

CODE = UNKNOWN_FALLBACK

_MOST = 50
"""Models that a name is compared with."""


def check(facts: Facts, findings: Findings) -> None:
    models = {model.name: model for model in facts.program.models}
    endless = _endless(models)
    near = [*models][:_MOST]
    for model in models.values():
        if model.fallback is not None:
            fault = _fault(model, model.fallback, models, near) or endless.get(model.name)
            node = facts.node_at("models", model.name, "fallback")
            if fault is not None:
                findings.add(CODE, node.span if node else facts.top, *fault)
    for role, node in facts.fallbacks():
        fault = _fault_of_role(role, node.text, facts, near)
        if fault is not None:
            findings.add(CODE, node.span, *fault)


def _fault_of_role(role: Role, said: str, facts: Facts, near: Sequence[str]) -> tuple[str, str] | None:
    """(message, help) of a fallback in a cell `model`, or in the hint of a role file, which only the program grants."""
    models = {model.name: model for model in facts.program.models}
    target = models.get(said)
    species = target.species if target else said
    if not is_language_model(species):
        message = f"`{species}` cannot answer in place of a language model: it holds no conversation"
        return message, "name a language model, or leave the fallback out"
    if role.fallback is None or (target is None and not species.startswith("claude-")):
        return f"`models:` has no `{said}`", did_you_mean(said, near)
    if not any(is_language_model(species_behind(name, facts.program.models)) for name in role.species):
        message = f"nothing that serves `{role.slug}` is asked over the network, so it needs no fallback"
        return message, f"take `fallback {said}` out"
    return None


def _fault(
    model: ModelSpec, fallback: str, models: Mapping[str, ModelSpec], near: Sequence[str]
) -> tuple[str, str] | None:
    """(message, help) of one step. `near`: names that may have been meant."""
    target = models.get(fallback)
    species = target.species if target else fallback
    if not is_language_model(species):
        message = f"`{species}` cannot answer in place of `{model.name}`: it holds no conversation"
        return message, "name a language model, or leave `fallback` out"
    if not is_language_model(model.species):
        return f"`{model.species}` is never asked over the network and needs no fallback", "take it out"
    if target is None and not species.startswith("claude-"):
        return f"`models:` has no `{fallback}`", did_you_mean(fallback, near)
    return None


def _endless(models: Mapping[str, ModelSpec]) -> dict[str, tuple[str, str]]:
    """(message, help) of each circle, by its first model, and of each chain that is too long, by its first."""
    found: dict[str, tuple[str, str]] = {}
    order = {name: at for at, name in enumerate(models)}
    lengths: dict[str, int] = {}
    """Models of the chain that begins at one; those of a circle count as nothing, because the circle is told."""
    for name in models:
        way: dict[str, int] = {}
        at: str | None = name
        while at is not None and at in models and at not in lengths and at not in way:
            way[at] = len(way)
            at = models[at].fallback
        if at is not None and at in way:
            circle = list(way)[way[at] :]
            first = circle.index(min(circle, key=order.__getitem__))
            circle = circle[first:] + circle[:first]
            shown = " → ".join(f"`{one}`" for one in [*circle[:LONGEST_CHAIN], circle[0]])
            found[circle[0]] = f"the fallbacks lead in a circle: {shown}", "let the last one have no fallback"
            lengths.update(dict.fromkeys(circle, 0))
        for one in reversed([one for one in way if one not in lengths]):
            lengths[one] = 1 + lengths.get(models[one].fallback or "", 0)
            if lengths[one] == LONGEST_CHAIN + 1:
                help = f"let it end after {LONGEST_CHAIN}"
                found.setdefault(one, (f"a chain of more than {LONGEST_CHAIN} models begins at `{one}`", help))
    return found
