"""Models and species: the `models:` key, and what stands behind a role's model cell. Calls no model.

Invariant: a key of a model server is never in a file; only the name of its environment variable is.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache

from orgruntime.compiler import reading_rules, words
from orgruntime.compiler.fields import Fields
from orgruntime.compiler.keys import MODEL, PRICE
from orgruntime.compiler.panel import Panel
from orgruntime.compiler.reach import read_address, read_variable
from orgruntime.compiler.rolefile import RoleFile
from orgruntime.compiler.wishes import granted_model
from orgruntime.diagnostics.diagnostic import Findings
from orgruntime.diagnostics.nearest import edit_distance, nearest
from orgruntime.model.manifest import Effort, ModelSpec, Price
from orgruntime.model.species import FAMILIES as PREFIXES
from orgruntime.model.species import reference_to
from orgruntime.orgfile.tree import MapNode, ScalarNode

FAMILIES = tuple(prefix.removesuffix("/") for prefix in PREFIXES)
_MOST_NEAR = 50
"""Entries that a name of a cell is compared with."""


def bind_models(parent: Fields, findings: Findings) -> tuple[ModelSpec, ...]:
    """The entries of `models:`, in order. Names are the org's own, so any key is known."""
    value = parent.value("models")
    if value is None:
        return ()
    names = [name for name, _ in value.entries] if isinstance(value, MapNode) else []
    fields = parent.mapping("models", [name.text for name in names])
    found = [_model(fields, name, findings) for name in names] if fields else []
    return tuple(model for model in found if model is not None)


def _model(fields: Fields, name: ScalarNode, findings: Findings) -> ModelSpec | None:
    if re.search(r"[\s,]", name.text):
        findings.put(name.span, reading_rules.bad_value.no_model_name(name.text))
    if isinstance(fields.value(name.text), ScalarNode):
        node = fields.scalar(name.text)
        return ModelSpec(name=name.text, species=node.text.strip()) if node else None
    inner = fields.mapping(name.text, MODEL)
    if inner is None:
        return None
    model, url = inner.text("model"), read_address(inner, "base_url", findings)
    if url is not None and url.rstrip("/").endswith(("/v1", "/v1/messages")):
        findings.put(inner.span("base_url"), reading_rules.likely_typo.address_with_version(url))
    effort = inner.choice("effort", Effort)
    context, output = inner.read("context", words.count), inner.read("max_output", words.count)
    if context is not None and output is not None and output >= context:
        findings.put(inner.span("max_output"), reading_rules.out_of_range.no_room(inner.path("max_output"), context))
    found = ModelSpec(
        name=name.text,
        species=model or "",
        base_url=url,
        key_env=read_variable(inner, "key_env", findings),
        price=_price(inner),
        context=context,
        max_output=output,
        effort=effort.value if effort else None,
        concurrency=inner.read("concurrency", words.count),
        fallback=inner.text("fallback"),
    )
    return found if model else None


def _price(parent: Fields) -> Price | None:
    fields = parent.mapping("price", PRICE)
    if fields is None:
        return None
    given, made, read, write = (fields.read(key, words.not_negative) for key in PRICE)
    if given is None or made is None:
        return None
    return Price(input=given, output=made, cache_read=read, cache_write=write)


def granted_wishes(file: RoleFile, models: tuple[ModelSpec, ...]) -> Panel:
    """What a role file asks to be served by and gets: the panel of `org.model`, or the first model of `model:`.

    Species that need neither key nor network cost nothing and need no grant. A panel of which only a part is granted
    takes turns: its shares were those of all.
    """
    asked = file.hints.panel
    if asked.names:
        granted = tuple(found for node in asked.names if (found := granted_model(node, models)) is not None)
        return asked._replace(names=granted) if len(granted) == len(asked.names) else Panel(granted)
    first = (granted_model(node, models) for node in file.model)
    return Panel(tuple(node for node in first if node is not None)[:1])


def resolve(cell: Iterable[ScalarNode], models: tuple[ModelSpec, ...], findings: Findings) -> tuple[str, ...]:
    """A panel's names as species. An entry that says more than its species keeps its name, because that hangs on it."""
    known = {model.name: model for model in models}
    found: list[str] = []
    for node in cell:
        text = node.text.strip()
        model = known.get(text)
        if model is None:
            _report_near_name(node, tuple(known), findings)
            found.append(text)
        else:
            found.append(reference_to(model))
    return tuple(found)


def species_behind(name: str, models: tuple[ModelSpec, ...]) -> str:
    return next((model.species for model in models if model.name == name), name)


def near_entry(text: str, known: tuple[str, ...]) -> str | None:
    """The entry of `models:` that the name in a cell nearly is."""
    return None if "/" in text or len(text) <= 3 else _near(text, known[:_MOST_NEAR])


@lru_cache(maxsize=256)
def _near(text: str, known: tuple[str, ...]) -> str | None:
    """Remembered, since many cells and entries may hold the same slip."""
    near = nearest(text, known)
    return near if near and edit_distance(text.casefold(), near.casefold()) <= 2 else None


def _report_near_name(node: ScalarNode, known: tuple[str, ...], findings: Findings) -> None:
    text = node.text.strip()
    if near := near_entry(text, known):
        findings.put(node.span, reading_rules.likely_typo.model(text, near))
