"""Language models whose answers are a function in the test.

Works on model calls. Counts tokens as words and costs a millionth of a dollar each, so that sums can be told by hand.
Invariant: every call is kept, in the order in which it came.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from typing import Any

from orgruntime.model.amounts import Amounts
from orgruntime.model.dialogue import ModelCall, ModelReply, Usage
from orgruntime.model.manifest import ModelSpec

Says = Callable[[ModelSpec, ModelCall], ModelReply | Awaitable[ModelReply]]
"""The answer to a call. May raise ModelError."""


class ScriptedModels:
    """Implements `ports.Models`."""

    def __init__(self, says: Says) -> None:
        self._says = says
        self.asked: list[tuple[ModelSpec, ModelCall]] = []

    def worst_case(self, model: ModelSpec, call: ModelCall) -> Amounts:
        return self.cost(model, Usage(input=words_in(call), output=call.max_tokens))

    def cost(self, model: ModelSpec, usage: Usage) -> Amounts:
        return Amounts(tokens=usage.tokens, usd_micro=usage.tokens)

    async def complete(self, model: ModelSpec, call: ModelCall) -> ModelReply:
        self.asked.append((model, call))
        answer = self._says(model, call)
        reply = await answer if isinstance(answer, Awaitable) else answer
        used = Usage(input=words_in(call), output=max(1, len(json.dumps(reply.content).split())))
        return reply.model_copy(update={"usage": used, "species": model.species})

    async def close(self) -> None:
        """Nothing is held."""


def words_in(call: ModelCall) -> int:
    """What the fake counts as input."""
    return len(call.model_dump_json().split())


def says_text(text: str) -> ModelReply:
    return ModelReply(content=({"type": "text", "text": text},), stop="end_turn")


def uses_tool(name: str, id: str = "t1", **fields: Any) -> ModelReply:
    return ModelReply(content=({"type": "tool_use", "id": id, "name": name, "input": fields},), stop="tool_use")
