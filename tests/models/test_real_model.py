"""SmolLM2 (135 million parameters) on llama.cpp's server, through the same client as Claude.

What holds is asserted; what a model of this size makes of it is a figure.
"""

from __future__ import annotations

import asyncio
import json
import random
import time
import urllib.request
from pathlib import Path
from typing import Any

import pytest
from conftest import FIGURES

from orgruntime.backends.anthropic_model import AnthropicModels
from orgruntime.ledger.audit import audit
from orgruntime.ledger.store import Ledger
from orgruntime.model.amounts import Budget
from orgruntime.model.dialogue import Message, ModelCall, ToolSpec
from orgruntime.model.ids import RoleSlug, RunId
from orgruntime.model.manifest import ModelSpec, Role, RoleKind
from orgruntime.runtime.gateway import Gateway
from orgruntime.runtime.ports import ModelCancelled, ModelError, ModelFault
from orgruntime.testing.fake_clock import FakeClock
from orgruntime.testing.lab import small_org
from orgruntime.testing.messages_script import Asked, Says, text, uses, words_of
from orgruntime.testing.messages_server import MessagesServer

pytestmark = [pytest.mark.models, pytest.mark.timeout(600)]

PROPOSE = ToolSpec(
    name="propose",
    description="Hand on the next experiment.",
    input_schema={
        "type": "object",
        "properties": {"LR": {"enum": [0.001, 0.01, 0.1]}, "hypothesis": {"type": "string", "maxLength": 60}},
        "required": ["LR", "hypothesis"],
        "additionalProperties": False,
    },
)
STOP = ToolSpec(name="stop", description="End here.", input_schema={"type": "object", "additionalProperties": False})


def call(words: str = "Name one colour.", **changed: Any) -> ModelCall:
    fields: dict[str, Any] = {
        "system": ("You are a researcher. Answer briefly.",), "tools": (), "max_tokens": 32,
        "messages": (Message(role="user", content=({"type": "text", "text": words},)),),
    }  # fmt: skip
    return ModelCall(**{**fields, **changed})


async def test_a_message_is_streamed_and_counted(models: AnthropicModels, model: ModelSpec) -> None:
    asked = call()
    first = await models.complete(model, asked)
    again = await models.complete(model, asked)
    assert first.text.strip()
    assert first.stop in ("end_turn", "max_tokens")
    assert 0 < first.usage.output <= asked.max_tokens
    assert first.usage.tokens <= models.worst_case(model, asked).tokens
    assert again.usage.input + again.usage.cache_read == first.usage.input + first.usage.cache_read
    FIGURES.append(("message, streaming, usage", f"yes; {first.usage.input} tokens in, {first.usage.output} out"))
    FIGURES.append(("prompt cache, second time", f"{again.usage.cache_read} of {first.usage.input} tokens read"))


async def test_its_speed_is_a_figure(models: AnthropicModels, model: ModelSpec) -> None:
    long = call("The loss fell again. " * 200, max_tokens=1)
    began = time.monotonic()
    read = await models.complete(model, long)
    reading = time.monotonic() - began
    began = time.monotonic()
    told = await models.complete(model, call("Tell a long story about a river.", max_tokens=64))
    telling = time.monotonic() - began
    prompt = read.usage.input + read.usage.cache_write
    FIGURES.append(("reads, tokens a second (1 thread)", f"{prompt / reading:.0f}"))
    FIGURES.append(("writes, tokens a second (1 thread)", f"{told.usage.output / telling:.0f}"))
    assert prompt > 800


@pytest.mark.parametrize(
    ("part", "changed"),
    [
        ("tools", {"tools": (PROPOSE,)}), ("forced tool", {"tools": (PROPOSE,), "must_use_tool": True}),
        ("effort", {"effort": "low"}), ("breakpoints of the cache", {}),
    ],
)  # fmt: skip
async def test_no_part_of_a_request_is_refused(
    models: AnthropicModels, model: ModelSpec, part: str, changed: dict[str, Any]
) -> None:
    """Taken and without effect is what this server does with what it cannot do; that, too, is found out."""
    effort = changed.pop("effort", None)
    plain = await models.complete(model, call(max_tokens=1))
    reply = await models.complete(model.model_copy(update={"effort": effort}), call(**changed))
    lacks = {name: words for name, words in reply.lacks.items() if "refused" in words}
    assert lacks == {}
    seen = reply.usage.input + reply.usage.cache_read > plain.usage.input + plain.usage.cache_read
    effect = "a tool was used" if reply.uses else "the model is told of them" if seen else "taken, without effect"
    FIGURES.append((part, effect))


