"""Models and species: the `models:` key, and what stands behind a role's model cell. Calls no model.

Invariant: a key of a model server is never in a file; only the name of its environment variable is.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from orgruntime.compiler import reading_rules
from orgruntime.compiler.fields import Fields
from orgruntime.compiler.keys import MODEL
from orgruntime.compiler.model_names import grant_for_model
from orgruntime.compiler.rolefile import RoleFile
from orgruntime.diagnostics.diagnostic import Findings
from orgruntime.diagnostics.nearest import edit_distance, nearest
from orgruntime.model.manifest import ModelSpec
from orgruntime.orgfile.tree import MapNode, ScalarNode

KEY_FREE = ("search/tpe", "search/cmaes", "search/random", "digest/ledger", "control/null")
FAMILIES = tuple(dict.fromkeys(name.split("/")[0] for name in KEY_FREE))
_VARIABLE = re.compile(r"[A-Za-z_]\w*")


def bind_models(parent: Fields, findings: Findings) -> tuple[ModelSpec, ...]:
    """The entries of `models:`, in order. Names are the org's own, so any key is known."""
    value = parent.value("models")
    if value is None:
        return ()
    names = [name.text for name, _ in value.entries] if isinstance(value, MapNode) else []
    fields = parent.mapping("models", names)
    found = [_model(fields, name, findings) for name in names] if fields else []
    return tuple(model for model in found if model is not None)


def _model(fields: Fields, name: str, findings: Findings) -> ModelSpec | None:
    if isinstance(fields.value(name), ScalarNode):
        node = fields.scalar(name)
        if node is None:
            return None
        return ModelSpec(name=name, species=node.text.strip())
    inner = fields.mapping(name, MODEL)
    if inner is None:
        return None
    model, url, key = inner.scalar("model"), inner.text("base_url"), inner.scalar("key_env")
    if url is not None and not re.match(r"https?://\S+$", url):
        findings.put(inner.span("base_url"), reading_rules.bad_value.no_address(inner.path("base_url"), url))
    if key is not None and not _VARIABLE.fullmatch(key.text.strip()):
        findings.put(key.span, reading_rules.bad_value.no_variable(inner.path("key_env")))
    if model is None:
        return None
    return ModelSpec(name=name, species=model.text.strip(), base_url=url, key_env=key.text.strip() if key else None)


def granted_wishes(file: RoleFile, models: tuple[ModelSpec, ...]) -> tuple[str, ...]:
    """What a role file asks to be served by and gets: the panel of `org.model`, or the first model of `model:`.

    Species that need neither key nor network cost nothing and need no grant.
    """
    asked = [node.text.strip() for node in file.hints.model]
    panel = [_served(text, models) for text in asked]
    if panel:
        return tuple(name for name in panel if name is not None)
    first = (_served(node.text, models) for node in file.model)
    return tuple(name for name in first if name is not None)[:1]


def _served(wish: str, models: tuple[ModelSpec, ...]) -> str | None:
    """By which name a model is called that is wished for and granted."""
    if wish in KEY_FREE:
        return wish
    found = grant_for_model(wish, models)
    return name_at_run(found) if found else None


def name_at_run(model: ModelSpec) -> str:
    """An entry with a server or a key of its own keeps its name, because they hang on it."""
    return model.name if model.base_url or model.key_env else model.species


def resolve(cell: Iterable[ScalarNode], models: tuple[ModelSpec, ...], findings: Findings) -> tuple[str, ...]:
    """A panel's names as species."""
    known = {model.name: model for model in models}
    found: list[str] = []
    for node in cell:
        text = node.text.strip()
        model = known.get(text)
        if model is None:
            _report_near_name(node, tuple(known), findings)
            found.append(text)
        else:
            found.append(name_at_run(model))
    return tuple(found)


def species_behind(name: str, models: tuple[ModelSpec, ...]) -> str:
    return next((model.species for model in models if model.name == name), name)


def _report_near_name(node: ScalarNode, known: tuple[str, ...], findings: Findings) -> None:
    text = node.text.strip()
    near = nearest(text, known)
    if near and "/" not in text and len(text) > 3 and edit_distance(text.casefold(), near.casefold()) <= 2:
        findings.put(node.span, reading_rules.likely_typo.model(text, near))
