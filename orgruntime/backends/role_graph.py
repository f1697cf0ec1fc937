"""A role's step with a language model, as a LangGraph `StateGraph`: think → act → … → hand off.

Works on one request with a bench. Asks the driver for everything that needs a key, an authority or the ledger, through
one callable, and runs tools through another; does not know where either is. Invariants: the same answers give the same
questions, for nothing is asked that depends on a clock, on chance or on the place; a step ends, because each way round
the graph uses up one of its limits; whatever ends it without a handoff is a failure with a sentence, never an invented
handoff.

The files of a `MAY` go along for uses that the driver serves; tools of the desk need none of them.
"""

from __future__ import annotations

import functools
import itertools
import re
from collections.abc import Callable
from typing import Any, Protocol, TypedDict

from langchain_core.runnables import RunnableConfig
from langgraph.graph import END, START, StateGraph
from langgraph.types import Command
from langsmith import tracing_context

from orgruntime.backends import conversation
from orgruntime.backends.desk_paths import Fault
from orgruntime.backends.desk_tools import Ran, capped
from orgruntime.backends.thread_loop import entering, lean, run_unsaved
from orgruntime.backends.worktree import Changes
from orgruntime.model.amounts import Amounts
from orgruntime.model.dialogue import Block, Message, ModelCall, ModelReply, ToolResult, ToolUse
from orgruntime.model.step import Answer, Ask, AskKind, StepReply, StepRequest
from orgruntime.runtime.ports import StepError
from orgruntime.runtime.readings import plain
from orgruntime.runtime.toolspecs import LOCAL_TOOLS

MOST_USES = 64
"""Tool uses of one answer."""
USELESS = 10
"""Uses in a row that name no tool, or give an input that the tool does not take."""
REFUSED = 12
"""Handoffs in a row that were refused. Who refuses them knows why, and ends the step sooner."""
LAST_CALLS = (10, 5, 2, 1)
"""The model is told when so many calls are left."""
_SUPERSTEPS = 1_000_000
"""The limits of the step bound it; this bounds their mistakes."""

AskDriver = Callable[[Ask], Answer]


class Hands(Protocol):
    """The tools of a desk, as `desk_tools.Tools` runs them."""

    def use(self, use: ToolUse) -> Ran: ...

    def apply(self, changes: Changes) -> None: ...

    def files(self) -> dict[str, str]: ...


class Dialogue(TypedDict):
    """The state of the graph."""

    messages: tuple[Message, ...]
    tokens: int
    """Of the conversation so far: as the server counted them, plus a guess for what came since. 0: not yet known."""
    turns: int
    idle: int
    """Answers in a row without a tool that could be used."""
    refused: int
    """Handoffs in a row that were refused."""
    useless: int
    waiting: tuple[ToolUse, ...]
    """Uses of the last answer that are still to be served."""
    cut: str
    """Id of the one that was cut off."""
    results: tuple[Block, ...]
    handed: ToolUse | None
    reply: StepReply | None


def play(request: StepRequest, ask: AskDriver, hands: Hands) -> StepReply:
    """Performs the step. Blocks while `ask` does; what `ask` raises ends it and is raised here. Raises StepError for
    answers that answer nothing."""
    place = {"step": RoleStep(request, ask, hands), "checkpoint_ns": ""}
    config = {"configurable": place, "recursion_limit": _SUPERSTEPS, "metadata": {}}
    with tracing_context(enabled=False):
        ended = run_unsaved(_lean(), entering("think", _start(request)), config)
    reply: StepReply = ended["reply"].get()
    return reply


@functools.cache
def compiled() -> Any:
    """The one graph of all steps: compiling it takes as long as a step does. Whose step it is stands in the config."""
    graph: StateGraph[Any, Any, Any, Any] = StateGraph(Dialogue)
    graph.add_node("think", _think, destinations=("think", "act", END))
    graph.add_node("act", _act, destinations=("act", "think", "hand_off", END))
    graph.add_node("hand_off", _hand_off, destinations=(END,))
    graph.add_edge(START, "think")
    return graph.compile()


@functools.cache
def _lean() -> Any:
    """As it is run."""
    return lean(compiled(), Dialogue, ("think", "act", "hand_off"))


def _think(state: Dialogue, config: RunnableConfig) -> Command[Any]:
    return _step(config).think(state)


def _act(state: Dialogue, config: RunnableConfig) -> Command[Any]:
    return _step(config).act(state)


def _hand_off(state: Dialogue, config: RunnableConfig) -> Command[Any]:
    return _step(config).hand_off(state)


