"""Orgs as folders: compile, override, and say what is missing before anything starts."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from orgruntime.api.errors import FINDINGS, UserError
from orgruntime.compiler import Compilation, compile_org
from orgruntime.compiler.model_names import KEY_FREE as KNOWN_SPECIES
from orgruntime.compiler.overrides import budget_entry, panel_entry
from orgruntime.diagnostics.diagnostic import Severity
from orgruntime.diagnostics.nearest import nearest
from orgruntime.diagnostics.render import full
from orgruntime.model.manifest import Manifest, Role, RoleKind
from orgruntime.model.species import is_language_model, reference_to
from orgruntime.plan.keys import Key, missing_keys

KEY_REMEDY = (
    "role {role} is served by {species}, which needs {env}, and that is not set: set it, "
    "or use a species without a key, e.g. `--model {role}=search/tpe`"
)
TOKEN_REMEDY = (
    "role {role} may use the tools of {server}, which needs {env}, and that is not set: set it, "
    "or take its tools out of `tools:`"
)
UNPRICED = (
    "role {role} has a bound in dollars and is served by {species}, whose price is not known: say it in `models:`, "
    "e.g. `mine: {{model: {species}, price: {{input: 4, output: 20}}}}`, or bound `tokens` instead"
)


def load_org(
    path: Path, models: Mapping[str, str] | None = None, budget: Mapping[str, str] | None = None
) -> tuple[Manifest, Compilation]:
    """The org's sealed manifest with the command line's overrides. Raises UserError with all diagnostics rendered."""
    compilation = compile_org(path)
    if compilation.manifest is None:
        faults = [one for one in compilation.diagnostics if one.severity is not Severity.INFO]
        raise UserError(f"{path.as_posix()} has errors:\n\n{full(faults, compilation.texts).rstrip()}", FINDINGS)
    manifest = with_budget(with_models(compilation.manifest, models or {}), budget or {})
    return manifest.sealed(), compilation


def with_models(manifest: Manifest, models: Mapping[str, str]) -> Manifest:
    """`--model ROLE=MODELS`, in the words of the column `model`. Raises UserError for a role that is not there or
    takes no model, and for words that are no panel."""
    agents = {str(role.slug): role for role in manifest.roles if role.kind is RoleKind.AGENT}
    replaced: dict[str, Role] = {}
    for slug, text in models.items():
        if slug not in agents:
            raise UserError(f"--model {slug}={text}: there is no agent role {slug!r} (there are: {', '.join(agents)})")
        try:
            names, choice, shares, behind = panel_entry(text)
        except ValueError as error:
            raise UserError(f"--model {slug}={text}: {error}") from error
        if not names:
            raise UserError(f"--model {slug}=: name a species, e.g. --model {slug}=search/tpe")
        specs = [manifest.species_of(name) for name in names]
        _refuse_unknown(slug, [spec.species for spec in specs])
        known = {"species": tuple(map(reference_to, specs)), "choice": choice, "shares": shares}
        if behind and not is_language_model(manifest.species_of(behind).species):
            raise UserError(f"--model {slug}={text}: {behind} holds no conversation, so it stands in for no model")
        replaced[slug] = agents[slug].model_copy(update={**known, "fallback": behind})
    if not replaced:
        return manifest
    return manifest.model_copy(update={"roles": tuple(replaced.get(role.slug, role) for role in manifest.roles)})


def _refuse_unknown(slug: str, species: Sequence[str]) -> None:
    for name in species:
        if not is_language_model(name) and name not in KNOWN_SPECIES:
            near = nearest(name, KNOWN_SPECIES)
            hint = f"did you mean {near}?" if near else f"there are: {', '.join(KNOWN_SPECIES)}"
            raise UserError(f"--model {slug}={name}: there is no species {name!r}; {hint}")


def with_budget(manifest: Manifest, entries: Mapping[str, str]) -> Manifest:
    """`--budget KEY=VALUE`, in the words of `budget:`. Raises UserError."""
    if not entries:
        return manifest
    changed: dict[str, int] = {}
    for key, value in entries.items():
        try:
            unit, amount = budget_entry(key, value)
        except ValueError as error:
            raise UserError(f"--budget {key}={value}: {error}") from error
        changed[unit] = amount
    return manifest.model_copy(update={"budget": manifest.budget.model_copy(update=changed)})


def refuse_unready(manifest: Manifest, environ: Mapping[str, str] | None = None) -> None:
    """What must be there before a run starts: a bound, keys, known species. Raises UserError with every lack."""
    lacks = []
    if not manifest.budget.is_bounded:
        lacks.append(
            f"{manifest.org} has no finite budget: add e.g. `budget: {{trials: 100}}` to its program.md, "
            "or pass --budget trials=100"
        )
    lacks += species_lacks(manifest, environ)
    if lacks:
        raise UserError("\n".join(lacks))


def species_lacks(manifest: Manifest, environ: Mapping[str, str] | None = None) -> list[str]:
    """A sentence for each role that cannot be served: no key, or no price that its bound needs."""
    # `check` needs all else of this module, and does not wait for the nouns of model calls.
    from orgruntime.plan.spend import unpriced_models

    keys = missing_keys(manifest, os.environ if environ is None else environ)
    unpriced = [UNPRICED.format(role=role, species=model.species) for role, model in unpriced_models(manifest)]
    return [key_lack(key) for key in keys] + unpriced


def key_lack(key: Key) -> str:
    """What is missing, and what to do."""
    if key.server is not None:
        return TOKEN_REMEDY.format(role=key.role, server=key.server, env=key.env)
    return KEY_REMEDY.format(role=key.role, species=key.species, env=key.env)


def is_plan(path: Path) -> bool:
    return path.is_file() and path.suffix == ".json"


def read_json(path: Path) -> object:
    """Raises UserError."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UserError(f"{path} cannot be read as JSON: {error}") from error
