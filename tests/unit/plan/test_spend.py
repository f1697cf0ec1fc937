"""What model calls cost at worst, and what is said not to be bounded."""

from __future__ import annotations

import pytest
from test_make_plan import bill_of, plan_of

from orgruntime.model.amounts import Budget
from orgruntime.model.manifest import Choice, Manifest, ModelSpec, Price, Role, ToolServer
from orgruntime.plan.spend import open_spend, unbounded_roles, unpriced_models, worst_spend
from orgruntime.plan.text import render

OWN = ModelSpec(name="own", species="qwen3", base_url="http://localhost:1")
DEEP = ModelSpec(name="deep", species="claude-opus-5-5", fallback="small", max_output=16_000)
SMALL = ModelSpec(name="small", species="claude-haiku-5-5", effort="low")
ODD = ModelSpec(name="odd", species="claude-opus-9", context=64_000)


def org(manifest: Manifest, *panel: str, budget: Budget | None = None, own: Budget | None = None) -> Manifest:
    """The first role is served by the panel, the scribe by a digest; `own` is the first role's budget."""
    first = manifest.roles[0].model_copy(update={"species": panel, "budget": own})
    changed = {
        "roles": (first, *manifest.roles[1:]), "models": (OWN, DEEP, SMALL, ODD),
        "budget": budget or Budget(trials=100),
    }  # fmt: skip
    return manifest.model_copy(update=changed).sealed()


def made(manifest: Manifest, **changes: object):
    return plan_of(manifest, **changes)


def test_a_call_is_said_at_its_worst_with_fallbacks_last(manifest: Manifest) -> None:
    role, *_ = made(org(manifest, "deep", "search/tpe", "own")).roles
    assert [(call.model, call.is_fallback) for call in role.calls] == [("deep", False), ("own", False), ("small", True)]
    deep, own, small = role.calls
    assert (deep.tokens, deep.output_tokens) == (160_000, 16_000)
    assert deep.usd_micro == 144_000 * 5 + 16_000 * 20
    assert own.usd_micro == 0
    assert small.usd_micro == 151_808 * 0.625 + 8_192 * 2.5
    assert deep.calls_a_step == 60


def test_a_fallback_of_the_role_counts_like_those_of_its_models(manifest: Manifest) -> None:
    changed = org(manifest, "own")
    roles = tuple(r.model_copy(update={"fallback": "deep"}) if r.species else r for r in changed.roles)
    plan = made(changed.model_copy(update={"roles": roles}).sealed())
    calls = [(call.model, call.is_fallback) for call in plan.roles[0].calls]
    assert calls == [("own", False), ("deep", True), ("small", True)]
    assert plan.roles[0].panel.endswith("fallback deep")
    assert plan.authority[0].models == ("own", "deep", "small")
    assert "not bounded by the budget: tokens and dollars of" in render(plan)


def test_key_free_species_have_no_calls_and_no_lines(manifest: Manifest) -> None:
    plan = made(org(manifest, "search/tpe"))
    assert all(not role.calls for role in plan.roles)
    assert {"tokens", "usd_micro"} & set(bill_of(plan)) == set()
    assert "Model calls" not in render(plan)
    bounded = made(org(manifest, "search/tpe", budget=Budget(trials=100, usd_micro=5)))
    assert bill_of(bounded)["usd_micro"] == 0


@pytest.mark.parametrize(
    ("run", "own", "tokens", "usd"),
    [
        (Budget(trials=1), None, None, None),
        (Budget(trials=1, usd_micro=9), None, None, 9),
        (Budget(trials=1), Budget(usd_micro=7), None, 7),
        (Budget(trials=1, usd_micro=9), Budget(usd_micro=7), None, 7),
        (Budget(trials=1), Budget(tokens=1_000), 1_000, 20_000),
        (Budget(trials=1, tokens=500), Budget(tokens=1_000), 500, 10_000),
        (Budget(trials=1, tokens=500, usd_micro=9), None, 500, 9),
    ],
)
def test_the_bill_is_the_tightest_bound(
    manifest: Manifest, run: Budget, own: Budget | None, tokens: int | None, usd: int | None
) -> None:
    found = org(manifest, "claude-opus-5-5", budget=run, own=own)
    assert worst_spend(found, "tokens") == tokens
    assert worst_spend(found, "usd_micro") == usd
    bill = bill_of(made(found))
    assert (bill["tokens"], bill["usd_micro"]) == (tokens, usd)


