"""What stands before a run: models of the command line, keys, prices."""

from __future__ import annotations

import pytest

from orgruntime.api.errors import UserError
from orgruntime.api.orgs import refuse_unready, species_lacks, with_models
from orgruntime.model.amounts import Budget
from orgruntime.model.manifest import Choice, Manifest, ModelSpec, ToolServer
from orgruntime.study.lock import authority_of
from orgruntime.testing.lab import small_org

KEY = {"ANTHROPIC_API_KEY": "x"}
OWN = ModelSpec(name="own", species="qwen3", base_url="http://localhost:1", fallback="claude-haiku-5-5")
PLAIN = ModelSpec(name="plain", species="claude-opus-5-5")
ODD = ModelSpec(name="odd", species="claude-opus-9", context=9_000)


@pytest.fixture
def lab() -> Manifest:
    """One researcher with a budget in trials."""
    wiki = ToolServer(name="wiki", url="https://wiki.example.org", key_env="WIKI_TOKEN")
    return small_org().model_copy(update={"models": (OWN, PLAIN, ODD), "servers": (wiki,), "budget": Budget(trials=9)})


def researcher(manifest: Manifest):
    return next(role for role in manifest.roles if role.species)


def test_a_panel_of_the_command_line_is_read_as_in_the_table(lab: Manifest) -> None:
    slug = researcher(lab).slug
    shared = researcher(with_models(lab, {slug: "own 20%, plain, search/tpe 1/2"}))
    assert shared.species == ("own", "claude-opus-5-5", "search/tpe")
    assert (shared.choice, shared.shares) == (Choice.SHARES, (0.2, 0.3, 0.5))
    again = researcher(with_models(with_models(lab, {slug: "own 20%, search/tpe, fallback odd"}), {slug: "search/tpe"}))
    assert (again.species, again.choice, again.shares, again.fallback) == (("search/tpe",), Choice.TURNS, (), None)
    held = researcher(with_models(lab, {slug: "own, fallback odd"}))
    assert (held.species, held.fallback) == (("own",), "odd")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("own 20%, search/tpe 90%", "the shares sum to 110 %"),
        ("search/tpp", "did you mean search/tpe?"),
        ("own, choose by results", "is the only model"),
        ("", "name a species"),
        ("fallback own", "name a species"),
        ("own, fallback search/tpe", "holds no conversation"),
    ],
)
def test_a_panel_that_is_none_is_one_sentence(lab: Manifest, text: str, words: str) -> None:
    with pytest.raises(UserError, match=words) as caught:
        with_models(lab, {researcher(lab).slug: text})
    assert "\n" not in str(caught.value)


def test_language_models_are_ready_where_their_keys_are(lab: Manifest) -> None:
    deep = with_models(lab, {researcher(lab).slug: "plain, own"})
    refuse_unready(deep, KEY)
    with pytest.raises(UserError, match="claude-haiku-5-5, which needs ANTHROPIC_API_KEY"):
        refuse_unready(deep, {})
    assert len(species_lacks(deep, {})) == 2


def test_a_bound_in_dollars_needs_prices(lab: Manifest) -> None:
    odd = with_models(lab, {researcher(lab).slug: "odd"})
    refuse_unready(odd, KEY)
    bounded = odd.model_copy(update={"budget": Budget(trials=9, usd_micro=1)})
    with pytest.raises(UserError, match="claude-opus-9, whose price is not known"):
        refuse_unready(bounded, KEY)


def test_a_granted_tool_server_needs_its_token_and_is_authority(lab: Manifest) -> None:
    role = researcher(lab).model_copy(update={"tools": ("mcp__wiki",)})
    granted = lab.model_copy(update={"roles": tuple(role if one.slug == role.slug else one for one in lab.roles)})
    (lack,) = species_lacks(granted, {})
    assert "the tools of wiki" in lack
    assert "WIKI_TOKEN" in lack
    assert species_lacks(granted, {"WIKI_TOKEN": "x"}) == []
    authority = authority_of(with_models(granted, {role.slug: "own"}))
    assert "https://wiki.example.org" in authority.servers
    assert authority.models == ("claude-haiku-5-5", "own")
    assert authority.keys == ("ANTHROPIC_API_KEY", "WIKI_TOKEN")
