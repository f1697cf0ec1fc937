"""What role files of the wild call models, what that means today, and what grants it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orgruntime.compiler.model_names import CURRENT, Doubt, current, doubt, family, grant_for_model, near_model, vendor
from orgruntime.model.manifest import ModelSpec

OPUS, SONNET, HAIKU, FABLE = (CURRENT[name] for name in ("opus", "sonnet", "haiku", "fable"))


@pytest.mark.parametrize(
    ("name", "today"),
    [
        ("sonnet", SONNET), ("Sonnet", SONNET), ("opus", OPUS), ("haiku", HAIKU), ("fable", FABLE),
        ("opusplan", OPUS), ("sonnet[1m]", SONNET), ("claude-sonnet-4-20250514", SONNET), ("claude-sonnet-4-5", SONNET),
        ("claude-3-5-haiku-latest", HAIKU), ("Claude Sonnet 4.5 (copilot)", SONNET), ("claude-opus-4-1", OPUS),
        ("anthropic/claude-sonnet-4-5", SONNET), ("anthropic:claude-sonnet-4-5", SONNET), ("claude-fable-5", FABLE),
        ("us.anthropic.claude-opus-4-20250514-v1:0", OPUS), ("claude-opus-5-5", OPUS),
        ("claude", None), ("claude-instant", None), ("gpt-5", None), ("sonnet or opus", None), ("my-sonnet", None),
        ("search/tpe", None), ("", None), ("inherit", None),
    ],
)  # fmt: skip
def test_a_name_means_the_current_model_of_its_family(name: str, today: str | None) -> None:
    assert current(name) == today
    assert (family(name) is None) == (today is None)


@pytest.mark.parametrize(
    ("name", "who"),
    [
        ("gpt-5", "OpenAI"), ("GPT-4.1", "OpenAI"), ("GPT-5 (copilot)", "OpenAI"), ("o3", "OpenAI"),
        ("o4-mini", "OpenAI"), ("openai/gpt-5", "OpenAI"), ("gemini-3-pro", "Google"),
        ("google/gemini-2.5-pro", "Google"), ("deepseek-chat", "DeepSeek"), ("qwen3-coder", "Alibaba"),
        ("kimi-k2", "Moonshot"), ("grok-4", "xAI"),
        ("llama3:8b", "Meta"), ("claude-opus-5-5", None), ("o1x", None), ("mine", None),
    ],
)  # fmt: skip
def test_models_of_others_are_told(name: str, who: str | None) -> None:
    assert vendor(name) == who


@pytest.mark.parametrize(
    ("wish", "grant"),
    [
        ("sonnet", "quick"), ("claude-sonnet-5-5", "quick"), ("claude-sonnet-4-20250514", "quick"),
        ("quick", "quick"), ("Quick", "quick"), ("opus", "default"), ("claude-opus-4-6", "default"), ("q3", "local"),
        ("haiku", "old"), ("gpt-5", None), ("fable", None), ("", None),
    ],
)  # fmt: skip
def test_a_wish_is_granted_by_name_by_meaning_or_by_family(wish: str, grant: str | None) -> None:
    models = (
        ModelSpec(name="default", species="claude-opus-5-5"), ModelSpec(name="quick", species="claude-sonnet-5-5"),
        ModelSpec(name="local", species="q3", base_url="http://localhost:1"),
        ModelSpec(name="old", species="claude-haiku-4-5"),
    )  # fmt: skip
    found = grant_for_model(wish, models)
    assert (found.name if found else None) == grant


@given(st.text(max_size=30))
def test_any_name_is_answered(name: str) -> None:
    assert current(name) in (None, *CURRENT.values())
    assert current(name) is None or current(str(current(name))) == current(name)
    assert grant_for_model(name, ()) is None
    vendor(name)


@pytest.mark.parametrize(
    ("name", "wrong"),
    [
        ("claude-opus-5-5", None), ("claude-fable-5-1", None), ("claude-opus-6", None), ("claude-nova-1", None),
        ("claude-opus-4-1", (Doubt.OLD, OPUS)), ("claude-opus-5", (Doubt.OLD, OPUS)),
        ("claude-sonnet-5-5-20260901", (Doubt.OLD, SONNET)), ("claude-3-5-haiku-latest", (Doubt.OLD, HAIKU)),
        ("opus", (Doubt.ALIAS, OPUS)), ("Claude Sonnet 4.5", (Doubt.ALIAS, SONNET)),
        ("claude-opus", (Doubt.ALIAS, OPUS)),
        ("gpt-5", (Doubt.FOREIGN, "OpenAI")), ("claude-opus-55", (Doubt.SLIP, OPUS)), ("opsu", (Doubt.SLIP, OPUS)),
        ("claude-sonet-5-5", (Doubt.SLIP, SONNET)), ("xyz", (Doubt.UNKNOWN, "")),
    ],
)  # fmt: skip
def test_what_is_doubtful_about_a_granted_name(name: str, wrong: tuple[Doubt, str] | None) -> None:
    assert doubt(name) == wrong


def test_near_names() -> None:
    assert near_model("deeep", ["deep"]) == "deep"
    assert near_model("deep", ["deep"]) is None
    assert near_model("mine") is None
