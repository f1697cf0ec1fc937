"""Which species need which key."""

from __future__ import annotations

import pytest

from orgruntime.model.manifest import Manifest, ModelSpec, ToolServer
from orgruntime.plan.keys import missing_keys, needed_keys


def with_species(manifest: Manifest, *species: str, models: tuple[ModelSpec, ...] = ()) -> Manifest:
    role = manifest.roles[0].model_copy(update={"species": species})
    return manifest.model_copy(update={"roles": (role, *manifest.roles[1:]), "models": models})


@pytest.mark.parametrize("species", ["search/tpe", "digest/ledger", "control/null"])
def test_a_key_free_species_needs_no_key(manifest: Manifest, species: str) -> None:
    assert needed_keys(with_species(manifest, species)) == []


def test_a_claude_species_needs_the_default_key_once_a_role(manifest: Manifest) -> None:
    panel = with_species(manifest, "claude-opus-5-5", "search/tpe", "claude-opus-5-5")
    assert missing_keys(panel, {}) == [("researcher", "claude-opus-5-5", "ANTHROPIC_API_KEY")]
    assert missing_keys(panel, {"ANTHROPIC_API_KEY": "x"}) == []
    assert missing_keys(panel, {"ANTHROPIC_API_KEY": " "}) != []


def test_a_server_of_ones_own_needs_the_key_that_its_entry_names_or_none(manifest: Manifest) -> None:
    local = ModelSpec(name="local", species="qwen", base_url="http://localhost:8000")
    assert needed_keys(with_species(manifest, "local", models=(local,))) == []
    keyed = local.model_copy(update={"key_env": "LOCAL_KEY"})
    assert needed_keys(with_species(manifest, "local", models=(keyed,))) == [("researcher", "local", "LOCAL_KEY")]


def test_an_entry_without_a_server_may_name_another_key(manifest: Manifest) -> None:
    entry = ModelSpec(name="default", species="claude-opus-5-5", key_env="TEAM_KEY")
    assert needed_keys(with_species(manifest, "default", models=(entry,)))[0].env == "TEAM_KEY"


def test_a_bare_species_is_no_entry_of_the_same_model(manifest: Manifest) -> None:
    entry = ModelSpec(name="default", species="claude-opus-5-5", key_env="TEAM_KEY")
    assert needed_keys(with_species(manifest, "claude-opus-5-5", models=(entry,)))[0].env == "ANTHROPIC_API_KEY"


def test_a_fallback_needs_its_key_too_and_a_circle_ends(manifest: Manifest) -> None:
    local = ModelSpec(name="local", species="qwen", base_url="http://localhost:8000", fallback="deep")
    deep = ModelSpec(name="deep", species="claude-opus-5-5", key_env="TEAM_KEY", fallback="local")
    assert needed_keys(with_species(manifest, "local", models=(local, deep))) == [("researcher", "deep", "TEAM_KEY")]
    bare = local.model_copy(update={"fallback": "claude-haiku-5-5"})
    found = missing_keys(with_species(manifest, "local", models=(bare,)), {})
    assert found == [("researcher", "claude-haiku-5-5", "ANTHROPIC_API_KEY")]


def test_a_fallback_of_the_role_needs_its_key_too(manifest: Manifest) -> None:
    found = with_species(manifest, "search/tpe", models=())
    roles = tuple(r.model_copy(update={"fallback": "claude-haiku-5-5"}) if r.species else r for r in found.roles)
    assert ("researcher", "claude-haiku-5-5", "ANTHROPIC_API_KEY") in needed_keys(
        found.model_copy(update={"roles": roles})
    )


def test_a_granted_tool_server_needs_its_token_and_another_none(manifest: Manifest) -> None:
    wiki = ToolServer(name="wiki", url="https://wiki.example.org", key_env="WIKI_TOKEN")
    role = manifest.roles[0].model_copy(update={"species": ("search/tpe",), "tools": ("Read", "mcp__wiki__find")})
    granted = manifest.model_copy(update={"roles": (role,), "servers": (wiki,)})
    (key,) = needed_keys(granted)
    assert (key.role, key.server, key.env) == ("researcher", "wiki", "WIKI_TOKEN")
    idle = role.model_copy(update={"tools": ("Read", "mcp__wikis__find")})
    assert needed_keys(granted.model_copy(update={"roles": (idle,)})) == []
