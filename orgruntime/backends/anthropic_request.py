"""A model call as a request to a server that speaks the Messages API, with what its species is able to take.

Works on nouns, yields JSON. Does not know keys, connections or answers. Invariant: without any capability the request
holds messages, system and tools only, and says the same; what a capability adds changes price or care, never meaning.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Sequence
from enum import StrEnum
from typing import Any

from orgruntime.model.dialogue import Block, ModelCall
from orgruntime.model.manifest import ModelSpec


class Capability(StrEnum):
    """What some species can and others cannot, in the order in which a refusal is blamed on them."""

    FORCE = "forced tools"
    THINKING = "adaptive thinking"
    BUDGET = "thinking with a budget"
    """Its older form: so many tokens, and not as many as the model sees fit."""
    EFFORT = "effort"
    RECALL = "thinking returned"
    """Takes its own earlier thinking back."""
    CACHE = "prompt caching"


_WORDS = {
    Capability.FORCE: ("tool_choice",),
    Capability.THINKING: ("thinking", "adaptive"),
    Capability.BUDGET: ("thinking", "budget_tokens"),
    Capability.EFFORT: ("effort", "output_config"),
    Capability.RECALL: ("thinking", "signature"),
    Capability.CACHE: ("cache_control",),
}
"""How a server's refusal names what it refuses."""

_CLAUDE = re.compile(r"claude-(?P<line>[a-z]+)-(?P<major>\d{1,2})(?:[-.](?P<minor>\d{1,2}))?(?!\d)")
_ADAPTIVE_SINCE = (4, 6)
_BUDGET_SINCE, _BUDGET_UNTIL = (3, 7), (4, 6)
"""Both forms work with 4.6; later models refuse a budget."""
_EFFORT_SINCE = (4, 5)

LEAST_THOUGHT = 1024
"""Tokens; the API takes no smaller budget."""
_THOUGHT = {"low": 0.1, "medium": 0.25, "high": 0.5, "xhigh": 0.65, "max": 0.8}
"""Effort → share of an answer's tokens that thinking may take: they count as output, and the handoff needs the rest."""
_THOUGHTS = ("thinking", "redacted_thinking")
_EPHEMERAL = {"type": "ephemeral"}
_NOTHING: Block = {"type": "text", "text": "(nothing)"}
"""Stands for a message without words: the API takes none."""


def capabilities_of(model: ModelSpec) -> frozenset[Capability]:
    """What is known, or assumed until the server says otherwise. Claude behind another server is still Claude; of other
    models on a server of one's own only what servers commonly take or ignore is assumed."""
    claude = _CLAUDE.search(model.species)
    if claude is None:
        return frozenset(Capability) - {Capability.THINKING, Capability.BUDGET}
    version = (int(claude["major"]), int(claude["minor"] or 0))
    lacking = set()
    if version < _ADAPTIVE_SINCE:
        lacking.add(Capability.THINKING)
    if not _BUDGET_SINCE <= version <= _BUDGET_UNTIL:
        lacking.add(Capability.BUDGET)
    if version < _EFFORT_SINCE or (version < _ADAPTIVE_SINCE and claude["line"] != "opus"):
        lacking.add(Capability.EFFORT)
    return frozenset(Capability) - lacking


def body_of(model: ModelSpec, call: ModelCall, can: Collection[Capability]) -> dict[str, Any]:
    """The request's body. Each capability of `can` is used where the call or the model's entry gives it work."""
    body: dict[str, Any] = {
        "model": model.species,
        "max_tokens": call.max_tokens,
        "messages": [{"role": message.role, "content": _sendable(message.content, can)} for message in call.messages],
    }
    if system := [{"type": "text", "text": text} for text in call.system if text.strip()]:
        body["system"] = system
    if call.tools:
        body["tools"] = [tool.model_dump() for tool in call.tools]
    if thinking := _thinking(model.effort, call, can):
        body["thinking"] = thinking
    if model.effort and Capability.EFFORT in can:
        body["output_config"] = {"effort": model.effort}
    # The API refuses a forced tool beside thinking, and an effort was asked for by name: an answer without a tool is
    # then told so in a sentence, as with servers that know no forced tools.
    if call.must_use_tool and call.tools and Capability.FORCE in can and "thinking" not in body:
        body["tool_choice"] = {"type": "any"}
    if Capability.CACHE in can:
        _mark(body)
    return body