def test_bounds_of_roles_add_up_only_where_every_role_has_one(manifest: Manifest) -> None:
    one = org(manifest, "deep", own=Budget(usd_micro=3))
    scribe = one.roles[3].model_copy(update={"species": ("small",), "budget": Budget(usd_micro=4)})
    both = one.model_copy(update={"roles": (*one.roles[:3], scribe)})
    assert worst_spend(both, "usd_micro") == 7
    open_one = one.model_copy(update={"roles": (*one.roles[:3], scribe.model_copy(update={"budget": None}))})
    assert worst_spend(open_one, "usd_micro") is None
    free = one.model_copy(update={"roles": (*one.roles[:3], scribe.model_copy(update={"species": ("own",)}))})
    assert worst_spend(free, "usd_micro") == 3


def test_what_is_not_bounded_is_a_sentence(manifest: Manifest) -> None:
    open_org = org(manifest, "deep")
    assert open_spend(open_org) == ("not bounded by the budget: tokens and dollars of researcher",)
    assert unbounded_roles(open_org) == ("researcher",)
    plan = made(open_org)
    assert plan.unbounded[0] in render(plan)
    assert any("add `usd: 20` to `budget:`" in line for line in plan.warnings)
    in_dollars = org(manifest, "deep", budget=Budget(trials=1, usd_micro=5))
    assert open_spend(in_dollars) == ("not bounded by the budget: tokens of researcher",)
    assert unbounded_roles(in_dollars) == ()
    assert open_spend(org(manifest, "own")) == ("not bounded by the budget: tokens of researcher",)
    assert unbounded_roles(org(manifest, "own")) == ()
    assert open_spend(org(manifest, "search/tpe")) == ()


def test_a_price_that_is_not_known_is_said(manifest: Manifest) -> None:
    odd = org(manifest, "odd", budget=Budget(trials=1, usd_micro=5))
    assert [(role, model.name) for role, model in unpriced_models(odd)] == [("researcher", "odd")]
    plan = made(odd)
    assert plan.roles[0].calls[0].usd_micro is None
    assert "price not known" in render(plan)
    assert any("the price of claude-opus-9 is not known" in line for line in plan.warnings)
    assert unpriced_models(org(manifest, "odd")) == ()
    assert unpriced_models(org(manifest, "odd", own=Budget(usd_micro=3))) != ()
    priced = odd.model_copy(update={"models": (ODD.model_copy(update={"price": Price(input=1, output=2)}),)})
    assert unpriced_models(priced) == ()


def test_the_text_says_panel_budget_and_tools_of_servers(manifest: Manifest) -> None:
    role: Role = manifest.roles[0].model_copy(
        update={
            "species": ("deep", "search/tpe"), "choice": Choice.SHARES, "shares": (0.25, 0.75),
            "budget": Budget(usd_micro=5_000_000, tokens=2_000_000),
            "tools": ("Read", "mcp__wiki__find", "mcp__papers"),
        }
    )  # fmt: skip
    servers = (
        ToolServer(name="wiki", url="https://wiki.example.org", key_env="WIKI_TOKEN"),
        ToolServer(name="papers", command=("python", "papers.py")),
        ToolServer(name="idle", url="https://idle.example.org"),
    )
    found = org(manifest, "deep").model_copy(update={"roles": (role, *manifest.roles[1:]), "servers": servers})
    plan = made(found)
    text = render(plan)
    assert "deep 25 %, search/tpe 75 %" in text
    assert "role's budget 2,000,000 tokens, $5.00" in text
    assert plan.keys == ("ANTHROPIC_API_KEY", "WIKI_TOKEN")
    first, *others = plan.authority
    assert first.network == "https://wiki.example.org by the driver"
    assert first.servers == (
        "wiki: https://wiki.example.org with the token in WIKI_TOKEN",
        "papers: `python papers.py` in the sandbox",
    )
    assert first.models == ("deep", "small", "search/tpe")
    assert {line.network for line in others} == {"off"}