async def test_results_of_tools_are_taken(models: AnthropicModels, model: ModelSpec) -> None:
    use = {"type": "tool_use", "id": "t1", "name": "propose", "input": {"LR": 0.1, "hypothesis": "faster"}}
    result = {"type": "tool_result", "tool_use_id": "t1", "content": "loss 2.40", "is_error": False}
    thought = {"type": "thinking", "thinking": "Hm.", "signature": "c2ln"}
    messages = (
        *call().messages, Message(role="assistant", content=(thought, use)), Message(role="user", content=(result,)),
    )  # fmt: skip
    reply = await models.complete(model, call(tools=(PROPOSE,), messages=messages))
    assert reply.usage.output > 0
    FIGURES.append(("tool results, thinking of earlier turns", "taken"))


async def test_a_prompt_beyond_its_context_is_told_as_such(models: AnthropicModels, model: ModelSpec) -> None:
    with pytest.raises(ModelError) as told:
        await models.complete(model, call("word " * 9000))
    assert told.value.fault is ModelFault.TOO_LONG


async def test_a_call_can_be_cancelled(models: AnthropicModels, model: ModelSpec) -> None:
    task = asyncio.create_task(models.complete(model, call("Count from one to a thousand.", max_tokens=2000)))
    await asyncio.sleep(2)
    task.cancel()
    with pytest.raises(asyncio.CancelledError) as told:
        await task
    assert isinstance(told.value, ModelCancelled)
    began = time.monotonic()
    await models.complete(model, call(max_tokens=1))
    FIGURES.append(("next call after one that was cancelled", f"{time.monotonic() - began:.1f} s"))


async def test_the_gateway_keeps_its_books(models: AnthropicModels, model: ModelSpec, tmp_path: Path) -> None:
    path, budget = tmp_path / "ledger.db", Budget(trials=1, tokens=100_000)
    role = Role(slug=RoleSlug("researcher"), name="Researcher", kind=RoleKind.AGENT, species=("smollm2",))
    with Ledger.create(path, run=RunId("r1"), manifest_hash="m", org="o", budget=budget, seed=1) as ledger:
        ledger.take_over()

        async def write(change: Any) -> Any:
            with ledger.transaction() as tx:
                return change(tx)

        door = Gateway(small_org(models=(model,)), models, FakeClock(), write, lambda *parts: random.Random(0))
        reply = await door.ask("q1.0.0", role, "smollm2", call(max_tokens=8192))
        assert ledger.amounts().spent.tokens == reply.usage.tokens == reply.spent.tokens
        row = ledger.models()[0]
        assert (row.model, row.calls, row.usage) == ("smollm2", 1, reply.usage)
    assert audit(path) == []


def by_grammar(url: str, asked: Asked) -> Says:
    """llama.cpp's other route can be held to a JSON Schema: one of the tools, with input that fits it."""
    choices = [
        {"type": "object", "properties": {"tool": {"const": tool["name"]}, "input": tool["input_schema"]},
         "required": ["tool", "input"], "additionalProperties": False}
        for tool in asked.body.get("tools", ())
    ]  # fmt: skip
    system = "\n\n".join(block["text"] for block in asked.body.get("system", ()))
    messages = [{"role": "system", "content": system}] + [
        {"role": message["role"], "content": words_of(message["content"])} for message in asked.body["messages"]
    ]
    sent: dict[str, Any] = {"messages": messages, "max_tokens": asked.body["max_tokens"], "temperature": 0.3}
    if choices:
        sent["response_format"] = {"type": "json_schema", "json_schema": {"schema": {"anyOf": choices}}}
    request = urllib.request.Request(
        f"{url}/v1/chat/completions", json.dumps(sent).encode(), {"content-type": "application/json"}
    )
    with urllib.request.urlopen(request, timeout=300) as response:
        words = json.load(response)["choices"][0]["message"]["content"]
    if not choices:
        return text(words)
    said = json.loads(words)
    return uses(said["tool"], said["input"])


async def test_a_grammar_makes_its_tool_calls_valid(models: AnthropicModels, address: str) -> None:
    """The same model behind a scripted server that holds it to the schemas of its tools."""
    with MessagesServer(lambda asked: by_grammar(address, asked)) as server:
        held = ModelSpec(name="held", species="smollm2", base_url=server.url)
        fitting = 0
        for n in range(5):
            words = f"Best so far: LR=0.001, loss 2.{40 - n}. Choose the next experiment."
            reply = await models.complete(held, call(words, tools=(PROPOSE,), must_use_tool=True, max_tokens=300))
            use = reply.uses[0]
            fitting += use.name == "propose" and use.input.get("LR") in (0.001, 0.01, 0.1)
        FIGURES.append(("valid tool calls under a grammar", f"{fitting} of 5"))
        assert fitting == 5
