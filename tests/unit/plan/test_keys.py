"""Which species need which key."""

from __future__ import annotations

import pytest

from orgruntime.model.manifest import Manifest, ModelSpec
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
    assert needed_keys(with_species(manifest, "qwen", models=(local,))) == []
    keyed = local.model_copy(update={"key_env": "LOCAL_KEY"})
    assert needed_keys(with_species(manifest, "qwen", models=(keyed,))) == [("researcher", "qwen", "LOCAL_KEY")]
    assert needed_keys(with_species(manifest, "local", models=(keyed,))) == [("researcher", "local", "LOCAL_KEY")]


def test_an_entry_without_a_server_may_name_another_key(manifest: Manifest) -> None:
    entry = ModelSpec(name="default", species="claude-opus-5-5", key_env="TEAM_KEY")
    assert needed_keys(with_species(manifest, "claude-opus-5-5", models=(entry,)))[0].env == "TEAM_KEY"
