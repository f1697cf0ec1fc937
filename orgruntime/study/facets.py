"""What each field of a manifest is to a reader: its topic, its words, how values are said, what it does to authority.

Knows fields, not how two manifests are paired. Invariant: a field that is not listed is compared all the same, under
its own name, with an effect that asks to be read (`facet_of`): the list makes a change readable, never visible.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from orgruntime.model.amounts import Budget
from orgruntime.model.appetite import Appetite, BlastRadius
from orgruntime.model.base import Noun
from orgruntime.model.manifest import (
    AgentGraph,
    Cadence,
    Choice,
    Handoff,
    Manifest,
    Memory,
    ModelSpec,
    Objective,
    Price,
    Resources,
    Role,
    ToolServer,
    WorkspaceSpec,
)
from orgruntime.model.payload import PayloadField, PayloadType
from orgruntime.plan.units import amount_text, share
from orgruntime.study.changes import Effect, Topic
from orgruntime.study.effects import bound, different, granted, held, less, more, same

LONGEST_VALUE = 100
"""Characters of a value in a line; the whole is in the JSON and in the text."""


@dataclass(frozen=True)
class Facet:
    said: str
    effect: Callable[[Any, Any], Effect] = same
    show: Callable[[Any], str] | None = None
    topic: Topic | None = None
    """None: that of what holds the field."""
    empty: str = "none"
    """How None is said."""


def facet_of(noun: type[Noun], field: str) -> Facet:
    return _FACETS.get(noun, {}).get(field) or Facet(field.replace("_", " "), different)


def shown(facet: Facet, value: Any) -> str:
    """A value in words, on one line."""
    if value is None:
        return facet.empty if facet.effect is not bound else "no bound"
    text = (facet.show or _plain)(value)
    return text if len(text) <= LONGEST_VALUE else text[: LONGEST_VALUE - 1] + "…"


def _plain(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:g}"
    if isinstance(value, tuple | list):
        return ", ".join(map(_plain, value)) or "none"
    return " ".join(str(value).split())


def _seconds(value: float) -> str:
    return f"{value:g} s"


def _megabytes(value: int) -> str:
    return f"{value} MB"


def _amount(unit: str) -> Callable[[Any], str]:
    return lambda value: amount_text(unit, value)


def _pairs(value: dict[str, str]) -> str:
    return ", ".join(f"{name}: {text}" for name, text in value.items()) or "none"


def _radius(value: BlastRadius) -> str:
    return f"{value.files} files, {value.lines} lines, {value.gpus:g} GPUs, {value.minutes:g} min"


def _recalls(old: Memory, new: Memory) -> Effect:
    order = list(Memory)
    return more(order.index(old), order.index(new))


def _shares(values: tuple[float, ...]) -> str:
    return ", ".join(map(share, values)) or "none"


def _spend(budget: Budget) -> str:
    """A role's budget on one line."""
    return ", ".join(amount_text(unit, amount) for unit, amount in budget.bounds().items()) or "no bound"


def _price(price: Price) -> str:
    return f"${price.input:g} for a million tokens in, ${price.output:g} out"


_CHOICES = {Choice.TURNS: "in turns", Choice.SHARES: "by shares", Choice.RESULTS: "by results"}

_DIALS = {
    "preset": Facet("preset", same),
    "false_champions": Facet("proof", more, share),
    "smallest_win": Facet("smallest win", less, lambda value: f"{value:g} × noise"),
    "exploration": Facet("exploration", more, share),
    "optimism": Facet("optimism", more),
    "keep_per_rung": Facet("patience", less, share),
    "largest_stake": Facet("stake", more, share),
    "dry_spell": Facet("dry spell", more, share),
}