def _thinking(effort: str | None, call: ModelCall, can: Collection[Capability]) -> dict[str, Any] | None:
    if effort is None:
        return None
    if Capability.THINKING in can:
        return {"type": "adaptive"}
    budget = max(LEAST_THOUGHT, int(call.max_tokens * _THOUGHT.get(effort, 0.5)))
    fits = budget + LEAST_THOUGHT <= call.max_tokens
    if Capability.BUDGET in can and Capability.RECALL in can and fits and _goes_on_thinking(call):
        return {"type": "enabled", "budget_tokens": budget}
    return None


def _goes_on_thinking(call: ModelCall) -> bool:
    """With a budget, an answer that used tools has to come back with the thoughts that it began with; one of another
    model, or from before, has none."""
    last = next((message.content for message in reversed(call.messages) if message.role == "assistant"), ())
    uses = any(block.get("type") == "tool_use" for block in last)
    return not uses or last[0].get("type") in _THOUGHTS


def relied_on(body: dict[str, Any]) -> tuple[Capability, ...]:
    """The capabilities that a body makes use of, in the order of blame."""
    used = {
        Capability.FORCE: "tool_choice" in body,
        Capability.THINKING: body.get("thinking", {}).get("type") == "adaptive",
        Capability.BUDGET: body.get("thinking", {}).get("type") == "enabled",
        Capability.EFFORT: "output_config" in body,
        Capability.RECALL: any(
            block.get("type") in _THOUGHTS for message in body["messages"] for block in message["content"]
        ),
        Capability.CACHE: any("cache_control" in block for block in _markable(body)),
    }
    return tuple(capability for capability in Capability if used[capability])


def blamed(refusal: str, used: Sequence[Capability]) -> Capability | None:
    """Which of the capabilities in use a server's refusal names."""
    words = refusal.lower()
    return next((one for one in used if any(word in words for word in _WORDS[one])), None)


def size_of(body: dict[str, Any]) -> int:
    """Bytes of what a model reads of it."""
    read = {name: body[name] for name in ("system", "tools", "messages") if name in body}
    return len(json.dumps(read, ensure_ascii=False, separators=(",", ":")).encode(errors="replace"))


def pieces_of(body: dict[str, Any]) -> int:
    """Tools, system blocks and content blocks: what a prompt template puts words around."""
    return (
        len(body.get("tools", ())) + len(body.get("system", ())) + sum(len(m["content"]) + 1 for m in body["messages"])
    )


def _sendable(content: Sequence[Block], can: Collection[Capability]) -> list[Block]:
    kept = [_clean(block) for block in content if _is_worth_sending(block, can)]
    return kept or [_NOTHING]


def _is_worth_sending(block: Block, can: Collection[Capability]) -> bool:
    if block.get("type") in _THOUGHTS:
        return Capability.RECALL in can
    return block.get("type") != "text" or bool(str(block.get("text", "")).strip())


def _clean(block: Block) -> Block:
    """A block of an earlier answer in a form that servers take: breakpoints are ours alone, and a tool's input is an
    object."""
    clean = {name: value for name, value in block.items() if name != "cache_control"}
    if clean.get("type") == "tool_use" and not isinstance(clean.get("input"), dict):
        clean["input"] = {"malformed": clean.get("input")}
    return clean


def _mark(body: dict[str, Any]) -> None:
    """Sets the breakpoints of the prompt cache; the API takes four. What is before the last system block is common to
    many steps, the last system block to the calls of one, and the last message begins the next call's new part."""
    for block in _markable(body):
        block["cache_control"] = _EPHEMERAL


def _markable(body: dict[str, Any]) -> list[dict[str, Any]]:
    last = [message for message in body["messages"] if message["role"] == "user"][-1:]
    blocks = [*body.get("tools", ())[-1:], *body.get("system", ())[-2:]]
    if last and last[0]["content"][-1] is not _NOTHING:
        blocks.append(last[0]["content"][-1])
    return blocks
