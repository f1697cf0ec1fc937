"""What a species is asked for: capabilities, breakpoints, prices and bounds. No server is needed."""

from __future__ import annotations

import json
from typing import Any

import pytest

from orgruntime.backends.anthropic_model import AnthropicModels
from orgruntime.backends.anthropic_request import Capability, blamed, body_of, capabilities_of, relied_on
from orgruntime.model.dialogue import Message, ModelCall, ToolSpec, Usage
from orgruntime.model.manifest import ModelSpec, Price
from orgruntime.testing.messages_bill import Counter

EVERYTHING = frozenset(Capability)
TOOLS = tuple(ToolSpec(name=name, description="d" * 300, input_schema={"type": "object"}) for name in "abc")


def said(role: Any, *blocks: Any) -> Message:
    return Message(role=role, content=tuple({"type": "text", "text": b} if isinstance(b, str) else b for b in blocks))


def call(**changed: Any) -> ModelCall:
    fields: dict[str, Any] = {
        "system": ("program", "role", "now"), "tools": TOOLS, "messages": (said("user", "go"),), "max_tokens": 100,
    }  # fmt: skip
    return ModelCall(**{**fields, **changed})


def spec(species: str, **fields: Any) -> ModelSpec:
    return ModelSpec(name="m", species=species, **fields)


@pytest.mark.parametrize(
    ("species", "thinks", "effort"),
    [
        ("claude-opus-5-5", True, True), ("claude-haiku-5-5", True, True), ("claude-fable-5-1", True, True),
        ("claude-opus-4-6", True, True), ("claude-sonnet-4-6", True, True), ("claude-opus-4-5-20251101", False, True),
        ("claude-sonnet-4-5", False, False), ("claude-haiku-4-5-20251001", False, False),
        ("claude-opus-4-20250514", False, False), ("anthropic/claude-opus-4.7", True, True), ("qwen3:8b", False, True),
    ],
)  # fmt: skip
def test_what_a_species_can_is_known_by_its_name(species: str, thinks: bool, effort: bool) -> None:
    can = capabilities_of(spec(species))
    assert (Capability.THINKING in can, Capability.EFFORT in can) == (thinks, effort)
    older = ("claude-opus-4-2", "claude-opus-4-5", "claude-opus-4-6", "claude-sonnet-4", "claude-haiku-4-5")
    assert (Capability.BUDGET in can) == species.startswith(older)
    assert {Capability.CACHE, Capability.FORCE, Capability.RECALL} <= can


def test_without_capabilities_a_request_holds_what_every_server_takes() -> None:
    body = body_of(spec("x", effort="high"), call(must_use_tool=True), frozenset())
    assert set(body) == {"model", "max_tokens", "messages", "system", "tools"}
    assert "cache_control" not in json.dumps(body)
    assert relied_on(body) == ()


def test_thinking_and_a_forced_tool_exclude_each_other() -> None:
    forced = call(must_use_tool=True)
    assert body_of(spec("x"), forced, EVERYTHING)["tool_choice"] == {"type": "any"}
    thinking = body_of(spec("x", effort="low"), forced, EVERYTHING)
    assert "tool_choice" not in thinking
    assert (thinking["thinking"], thinking["output_config"]) == ({"type": "adaptive"}, {"effort": "low"})
    only_effort = body_of(spec("x", effort="low"), forced, EVERYTHING - {Capability.THINKING})
    assert only_effort["tool_choice"] == {"type": "any"}
    assert "tool_choice" not in body_of(spec("x"), call(must_use_tool=True, tools=()), EVERYTHING)


@pytest.mark.parametrize(
    ("effort", "tokens", "budget"),
    [("low", 8192, 1024), ("high", 8192, 4096), ("max", 8192, 6553), ("low", 2048, 1024), ("low", 2047, None),
     ("max", 2048, None)],
)  # fmt: skip
def test_a_budget_leaves_room_for_the_answer(effort: str, tokens: int, budget: int | None) -> None:
    can = capabilities_of(spec("claude-sonnet-4-5"))
    body = body_of(spec("claude-sonnet-4-5", effort=effort), call(max_tokens=tokens, must_use_tool=True), can)
    wanted = None if budget is None else {"type": "enabled", "budget_tokens": budget}
    assert body.get("thinking") == wanted
    assert ("tool_choice" in body) == (budget is None)
    assert (Capability.BUDGET in relied_on(body)) == (budget is not None)


def test_no_request_is_marked_more_often_than_the_api_takes() -> None:
    hostile = said("assistant", {"type": "text", "text": "x", "cache_control": {"type": "ephemeral"}})
    messages = (said("user", "a", "b"), hostile, said("user", "c", "d"))
    body = body_of(spec("x"), call(messages=messages, system=tuple("abcdef")), EVERYTHING)
    assert json.dumps(body).count("cache_control") == 4
    assert "cache_control" in body["tools"][-1]
    assert ["cache_control" in block for block in body["system"]] == [False] * 4 + [True] * 2
    assert ["cache_control" in block for block in body["messages"][-1]["content"]] == [False, True]


