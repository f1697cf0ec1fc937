"""Which keys the species of an org need. Works on names of environment variables and never on a key.

Invariant: a search, digest or control species needs none, and neither does a server whose entry names none.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from orgruntime.model.ids import RoleSlug
from orgruntime.model.manifest import Manifest, ModelSpec

DEFAULT_KEY = "ANTHROPIC_API_KEY"
KEY_FREE = ("search/", "digest/", "control/")


class Key(NamedTuple):
    role: RoleSlug
    species: str
    env: str


def needed_keys(manifest: Manifest) -> list[Key]:
    """The key of every role and species that needs one, in the order of the roles, each once."""
    found = [
        Key(role.slug, species, env)
        for role in manifest.roles
        for species in role.species
        if (env := _key_env(_spec_of(manifest, species)))
    ]
    return list(dict.fromkeys(found))


def missing_keys(manifest: Manifest, environ: Mapping[str, str]) -> list[Key]:
    """Those of `needed_keys` that the environment does not hold, or holds empty."""
    return [key for key in needed_keys(manifest) if not environ.get(key.env, "").strip()]


def _spec_of(manifest: Manifest, species: str) -> ModelSpec:
    """A role names the species itself once compiled; an org's entry is found by its name or by its species."""
    for model in manifest.models:
        if species in (model.name, model.species):
            return model
    return ModelSpec(name=species, species=species)


def _key_env(spec: ModelSpec) -> str | None:
    if spec.species.startswith(KEY_FREE):
        return None
    if spec.key_env:
        return spec.key_env
    return None if spec.base_url else DEFAULT_KEY
