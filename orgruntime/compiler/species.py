"""Models and species: the `models:` key, and what stands behind a role's model cell. Calls no model.

Invariant: a key of a model server is never in a file; only the name of its environment variable is.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from orgruntime.compiler import words
from orgruntime.compiler.fields import Fields
from orgruntime.compiler.keys import MODEL, PRICE
from orgruntime.compiler.reach import read_address, read_variable
from orgruntime.diagnostics.codes import BAD_VALUE, LIKELY_TYPO, OUT_OF_RANGE
from orgruntime.diagnostics.diagnostic import Findings
from orgruntime.diagnostics.nearest import edit_distance, nearest
from orgruntime.model.manifest import Effort, ModelSpec, Price
from orgruntime.model.species import FAMILIES as PREFIXES
from orgruntime.model.species import reference_to
from orgruntime.orgfile.tree import MapNode, ScalarNode

KEY_FREE = ("search/tpe", "search/cmaes", "search/random", "digest/ledger", "control/null")
FAMILIES = tuple(prefix.removesuffix("/") for prefix in PREFIXES)


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
        message = f"`{name.text}` cannot be named in a panel, where blanks and commas part models"
        findings.add(BAD_VALUE, name.span, message, "give the model a name of one word")
    if isinstance(fields.value(name.text), ScalarNode):
        node = fields.scalar(name.text)
        return ModelSpec(name=name.text, species=node.text.strip()) if node else None
    inner = fields.mapping(name.text, MODEL)
    if inner is None:
        return None
    model, url = inner.text("model"), read_address(inner, "base_url", findings)
    if url is not None and url.rstrip("/").endswith(("/v1", "/v1/messages")):
        message, help = "the client adds `/v1/messages` to the address by itself", "leave `/v1` out"
        findings.add(LIKELY_TYPO, inner.span("base_url"), message, help)
    effort = inner.choice("effort", Effort)
    context, output = inner.read("context", words.count), inner.read("max_output", words.count)
    if context is not None and output is not None and output >= context:
        message = f"`{inner.path('max_output')}` leaves no room for a question: a call has {context} tokens in all"
        findings.add(OUT_OF_RANGE, inner.span("max_output"), message, "let it be well below `context`")
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


def _report_near_name(node: ScalarNode, known: tuple[str, ...], findings: Findings) -> None:
    text = node.text.strip()
    near = nearest(text, known)
    if near and "/" not in text and len(text) > 3 and edit_distance(text.casefold(), near.casefold()) <= 2:
        message = f"`{text}` is not in `models:` and is taken as the name of a model"
        findings.add(LIKELY_TYPO, node.span, message, f"did you mean `{near}`?")