def test_messages_that_servers_do_not_take_are_mended() -> None:
    use = {"type": "tool_use", "id": "t", "name": "a", "input": "{broken"}
    messages = (said("user", "", "go"), said("assistant", " ", use), said("user"), said("assistant", "\n"))
    sent = body_of(spec("x"), call(messages=messages, system=("", "role")), frozenset())
    contents = [message["content"] for message in sent["messages"]]
    assert contents[0] == [{"type": "text", "text": "go"}]
    assert contents[1] == [{**use, "input": {"malformed": "{broken"}}]
    assert contents[2] == contents[3] == [{"type": "text", "text": "(nothing)"}]
    assert sent["system"] == [{"type": "text", "text": "role"}]


def test_a_species_that_does_not_take_its_thoughts_back_is_spared_them() -> None:
    thought = {"type": "thinking", "thinking": "hm", "signature": "s"}
    messages = (said("user", "go"), said("assistant", thought, "yes"), said("user", "on"))
    assert Capability.RECALL in relied_on(body_of(spec("x"), call(messages=messages), EVERYTHING))
    spared = body_of(spec("x"), call(messages=messages), EVERYTHING - {Capability.RECALL})
    assert "hm" not in json.dumps(spared)


@pytest.mark.parametrize(
    ("words", "culprit"),
    [
        ("tools.0.cache_control: Extra inputs are not permitted", Capability.CACHE),
        ("Thinking may not be enabled when tool_choice forces tool use.", Capability.FORCE),
        ("thinking.type: Input should be 'enabled' or 'disabled'", Capability.THINKING),
        ("`max_tokens` must be greater than `budget_tokens`", Capability.BUDGET),
        ("output_config: Extra inputs are not permitted", Capability.EFFORT),
        ("messages.1.content.0: Invalid `signature` in block", Capability.RECALL),
        ("messages: roles must alternate", None),
    ],
)
def test_a_refusal_is_blamed_on_what_it_names(words: str, culprit: Capability | None) -> None:
    assert blamed(words, tuple(Capability)) is culprit


def test_what_was_not_asked_for_is_not_blamed() -> None:
    assert blamed("thinking is not for me", (Capability.CACHE,)) is None


def test_prices_are_the_entrys_else_the_shipped_ones_else_nothing_at_home() -> None:
    models = AnthropicModels({})
    used = Usage(input=1000, output=100, cache_read=10_000, cache_write=200)
    own = Price(input=1, output=2)
    assert models.cost(spec("claude-opus-5-5"), used).usd_micro == 4 * 1000 + 20 * 100 + 0.2 * 10_000 + 5 * 200
    assert models.cost(spec("x", price=own), used).usd_micro == 1000 + 200 + 10_000 + 200
    assert models.cost(spec("x", base_url="http://127.0.0.1:1"), used).usd_micro == 0
    assert models.cost(spec("claude-next-9"), used).usd_micro >= models.cost(spec("claude-fable-5-1"), used).usd_micro
    assert models.cost(spec("x", price=own), used).tokens == 11_300


def test_a_fraction_of_a_millionth_is_rounded_up() -> None:
    models, cheap = AnthropicModels({}), spec("x", price=Price(input=0.1, output=0.3))
    assert [models.cost(cheap, Usage(input=n)).usd_micro for n in (0, 1, 10, 11)] == [0, 1, 1, 2]
    assert models.cost(cheap, Usage(input=3, output=9)).usd_micro == 3


def test_a_long_prompt_of_haiku_has_its_second_price_in_both() -> None:
    models, haiku = AnthropicModels({}), spec("claude-haiku-5-5")
    assert models.cost(haiku, Usage(input=100_000)).usd_micro == 10_000
    assert models.cost(haiku, Usage(input=50_000, cache_read=50_001)).usd_micro == 27_501
    long = call(messages=(said("user", "x" * 120_000),))
    used = Usage(cache_write=120_000, output=100)
    assert models.worst_case(haiku, long).usd_micro >= models.cost(haiku, used).usd_micro


def test_a_role_of_twenty_steps_reads_most_of_its_prompts_from_the_cache() -> None:
    """As the scripted server counts, with the API's floor of 1024 tokens and its look-back of 20 blocks."""
    counter, model = Counter(4, 1024), spec("claude-opus-5-5")
    messages: list[Message] = [said("user", "brief " * 100)]
    total = Usage()
    for n in range(20):
        asked = call(system=("p" * 8000, "r" * 4000, "n" * 2000), messages=tuple(messages))
        total += counter.charge(body_of(model, asked, EVERYTHING))
        messages.append(said("assistant", "thought", {"type": "tool_use", "id": f"t{n}", "name": "a", "input": {}}))
        messages.append(said("user", {"type": "tool_result", "tool_use_id": f"t{n}", "content": "line\n" * 200}))
    assert total.cache_read / (total.input + total.cache_read + total.cache_write) > 0.8
