"""The messages of one step: the forms that they take, and how old ones make room for new ones. Pure.

Works on messages in the wire form of the Messages API. Does not know tools, desks or servers. Invariants: every tool
use has its result in the message that follows it; the first message is never shortened; room is made for many turns at
once, so that the prefix that a server caches changes rarely.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from orgruntime.model.dialogue import Block, Message, ModelCall, ModelReply, ToolResult, ToolUse

FEWEST, MOST = 3, 6
"""Characters of a token: what no server has counted is counted too high, or too low, on purpose."""
CUT = ("max_tokens", "model_context_window_exceeded")
"""How an answer stops that was cut off."""
KEPT_SHARE = 0.5
"""Of the room, once room is made."""
SHORT = 400
"""Characters of a text that is not worth leaving out."""
RECENT = 4
"""Messages at the end that are left whole as long as older ones give enough room: two rounds."""


def said(text: str) -> Message:
    return Message(role="user", content=({"type": "text", "text": text},))


def result_block(result: ToolResult) -> Block:
    block: Block = {"type": "tool_result", "tool_use_id": result.id, "content": result.text or "[nothing]"}
    return {**block, "is_error": True} if result.is_error else block


def results_message(results: Sequence[Block], note: str = "") -> Message:
    """All results of one answer, as the API wants them: together, first, in one message."""
    notes = ({"type": "text", "text": note},) if note else ()
    return Message(role="user", content=(*results, *notes))


def answer_message(reply: ModelReply) -> Message:
    """What the model said, as it will be sent back. Servers refuse a message or a text that is empty."""
    kept = tuple(block for block in reply.content if block.get("type") != "text" or str(block.get("text", "")).strip())
    return Message(role="assistant", content=kept or ({"type": "text", "text": "[no answer]"},))


def with_own_ids(reply: ModelReply) -> ModelReply:
    """The same reply; a use whose id is empty, or that of another use, gets one of its own."""
    known: set[str] = set()
    content = []
    for at, block in enumerate(reply.content):
        if block.get("type") == "tool_use":
            if not block.get("id") or block["id"] in known:
                block = {**block, "id": f"use_{at}"}
            known.add(block["id"])
        content.append(block)
    return reply.model_copy(update={"content": tuple(content)})


def cut_use(reply: ModelReply) -> ToolUse | None:
    """The use in the middle of which the answer was cut off: its input is not what was meant."""
    cut = reply.stop in CUT
    if cut and reply.content and reply.content[-1].get("type") == "tool_use":
        return reply.uses[-1]
    return None


def most_tokens(call: ModelCall) -> int:
    return len(call.model_dump_json()) // FEWEST


def least_tokens(call: ModelCall) -> int:
    return len(call.model_dump_json()) // MOST


def tokens_in(message: Message) -> int:
    """A guess that is rather too high."""
    return _length(message.content) // FEWEST


def lightened(messages: Sequence[Message], surplus: int) -> tuple[Message, ...]:
    """The messages with old results (and long inputs of old uses) left out, oldest first, until `surplus` tokens are
    saved. The newest go last."""
    kept, saved = list(messages), 0
    for recent in (RECENT, RECENT // 2, 0):
        for at in range(1, len(kept) - recent):
            if saved >= surplus:
                return tuple(kept)
            lighter = _lighter(kept[at])
            saved += (_length(kept[at].content) - _length(lighter.content)) // (FEWEST + 1)
            kept[at] = lighter
    return tuple(kept)


def _lighter(message: Message) -> Message:
    return message.model_copy(update={"content": tuple(_lighter_block(block) for block in message.content)})


def _lighter_block(block: Block) -> Block:
    text = block.get("content")
    if block.get("type") == "tool_result" and isinstance(text, str) and len(text) > SHORT:
        return {**block, "content": _stub(text, "use the tool again if you need it")}
    given = block.get("input")
    if block.get("type") == "tool_use" and isinstance(given, dict):
        return {**block, "input": {name: _lighter_value(value) for name, value in given.items()}}
    return block


def _lighter_value(value: Any) -> Any:
    return _stub(value, "it was used as given") if isinstance(value, str) and len(value) > SHORT else value


def _stub(text: str, hint: str) -> str:
    return f"[{len(text)} characters were left out here to make room; {hint}]"


def _length(content: Sequence[Block]) -> int:
    return len(json.dumps(content, ensure_ascii=False))