_FACETS: dict[type[Noun], dict[str, Facet]] = {
    Manifest: {
        "schema_version": Facet("version of the manifest", different),
        "org": Facet("folder"),
        "title": Facet("title"),
        "mission": Facet("mission", topic=Topic.WORDS),
        "appetite": Facet("appetite", topic=Topic.RISK),
        "budget": Facet("budget", topic=Topic.BUDGET),
        "guidance": Facet("guidance", topic=Topic.WORDS),
        "objective": Facet("objective", topic=Topic.OBJECTIVE),
        "workspace": Facet("workspace", topic=Topic.WORKSPACE),
        "models": Facet("models", different, topic=Topic.MODELS),
        "servers": Facet("tool servers", different, topic=Topic.MODELS),
        "roles": Facet("roles", different, topic=Topic.ROLES),
        "payloads": Facet("payloads", topic=Topic.PAYLOADS),
        "graph": Facet("workflow", topic=Topic.WORKFLOW),
        "sources": Facet("files", topic=Topic.FILES),
    },
    Objective: {
        "metric": Facet("metric"), "direction": Facet("direction"), "target": Facet("target"),
        "min_effect": Facet("smallest effect"),
    },
    WorkspaceSpec: {
        "source": Facet("source", different),
        "editable": Facet("editable", granted),
        "setup": Facet("setup", held),
        "run": Facet("run", different),
        "verify": Facet("verify", different),
        "time_limit_s": Facet("time limit", more, _seconds),
        "memory_mb": Facet("memory limit", bound, _megabytes),
    },
    Role: {
        "slug": Facet("slug"),
        "name": Facet("name"),
        "kind": Facet("kind", different),
        "description": Facet("description"),
        "prompt": Facet("prompt"),
        "count": Facet("count", more),
        "species": Facet("model", granted),
        "choice": Facet("choice of model", show=_CHOICES.__getitem__),
        "shares": Facet("shares of the models", show=_shares),
        "budget": Facet("what its models may spend", bound, _spend),
        "tools": Facet("tools", granted),
        "network": Facet("network of its nodes", more),
        "resources": Facet("resources"),
        "minutes": Facet("time limit", more, lambda value: f"{value:g} min", empty="the workspace's"),
        "builtin": Facet("built in"),
        "source": Facet("file"),
        "title": Facet("title"),
        "usage": Facet("examples of its use"),
        "produces": Facet("produces", empty="what it can"),
        "consumes": Facet("consumes", empty="what its kind takes"),
        "hands_off_to": Facet("would hand off to"),
        "blast_radius": Facet("blast radius", different, _radius, empty="the org's"),
        "inputs": Facet("inputs", show=_pairs),
        "memory": Facet("memory", _recalls),
        "was": Facet("former names"),
    },
    Resources: {
        "nodes": Facet("nodes", more), "cpus": Facet("CPUs", more), "gpus": Facet("GPUs", more),
        "memory_mb": Facet("memory", held, _megabytes),
        "accelerator": Facet("accelerator", different), "fallbacks": Facet("where it is not there", different),
        "labels": Facet("labels of the node", different),
    },
    ModelSpec: {
        "name": Facet("name"), "species": Facet("species", different), "base_url": Facet("server", held),
        "key_env": Facet("key from", held),
        "price": Facet("price", different, _price, empty="the shipped one, or nothing"),
        "context": Facet("context", more, _amount("tokens"), empty="as usual"),
        "max_output": Facet("longest answer", more, _amount("tokens"), empty="as usual"),
        "effort": Facet("effort"),
        "concurrency": Facet("calls at once", bound),
        "fallback": Facet("fallback", held),
    },
    Price: {
        "input": Facet("dollars for input", more), "output": Facet("dollars for output", more),
        "cache_read": Facet("dollars for cached input", different, empty="as for input"),
        "cache_write": Facet("dollars for writing a cache", different, empty="as for input"),
    },
    ToolServer: {
        "name": Facet("name"), "command": Facet("command", different), "url": Facet("address", held),
        "key_env": Facet("token from", held),
    },
    PayloadType: {"name": Facet("name"), "fields": Facet("fields"), "builtin": Facet("built in")},
    PayloadField: {
        "name": Facet("name"), "type": Facet("type"), "required": Facet("required"), "meaning": Facet("meaning"),
        "choices": Facet("choices"), "by_runtime": Facet("filled in by the runtime"),
        "of": Facet("fields of"), "fields": Facet("inner fields"),
    },
    AgentGraph: {
        "handoffs": Facet("handoffs"), "cadences": Facet("cadences"), "entries": Facet("ideas enter at"),
    },
    Handoff: {
        "id": Facet("number"), "source": Facet("from"), "target": Facet("to"), "payload": Facet("payload"),
        "kind": Facet("kind"), "when": Facet("when"), "otherwise": Facet("otherwise"),
        "at_most": Facet("at most", bound, lambda value: f"{value} times"), "fan_out": Facet("fan-out", more),
    },
    Cadence: {
        "id": Facet("number"), "role": Facet("role"), "payload": Facet("payload"),
        "every_trials": Facet("every", less, lambda value: f"{value} trials"),
        "every_s": Facet("every", less, _seconds),
    },
    Appetite: _DIALS | {"blast_radius": Facet("blast radius")},
    BlastRadius: {
        "files": Facet("files", more), "lines": Facet("lines", more), "gpus": Facet("GPUs", more),
        "minutes": Facet("minutes", more),
    },
    Budget: {
        "trials": Facet("trials", bound, _amount("trials")),
        "gpu_ms": Facet("GPU time", bound, _amount("gpu_ms")),
        "cpu_ms": Facet("CPU time", bound, _amount("cpu_ms")),
        "tokens": Facet("tokens", bound, _amount("tokens")),
        "usd_micro": Facet("dollars", bound, _amount("usd_micro")),
        "wall_ms": Facet("wall clock", bound, _amount("wall_ms")),
    },
}  # fmt: skip
