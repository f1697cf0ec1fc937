"""Which keys the models and the tool servers of an org need. Works on names of environment variables, never on a key.

Invariant: a search, digest or control species needs none, and neither does a server whose entry names none.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from orgruntime.model.ids import RoleSlug
from orgruntime.model.manifest import Manifest, ModelSpec, Role
from orgruntime.model.species import by_name, is_language_model, serving
from orgruntime.model.tools import SERVER_PREFIX, server_of

DEFAULT_KEY = "ANTHROPIC_API_KEY"


class Key(NamedTuple):
    role: RoleSlug
    species: str
    """What needs it: a model, or the tools of a server as they are granted, `mcp__papers`."""
    env: str

    @property
    def server(self) -> str | None:
        """The tool server, where it is one that needs the key."""
        return server_of(self.species)


def needed_keys(manifest: Manifest) -> list[Key]:
    """The key of every role and model (fallbacks too) or tool server that needs one, by role, each once."""
    entries = by_name(manifest.models)
    found = [key for role in manifest.roles for key in (*_of_models(entries, role), *_of_servers(manifest, role))]
    return list(dict.fromkeys(found))


def missing_keys(manifest: Manifest, environ: Mapping[str, str]) -> list[Key]:
    """Those of `needed_keys` that the environment does not hold, or holds empty."""
    return [key for key in needed_keys(manifest) if not environ.get(key.env, "").strip()]


def _of_models(entries: Mapping[str, ModelSpec], role: Role) -> Iterator[Key]:
    for model in serving(entries, role):
        env = _key_env(model)
        if env is not None:
            yield Key(role.slug, model.name, env)


def _of_servers(manifest: Manifest, role: Role) -> Iterator[Key]:
    granted = {server_of(tool) for tool in role.tools} if manifest.servers else ()
    for server in manifest.servers:
        if server.name in granted and server.key_env is not None:
            yield Key(role.slug, f"{SERVER_PREFIX}{server.name}", server.key_env)


def _key_env(spec: ModelSpec) -> str | None:
    if not is_language_model(spec.species):
        return None
    if spec.key_env:
        return spec.key_env
    return None if spec.base_url else DEFAULT_KEY
