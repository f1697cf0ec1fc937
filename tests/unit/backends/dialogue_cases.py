"""A driver for steps of language models in tests: replies from a script, grants by name, everything asked is kept."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from orgruntime.backends.desk_tools import Ran
from orgruntime.model.dialogue import ModelCall, ModelReply, ToolResult, ToolSpec, ToolUse, Usage
from orgruntime.model.ids import TreeId
from orgruntime.model.step import Answer, Ask, AskKind, Bench, StepLimits, StepRequest
from orgruntime.runtime.toolspecs import LOCAL_TOOLS
from orgruntime.testing.conformance.desks import request
from orgruntime.testing.scripted_models import says_text, uses_tool

HAND_OFF = ToolSpec(name="hand_off_proposal", description="ends the step", input_schema={"type": "object"})
DECLINE = ToolSpec(name="decline", description="ends the step", input_schema={"type": "object"})
TOOLS = (*LOCAL_TOOLS.values(), HAND_OFF, DECLINE)

Reply = ModelReply | Callable[[ModelCall], ModelReply]


def bench(tree: TreeId | str = "a" * 40, editable: tuple[str, ...] = ("train.py",), **limits: Any) -> Bench:
    return Bench(
        model="m", tree=TreeId(tree), editable=editable, system=("you are", "an agent"), brief="improve it",
        tools=TOOLS, handoffs=("hand_off_proposal", "decline"), limits=StepLimits(**limits),
    )  # fmt: skip


def step(given: Bench | None = None, **limits: Any) -> StepRequest:
    return request("some/model", bench=given or bench(**limits))


def use(name: str, id: str = "t1", **fields: Any) -> ModelReply:
    return uses_tool(name, id, **fields)


def uses(*wanted: tuple[str, dict[str, Any]], stop: str = "tool_use") -> ModelReply:
    blocks = [
        {"type": "tool_use", "id": f"t{at}", "name": name, "input": given} for at, (name, given) in enumerate(wanted)
    ]
    return ModelReply(content=tuple(blocks), stop=stop)


def hand_off(**body: Any) -> ModelReply:
    return use("hand_off_proposal", **(body or {"hypothesis": "h"}))


def counted(reply: ModelReply, tokens: int) -> ModelReply:
    return reply.model_copy(update={"usage": Usage(input=tokens)})


class Driver:
    """`replies` in order; the last one again and again. Local tools may run, handoffs are accepted unless `refuses`
    gives a sentence."""

    def __init__(self, *replies: Reply, refuses: Callable[[Ask], str] = lambda ask: "") -> None:
        self._replies = replies
        self._refuses = refuses
        self.asks: list[Ask] = []
        self.answers: list[Answer] = []

    def __call__(self, ask: Ask) -> Answer:
        self.asks.append(ask)
        self.answers.append(self._answer(ask))
        return self.answers[-1]

    @property
    def calls(self) -> list[ModelCall]:
        return [ask.call for ask in self.asks if ask.call is not None]

    @property
    def kinds(self) -> list[str]:
        return [f"{ask.kind.value} {ask.use.name}" if ask.use else ask.kind.value for ask in self.asks]

    def _answer(self, ask: Ask) -> Answer:
        if ask.call is not None:
            reply = self._replies[min(len(self.calls), len(self._replies)) - 1]
            return Answer(reply=reply if isinstance(reply, ModelReply) else reply(ask.call))
        if ask.kind is AskKind.DID:
            return Answer()
        assert ask.use is not None
        if sentence := self._refuses(ask):
            return Answer(result=ToolResult(id=ask.use.id, text=sentence, is_error=True))
        if ask.use.name in LOCAL_TOOLS:
            return Answer(run=True)
        if ask.use.name in ("hand_off_proposal", "decline"):
            return Answer(handed=True)
        return Answer(result=ToolResult(id=ask.use.id, text=f"{ask.use.name} is not granted", is_error=True))


class FakeHands:
    """Tools whose results are a function in the test."""

    def __init__(self, run: Callable[[ToolUse], Ran | str] = lambda use: "done") -> None:
        self._run = run
        self.used: list[ToolUse] = []
        self.texts: dict[str, str] = {}

    def use(self, use: ToolUse) -> Ran:
        self.used.append(use)
        said = self._run(use)
        ran = said if isinstance(said, Ran) else Ran(ToolResult(id=use.id, text=said))
        self.apply(ran.changes)
        return ran

    def apply(self, changes: dict[str, str | None]) -> None:
        for path, text in changes.items():
            self.texts.pop(path, None)
            if text is not None:
                self.texts[path] = text

    def files(self) -> dict[str, str]:
        return dict(self.texts)


def fits_the_api(call: ModelCall) -> None:
    """What the Messages API refuses to take: roles out of turn, empty content, uses without their results."""
    wanted: Sequence[str] = ()
    for at, message in enumerate(call.messages):
        assert message.role == ("user", "assistant")[at % 2]
        assert message.content
        results = [block["tool_use_id"] for block in message.content if block["type"] == "tool_result"]
        assert sorted(results) == sorted(wanted)
        assert [block["type"] for block in message.content[: len(results)]] == ["tool_result"] * len(results)
        wanted = [block["id"] for block in message.content if block["type"] == "tool_use"]
        assert len(set(wanted)) == len(wanted)
        assert all(block["text"].strip() for block in message.content if block["type"] == "text")
    assert call.messages[-1].role == "user"


__all__ = ["says_text"]
