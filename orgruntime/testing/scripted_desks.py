"""Desks whose replies are a function in the test: what an agent would answer, without an agent.

Works on step requests. Does not check replies: that is the runtime's border. Invariant: every request is kept, in the
order in which it was asked.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable

from orgruntime.model.step import StepReply, StepRequest
from orgruntime.runtime.ports import Serve

Play = Callable[[StepRequest], StepReply | Awaitable[StepReply]]
"""The answer to a request. May raise StepError; an awaitable holds its desk until it is done."""


class ScriptedDesks:
    """Implements `ports.Desks`."""

    def __init__(self, play: Play) -> None:
        self._play = play
        self.asked: list[StepRequest] = []

    async def step(self, request: StepRequest, serve: Serve | None = None) -> StepReply:
        self.asked.append(request)
        answer = self._play(request)
        return await answer if isinstance(answer, Awaitable) else answer

    async def close(self) -> None:
        """Nothing is held."""


def setting(request: StepRequest, name: str, value: float | int, hypothesis: str = "") -> StepReply:
    """A proposal that sets the constant `NAME = …` of the editable files. Raises KeyError when none has it."""
    line = re.compile(rf"^{re.escape(name)} = .*$", re.MULTILINE)
    for path, text in request.files.items():
        if line.search(text):
            return StepReply(
                type="proposal",
                body={"hypothesis": hypothesis or f"{name} = {value}"},
                files={path: line.sub(f"{name} = {value}", text)},
                settings={name: value},
            )
    raise KeyError(name)


def declining(reason: str) -> StepReply:
    return StepReply(type="", declined=reason)