def _step(config: RunnableConfig) -> RoleStep:
    step: RoleStep = config["configurable"]["step"]
    return step


class RoleStep:
    """The nodes."""

    def __init__(self, request: StepRequest, ask: AskDriver, hands: Hands) -> None:
        if request.bench is None:
            raise StepError("a step without a bench is no language model's")
        self._request = request
        self._bench = request.bench
        self._ask = ask
        self._hands = hands
        self._numbers = itertools.count()
        self._names = {spec.name for spec in request.bench.tools}
        self._spent = Amounts()

    def think(self, state: Dialogue) -> Command[Any]:
        """One model call."""
        limits = self._bench.limits
        if state["turns"] >= limits.turns:
            return self._failed(f"it made all of its {limits.turns} model calls and did not hand off")
        messages = self._fitted(state)
        if messages is None:
            return self._failed(f"its conversation does not fit into {limits.context_tokens} tokens any more")
        # The driver has the prompt and the tools, and would not take them from a desk.
        answer = self._put(AskKind.MODEL, call=self._call(messages).model_copy(update={"system": (), "tools": ()}))
        if answer.over:
            return self._failed(answer.over)
        if answer.reply is None:
            raise StepError("the driver answered a model call without a reply")
        self._spent = self._spent + answer.reply.spent
        return self._heard(state, messages, conversation.with_own_ids(answer.reply))

    def act(self, state: Dialogue) -> Command[Any]:
        """One tool use of the last answer."""
        use, *waiting = state["waiting"]
        refusal = self._refusal(state, use)
        if refusal:
            return self._kept(state, ToolResult(id=use.id, text=refusal, is_error=True))
        files = {} if use.name in LOCAL_TOOLS else self._hands.files()
        answer = self._put(AskKind.MAY, use=use, files=files)
        if answer.over:
            return self._failed(answer.over)
        if answer.handed:
            return Command(update={"handed": use}, goto="hand_off")
        if answer.result is not None:
            return self._answered(state, use, answer)
        if not answer.run:
            raise StepError(f"the driver answered a use of {use.name} with nothing")
        ran = self._hands.use(use)
        answer = self._put(AskKind.DID, use=use, result=ran.result, changes=ran.changes)
        if answer.over:
            return self._failed(answer.over)
        return self._told(state, use, ran.result, malformed=ran.malformed)

    def hand_off(self, state: Dialogue) -> Command[Any]:
        use = state["handed"]
        assert use is not None
        kind = handed_type(use.name, self._request.produces)
        if kind:
            reply = StepReply(type=kind, body=use.input, files=self._hands.files(), spent=self._spent)
        else:
            reply = StepReply(type="", declined=_quoted(str(use.input.get("reason", use.name))), spent=self._spent)
        return Command(update={"reply": reply}, goto=END)

    def _put(self, kind: AskKind, **fields: Any) -> Answer:
        return self._ask(Ask(n=next(self._numbers), kind=kind, **fields))

    def _call(self, messages: tuple[Message, ...]) -> ModelCall:
        bench = self._bench
        return ModelCall(
            system=bench.system, tools=bench.tools, messages=messages, max_tokens=bench.limits.output_tokens,
            must_use_tool=True,
        )  # fmt: skip

    def _fitted(self, state: Dialogue) -> tuple[Message, ...] | None:
        """The messages, lightened when the next call could pass the limit; None when it is sure to, even so."""
        limits, messages = self._bench.limits, state["messages"]
        room = limits.context_tokens - limits.output_tokens
        surplus = (state["tokens"] or conversation.most_tokens(self._call(messages))) - room
        if surplus > 0:
            wanted = surplus + int(room * (1 - conversation.KEPT_SHARE))
            messages = conversation.lightened(messages, wanted)
            if conversation.least_tokens(self._call(messages)) > room:
                return None
        return messages

    def _heard(self, state: Dialogue, messages: tuple[Message, ...], reply: ModelReply) -> Command[Any]:
        """What the answer to `messages` leads to."""
        if reply.stop == "refusal":
            return self._failed(f"the model refused to go on: {_quoted(reply.text) or 'it gave no reason'}")
        cut = conversation.cut_use(reply)
        update: dict[str, Any] = {
            "messages": (*messages, conversation.answer_message(reply)), "turns": state["turns"] + 1,
            "waiting": reply.uses, "cut": cut.id if cut else "", "results": (), "idle": 0,
        }  # fmt: skip
        update["tokens"] = max(reply.usage.tokens, conversation.least_tokens(self._call(update["messages"])))
        if any(use != cut for use in reply.uses):
            return Command(update=update, goto="act")
        idle = update["idle"] = state["idle"] + 1
        if idle > self._bench.limits.nudges:
            return self._failed(f"it ended its turn {idle} times in a row without using a tool")
        if cut is not None:
            return Command(update=update, goto="act")
        return Command(update=update | _grown(update["messages"], update["tokens"], self._nudge(reply)), goto="think")

    def _refusal(self, state: Dialogue, use: ToolUse) -> str:
        """Why a use is not even asked for."""
        if use.id == state["cut"]:
            most = self._bench.limits.output_tokens
            return (
                f"nothing was done: your answer was cut off at {most} tokens in the middle of this input. Use smaller "
                "steps, such as several Edits instead of one Write"
            )
        if len(state["results"]) >= MOST_USES:
            return f"nothing was done: an answer may use {MOST_USES} tools at most"
        if use.name in self._bench.handoffs and any(block.get("is_error") for block in state["results"]):
            return "nothing was handed off: another tool of the same answer failed. Look at its result, then hand off"
        return ""

    def _answered(self, state: Dialogue, use: ToolUse, answer: Answer) -> Command[Any]:
        """The driver refused the use, served it, or remembers what came of it."""
        assert answer.result is not None
        try:
            self._hands.apply(answer.changes)
        except Fault as fault:
            raise StepError(f"what is recorded of this step does not fit its worktree: {fault}") from fault
        text = capped(plain(answer.result.text), self._bench.limits.result_chars)
        result = answer.result.model_copy(update={"id": use.id, "text": text})
        return self._told(state, use, result, malformed=use.name not in self._names)

    def _told(self, state: Dialogue, use: ToolUse, result: ToolResult, *, malformed: bool = False) -> Command[Any]:
        """Counts what leads nowhere."""
        useless = state["useless"] + 1 if malformed else 0
        refused = state["refused"]
        if use.name in self._bench.handoffs:
            refused += 1
        elif not result.is_error:
            refused = 0
        if useless > USELESS:
            return self._failed(f"it used a tool wrongly {useless} times in a row, at last: {_quoted(result.text)}")
        if refused > REFUSED:
            return self._failed(f"its handoff was refused {refused} times in a row, at last: {_quoted(result.text)}")
        return self._kept(state, result, useless=useless, refused=refused)

    def _kept(self, state: Dialogue, result: ToolResult, **counted: int) -> Command[Any]:
        """Keeps a result, and sends them all once the last one is there."""
        results, waiting = (*state["results"], conversation.result_block(result)), state["waiting"][1:]
        update: dict[str, Any] = {**counted, "results": results, "waiting": waiting}
        if waiting:
            return Command(update=update, goto="act")
        message = conversation.results_message(results, self._calls_left(state["turns"]))
        return Command(update=update | _grown(state["messages"], state["tokens"], message), goto="think")

    def _nudge(self, reply: ModelReply) -> Message:
        handoffs = " or ".join(self._bench.handoffs) or "a handoff"
        cut = reply.stop in conversation.CUT
        what = "Your answer was cut off before it used a tool" if cut else "You ended your turn without using a tool"
        return conversation.said(f"{what}. This step ends only when you hand off with {handoffs}: go on, or hand off.")

    def _calls_left(self, turns: int) -> str:
        left = self._bench.limits.turns - turns
        if left not in LAST_CALLS:
            return ""
        return f"[Model calls left in this step: {left}. A step that does not hand off is lost.]"

    def _failed(self, reason: str) -> Command[Any]:
        return Command(update={"reply": StepReply(type="", failed=reason, spent=self._spent)}, goto=END)


def handed_type(tool: str, produces: tuple[str, ...]) -> str:
    """The payload type that the tool's name is or ends with; empty for one that hands nothing off, as `decline`."""
    fitting = [kind for kind in produces if _spelled(tool).endswith(_spelled(kind))]
    return max(fitting, key=len, default="")


def _spelled(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "_", name.lower())


def _grown(messages: tuple[Message, ...], tokens: int, message: Message) -> dict[str, Any]:
    return {"messages": (*messages, message), "tokens": tokens + conversation.tokens_in(message)}


def _start(request: StepRequest) -> Dialogue:
    assert request.bench is not None
    return Dialogue(
        messages=(conversation.said(request.bench.brief),), tokens=0, turns=0, idle=0, refused=0, useless=0, waiting=(),
        cut="", results=(), handed=None, reply=None,
    )  # fmt: skip


def _quoted(text: str) -> str:
    return " ".join(plain(text).split())[:300]
