"""A fallback that leads nowhere: to no model, to a species that cannot hold a conversation, or back to itself."""

from __future__ import annotations

from orgruntime.compiler.facts import Facts
from orgruntime.diagnostics.codes import UNKNOWN_FALLBACK
from orgruntime.diagnostics.diagnostic import Findings
from orgruntime.diagnostics.nearest import did_you_mean
from orgruntime.model.manifest import ModelSpec
from orgruntime.model.species import is_language_model

CODE = UNKNOWN_FALLBACK


def check(facts: Facts, findings: Findings) -> None:
    models = {model.name: model for model in facts.program.models}
    looped: set[str] = set()
    for model in models.values():
        if model.fallback is None:
            continue
        fault = _fault(model, models, looped)
        if fault is not None:
            node = facts.node_at("models", model.name, "fallback")
            findings.add(CODE, node.span if node else facts.top, *fault)


def _fault(model: ModelSpec, models: dict[str, ModelSpec], looped: set[str]) -> tuple[str, str] | None:
    """(message, help). Of the models of one circle, only the first says so."""
    assert model.fallback is not None
    target = models.get(model.fallback)
    species = target.species if target else model.fallback
    if not is_language_model(species):
        message = f"`{species}` cannot answer in place of `{model.name}`: it holds no conversation"
        return message, "name a language model, or leave `fallback` out"
    if not is_language_model(model.species):
        return f"`{model.species}` is never asked over the network and needs no fallback", "take it out"
    if target is None and not species.startswith("claude-"):
        return f"`models:` has no `{model.fallback}`", did_you_mean(model.fallback, [*models])
    way, at = [model.name], target
    while at is not None and at.name not in way:
        way.append(at.name)
        at = models.get(at.fallback) if at.fallback else None
    if at is not None and at.name == model.name and not looped & set(way):
        looped.update(way)
        circle = " → ".join(f"`{name}`" for name in [*way, model.name])
        return f"the fallbacks lead in a circle: {circle}", "let the last one have no fallback"
    return None
