"""An answer as it arrives: the events of one stream, put together.

Works on events of the Messages API as plain values. Untrusted: a server may send anything. Invariants: input of a tool
that is no object, or that JSON has no word for, stays as the text that came; what was charged is never told smaller
than what the server told, nor, where it told nothing yet, than what arrived.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any, NoReturn

from orgruntime.model.dialogue import Block, ModelReply, Usage

DEEPEST = 64
"""Levels of a tool's input."""
_BYTES_A_TOKEN = 256
"""More than the longest token of any vocabulary."""
_FLOOR_BYTES = 1_000_000
_MOST_TOKENS = 10**9
"""Of one call. A server that tells more is not believed."""

_COUNTS = {
    "input": "input_tokens",
    "output": "output_tokens",
    "cache_read": "cache_read_input_tokens",
    "cache_write": "cache_creation_input_tokens",
}
_DELTAS = {"text_delta": "text", "thinking_delta": "thinking", "signature_delta": "signature"}
"""Kinds of delta that add to the field of the same name."""


class Overflow(Exception):
    """A server sent more than any answer of the asked length can hold."""


class Answer:
    """One stream. `take` each event, then ask."""

    def __init__(self, max_tokens: int) -> None:
        self._left = _FLOOR_BYTES + _BYTES_A_TOKEN * max_tokens
        self._blocks: dict[int, Block] = {}
        self._inputs: dict[int, list[str]] = {}
        self._told: dict[str, int] | None = None
        self._arrived = 0
        self._stop = ""
        self._species = ""
        self.is_over = False
        """Nothing more will come."""

    def take(self, event: Mapping[str, Any]) -> None:
        """Raises Overflow. What is not understood is passed over."""
        match event.get("type"):
            case "message_start":
                message = _mapping(event.get("message"))
                self._species = str(message.get("model") or "")[:200]
                self._told = {}
                self._count(message.get("usage"))
            case "content_block_start":
                self._start(_index(event), _mapping(event.get("content_block")))
            case "content_block_delta":
                self._add(_index(event), _mapping(event.get("delta")))
            case "message_delta":
                self._stop = str(_mapping(event.get("delta")).get("stop_reason") or self._stop)[:100]
                self._count(event.get("usage"))
            case "message_stop":
                self._stop = self._stop or "end_turn"
                self.is_over = True

    @property
    def is_whole(self) -> bool:
        """Whether the server has said how it ended."""
        return self._told is not None and bool(self._stop)

    def usage(self) -> Usage | None:
        """What was charged by now; None before the server has begun to answer."""
        if self._told is None:
            return None
        told = Usage(**self._told)
        # The output is told at the end only. No tokenizer makes more tokens than bytes.
        return told if self.is_whole else told.model_copy(update={"output": max(told.output, self._arrived)})

    def reply(self) -> ModelReply:
        content = tuple(self._finished(index) for index in sorted(self._blocks))
        return ModelReply(content=content, stop=self._stop, usage=self.usage() or Usage(), species=self._species)

    def _start(self, index: int, block: Mapping[str, Any]) -> None:
        self._spend(len(json.dumps(block, default=str)))
        self._blocks[index] = dict(block)

    def _add(self, index: int, delta: Mapping[str, Any]) -> None:
        kind = str(delta.get("type"))
        block = self._blocks.setdefault(index, {"type": "text", "text": ""})
        if kind == "input_json_delta":
            piece = str(delta.get("partial_json") or "")
            self._inputs.setdefault(index, []).append(piece)
        elif kind in _DELTAS:
            piece = str(delta.get(_DELTAS[kind]) or "")
            block[_DELTAS[kind]] = str(block.get(_DELTAS[kind]) or "") + piece
        else:
            return
        size = len(piece.encode(errors="replace"))
        self._spend(size)
        self._arrived += 0 if kind == "signature_delta" else size

    def _spend(self, size: int) -> None:
        self._left -= size
        if self._left < 0:
            raise Overflow("the server sent more than an answer of this length can hold")

    def _count(self, usage: Any) -> None:
        """Counts are cumulative; some servers tell zero where they have nothing new to say."""
        told = self._told if self._told is not None else {}
        for ours, theirs in _COUNTS.items():
            value = _mapping(usage).get(theirs)
            if isinstance(value, int) and value > 0:
                told[ours] = min(int(value), _MOST_TOKENS)
        self._told = told

    def _finished(self, index: int) -> Block:
        block = dict(self._blocks[index])
        if index in self._inputs:
            block["input"] = _parsed("".join(self._inputs[index]))
        elif not _depth_within(block.get("input"), DEEPEST):
            block["input"] = json.dumps(block["input"], default=str)
        found = _recordable(block)
        assert isinstance(found, dict)
        return found


def _parsed(text: str) -> Any:
    """The value that a text spells; the text itself where it spells none that can be kept."""
    if not text.strip():
        return {}
    try:
        value = json.loads(text, parse_constant=_refuse, parse_float=_finite)
    except (ValueError, RecursionError):
        return text
    return value if _depth_within(value, DEEPEST) else text


def _refuse(word: str) -> NoReturn:
    raise ValueError(f"{word} is no number of JSON")


def _finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(f"{text} is too large")
    return value


def _depth_within(value: Any, levels: int) -> bool:
    if isinstance(value, dict):
        return levels > 0 and all(_depth_within(inner, levels - 1) for inner in value.values())
    if isinstance(value, list):
        return levels > 0 and all(_depth_within(inner, levels - 1) for inner in value)
    return True


def _recordable(value: Any) -> Any:
    """Without halves of characters and numbers that no file of ours could hold."""
    if isinstance(value, str):
        return value.encode(errors="replace").decode()
    if isinstance(value, dict):
        return {_recordable(str(name)): _recordable(inner) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_recordable(inner) for inner in value]
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    return value if value is None or isinstance(value, bool | int | float) else str(value)


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _index(event: Mapping[str, Any]) -> int:
    index = event.get("index")
    return index if isinstance(index, int) else 0
