"""What is known of a species by its name and entry, and that what is said of its cost is a bound."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orgruntime.model.call_limits import UNKNOWN_CONTEXT, UNKNOWN_OUTPUT, limits_for, worst_call
from orgruntime.model.claude import KNOWN, LONG_PROMPT
from orgruntime.model.manifest import Choice, ModelSpec, Price
from orgruntime.model.species import by_name, chain, costs_money, is_language_model, panel_text, price_for, reference_to

OWN = ModelSpec(name="own", species="qwen3", base_url="http://localhost:1")


def claude(name: str = "claude-opus-5-5", **more: object) -> ModelSpec:
    return ModelSpec.model_validate({"name": name, "species": name, **more})


def test_a_misspelt_key_free_name_is_no_language_model() -> None:
    assert not any(map(is_language_model, ("search/tpe", "search/tpp", "digest/x", "control/")))
    assert all(map(is_language_model, ("claude-opus-5-5", "searcher", "meta/llama")))


def test_a_role_calls_an_entry_by_its_name_exactly_where_the_entry_adds_something() -> None:
    assert reference_to(ModelSpec(name="tuner", species="search/tpe")) == "search/tpe"
    for field, value in {"effort": "low", "fallback": "x", "context": 9, "price": Price(input=0, output=0)}.items():
        assert reference_to(claude(name="deep", **{field: value})) == "deep", field


def test_prices_are_the_entrys_then_nothing_on_ones_own_server_then_the_shipped_ones() -> None:
    own = Price(input=1, output=2)
    assert price_for(claude(price=own)) == own
    assert price_for(OWN) == price_for(claude(base_url="http://x")) == Price(input=0, output=0)
    assert price_for(claude("claude-opus-9")) is None
    assert costs_money(claude("claude-opus-9"))
    assert costs_money(claude())
    assert not costs_money(OWN)
    assert not costs_money(claude(price=Price(input=0, output=0)))


def test_limits_are_the_entrys_else_the_usual_as_far_as_the_model_holds_them() -> None:
    def both(model: ModelSpec) -> tuple[int, int]:
        limits = limits_for(model)
        return limits.context_tokens, limits.output_tokens

    assert both(claude()) == (160_000, 8_192)
    assert both(claude(context=900_000, max_output=64_000)) == (900_000, 64_000)
    assert both(OWN) == (UNKNOWN_CONTEXT, UNKNOWN_OUTPUT)
    assert both(OWN.model_copy(update={"context": 2_000})) == (2_000, 1_000)


@settings(deadline=None)
@given(st.sampled_from(KNOWN), st.integers(0, 160_000 - 8_192), st.integers(0, 8_192), st.floats(0, 1), st.floats(0, 1))
def test_no_call_within_the_limits_costs_more_than_the_worst(
    name: str, prompt: int, output: int, cached: float, written: float
) -> None:
    """Whatever a cache makes of the prompt, and on whichever side of a price by prompt it lies."""
    model = claude(name)
    worst, price = worst_call(model), price_for(model, prompt)
    assert worst is not None
    assert price is not None
    read, write = int(prompt * cached / 2), int(prompt * written / 2)
    fresh = prompt - read - write
    dollars = fresh * price.input + output * price.output
    dollars += read * (price.cache_read or 0) + write * (price.cache_write or 0)
    assert dollars <= worst.usd_micro
    assert prompt + output <= worst.tokens


def test_the_worst_call_is_no_fantasy() -> None:
    worst = worst_call(claude())
    assert worst is not None
    assert worst.usd_micro == (160_000 - 8_192) * 5 + 8_192 * 20
    free = worst_call(OWN)
    assert free is not None
    assert (free.usd_micro, free.tokens) == (0, UNKNOWN_CONTEXT)
    assert worst_call(claude("claude-opus-9")) is None
    long = price_for(claude("claude-haiku-5-5"), LONG_PROMPT + 1)
    assert price_for(claude("claude-haiku-5-5")) == long


def test_a_chain_of_fallbacks_ends() -> None:
    models = by_name((claude("a", fallback="b"), claude("b", fallback="a"), claude("c", fallback="claude-haiku-5-5")))
    assert [one.name for one in chain(models, "a")] == ["a", "b"]
    assert [one.species for one in chain(models, "c")] == ["c", "claude-haiku-5-5"]
    assert [one.name for one in chain(models, "search/tpe")] == ["search/tpe"]
    assert [one.name for one in chain(models, "a", "c")] == ["a", "b", "c", "claude-haiku-5-5"]
    assert [one.name for one in chain(models, "a", "b")] == ["a", "b"]


@pytest.mark.parametrize(
    ("choice", "shares", "text"),
    [
        (Choice.TURNS, (), "deep, search/tpe"),
        (Choice.SHARES, (0.2, 0.8), "deep 20 %, search/tpe 80 %"),
        (Choice.RESULTS, (), "deep, search/tpe, choose by results"),
    ],
)
def test_a_panel_is_said_as_it_is_written(choice: Choice, shares: tuple[float, ...], text: str) -> None:
    assert panel_text(("deep", "search/tpe"), choice, shares) == text
    assert panel_text(("deep", "search/tpe"), choice, shares, "own") == f"{text}, fallback own"
