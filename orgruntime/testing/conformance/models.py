"""What every `ports.Models` must do. Inherit `ModelsConformance` and say how one is made.

Works through the port alone, with a model that answers as the test wants it. Does not know what stands behind it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from orgruntime.model.amounts import UNITS, Amounts
from orgruntime.model.dialogue import Block, Message, ModelCall, ToolSpec, Usage
from orgruntime.model.manifest import ModelSpec
from orgruntime.runtime.ports import ModelError, ModelFault, Models

TOOL = ToolSpec(name="propose", description="Hand a proposal on.", input_schema={"type": "object"})
MIXED: tuple[Block, ...] = (
    {"type": "text", "text": "Wider, then. \u2028 ünï 😀\n"},
    {"type": "tool_use", "id": "t1", "name": "propose", "input": {"deep": [{"x": None, "y": 1.5}], "ü": "\n'\""}},
)

Answers = Callable[[ModelCall], tuple[Block, ...]]


@dataclass
class Served:
    """A port under test, a model that it reaches, and how to choose what that model does next."""

    models: Models
    model: ModelSpec
    answer: Callable[[tuple[Block, ...]], None]
    """The next answers have this content."""
    fail: Callable[[ModelFault], None]
    """The next answers fail so."""
    hold: Callable[[], None]
    """The next answers never come."""


def call(*words: str, **changed: Any) -> ModelCall:
    """A conversation that begins with `words`, the second of them the model's, and so on in turn."""
    messages = tuple(
        Message(role="assistant" if n % 2 else "user", content=({"type": "text", "text": text},))
        for n, text in enumerate(words or ("Go.",))
    )
    fields: dict[str, Any] = {
        "system": ("You are a researcher.", "The metric is loss."), "tools": (TOOL,), "messages": messages,
        "max_tokens": 500,
    }  # fmt: skip
    return ModelCall(**{**fields, **changed})


class ModelsConformance:
    """Subclasses override the fixture `served`; it closes what it made."""

    @pytest.fixture
    def served(self) -> Served:
        raise NotImplementedError

    async def test_an_answer_comes_back_as_it_was_given(self, served: Served) -> None:
        served.answer(MIXED)
        reply = await served.models.complete(served.model, call())
        assert reply.content == MIXED
        assert reply.stop == "tool_use"
        assert [(use.id, use.name, use.input) for use in reply.uses] == [("t1", "propose", MIXED[1]["input"])]
        assert reply.text == MIXED[0]["text"]
        assert reply.spent == Amounts()

    async def test_an_answer_in_words_ends_the_turn(self, served: Served) -> None:
        served.answer(({"type": "text", "text": "done"},))
        reply = await served.models.complete(served.model, call())
        assert (reply.stop, reply.text, reply.uses) == ("end_turn", "done", ())

    async def test_a_conversation_goes_on(self, served: Served) -> None:
        served.answer(MIXED)
        first = await served.models.complete(served.model, call())
        results = Message(role="user", content=({"type": "tool_result", "tool_use_id": "t1", "content": "kept"},))
        messages = (*call().messages, Message(role="assistant", content=first.content), results)
        served.answer(({"type": "text", "text": "good"},))
        second = await served.models.complete(served.model, call(messages=messages))
        assert second.text == "good"
        assert total(second.usage) > total(first.usage)

    @pytest.mark.parametrize("words", ["Go.", "ü" * 3000, "\n\t\"'\\" * 500, "😀 \u2028" * 300])
    @pytest.mark.parametrize("turns", [1, 5])
    async def test_the_worst_case_is_never_passed(self, served: Served, words: str, turns: int) -> None:
        served.answer(MIXED)
        asked = call(*[words] * turns)
        reply = await served.models.complete(served.model, asked)
        cap, used = served.models.worst_case(served.model, asked), served.models.cost(served.model, reply.usage)
        assert reply.usage.output > 0
        assert all(getattr(used, unit) <= getattr(cap, unit) for unit in UNITS)

    async def test_what_is_used_costs(self, served: Served) -> None:
        for usage in (Usage(input=7), Usage(output=7), Usage(cache_read=7), Usage(cache_write=7)):
            assert served.models.cost(served.model, usage).tokens == 7
        assert served.models.cost(served.model, Usage()) == Amounts()
        assert served.models.cost(served.model, Usage(input=1000, output=1000)).usd_micro > 0

    async def test_input_that_is_no_object_is_data(self, served: Served) -> None:
        served.answer(({"type": "tool_use", "id": "t1", "name": "propose", "input": '{"hypothesis": "wid'},))
        reply = await served.models.complete(served.model, call())
        assert reply.uses[0].input == {"malformed": '{"hypothesis": "wid'}
        messages = (*call().messages, Message(role="assistant", content=reply.content), *call("Again.").messages)
        served.answer(MIXED)
        assert (await served.models.complete(served.model, call(messages=messages))).content == MIXED

    @pytest.mark.parametrize(
        "fault",
        [ModelFault.RATE_LIMITED, ModelFault.OVERLOADED, ModelFault.SERVER, ModelFault.INVALID, ModelFault.TOO_LONG,
         ModelFault.AUTHORITY],
    )  # fmt: skip
    async def test_a_refusal_is_told_by_its_kind(self, served: Served, fault: ModelFault) -> None:
        served.fail(fault)
        with pytest.raises(ModelError) as told:
            await served.models.complete(served.model, call())
        assert told.value.fault is fault
        assert str(told.value).isprintable()
        assert told.value.usage is None

    async def test_many_calls_at_once_are_answered(self, served: Served) -> None:
        served.answer(MIXED)
        replies = await asyncio.gather(*(served.models.complete(served.model, call(f"{n}")) for n in range(20)))
        assert [reply.content for reply in replies] == [MIXED] * 20

    async def test_a_cancelled_call_ends_at_once(self, served: Served) -> None:
        served.hold()
        task = asyncio.create_task(served.models.complete(served.model, call()))
        await asyncio.sleep(0.05)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asyncio.wait_for(task, 10)
        assert task.cancelled()

    async def test_closing_twice_is_closing(self, served: Served) -> None:
        await served.models.close()
        await served.models.close()


def total(usage: Usage) -> int:
    """Tokens of the prompt, wherever they came from."""
    return usage.input + usage.cache_read + usage.cache_write
