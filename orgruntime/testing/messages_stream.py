"""An answer on the wire: the events of a stream, or one JSON body.

Works on `Says`. Does not know sockets or bills. Invariant: what is put together from the events is the content, cut
where the request's `max_tokens` or the script cuts it.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, NamedTuple

from orgruntime.model.dialogue import Block, Usage
from orgruntime.testing.messages_script import CUTS, Asked, Fault, Says

_FIELDS = {"text": "text", "thinking": "thinking"}
_EMPTY: dict[str, Any] = {"text": "", "thinking": "", "signature": "", "input": {}}


class Piece(NamedTuple):
    """One event of a block. Only what a model generated counts as output."""

    event: dict[str, Any]
    generated: str = ""


@dataclass(frozen=True)
class Played:
    """An answer as it will be sent."""

    pieces: tuple[Piece, ...]
    stop: str
    cut: int | None
    """After so many pieces the answer ends, in the manner of the script's fault."""


def played(says: Says, asked: Asked, bytes_a_token: int) -> Played:
    limit = max(1, int(asked.body.get("max_tokens", 1))) * bytes_a_token
    content, stop = says.content, says.stop_reason
    if says.fault is Fault.REFUSAL:
        content, stop = ({"type": "text", "text": "I will not do that."},), "refusal"
    if says.fault is Fault.OVERLONG:
        content = ({"type": "text", "text": "and so on, " * (limit // 11 + 1)},)
    pieces: list[Piece] = []
    left = limit
    for index, block in enumerate(content):
        for piece in _pieces(index, block, says):
            fitting = _fitted(piece, left)
            left -= len(fitting.generated.encode(errors="replace"))
            pieces.append(fitting)
            if fitting is not piece:
                pieces.append(Piece({"type": "content_block_stop", "index": index}))
                return Played(tuple(pieces), "max_tokens", _cut(says, pieces))
    return Played(tuple(pieces), stop, _cut(says, pieces))


def message_of(asked: Asked, usage: Usage, content: list[Block], stop: str | None) -> dict[str, Any]:
    return {
        "id": f"msg_{asked.n:08d}", "type": "message", "role": "assistant", "model": asked.body.get("model"),
        "content": content, "stop_reason": stop, "stop_sequence": None, "usage": usage_of(usage),
    }  # fmt: skip


def usage_of(usage: Usage) -> dict[str, int]:
    return {
        "input_tokens": usage.input, "output_tokens": usage.output, "cache_read_input_tokens": usage.cache_read,
        "cache_creation_input_tokens": usage.cache_write,
    }  # fmt: skip


def content_of(pieces: tuple[Piece, ...]) -> list[Block]:
    """What a client that does not stream gets."""
    blocks: dict[int, Block] = {}
    inputs: dict[int, str] = {}
    for event, generated in pieces:
        if event["type"] == "content_block_start":
            blocks[event["index"]] = dict(event["content_block"])
        elif event["type"] == "content_block_delta":
            field = event["delta"]["type"].removesuffix("_delta")
            if field == "input_json":
                inputs[event["index"]] = inputs.get(event["index"], "") + generated
            else:
                blocks[event["index"]][field] += event["delta"][field]
    for index, text in inputs.items():
        try:
            blocks[index]["input"] = json.loads(text)
        except ValueError:
            blocks[index]["input"] = text
    return [blocks[index] for index in sorted(blocks)]


def sse(event: dict[str, Any]) -> bytes:
    return f"event: {event['type']}\ndata: {json.dumps(event)}\n\n".encode()


def _pieces(index: int, block: Block, says: Says) -> list[Piece]:
    kind = block.get("type")
    if kind not in ("text", "thinking", "tool_use"):
        start = Piece({"type": "content_block_start", "index": index, "content_block": block})
        return [start, Piece({"type": "content_block_stop", "index": index})]
    opened = {name: _EMPTY.get(name, value) for name, value in block.items()}
    pieces = [Piece({"type": "content_block_start", "index": index, "content_block": opened})]
    whole = _generated(block, says)
    for at in range(0, len(whole), says.delta_chars):
        pieces.append(_delta(index, str(kind), whole[at : at + says.delta_chars]))
    if "signature" in block:
        delta = {"type": "signature_delta", "signature": block["signature"]}
        pieces.append(Piece({"type": "content_block_delta", "index": index, "delta": delta}))
    return [*pieces, Piece({"type": "content_block_stop", "index": index})]


def _generated(block: Block, says: Says) -> str:
    if block["type"] != "tool_use":
        return str(block.get(_FIELDS[block["type"]], ""))
    given = block.get("input", {})
    spelled = given if isinstance(given, str) else json.dumps(given)
    return spelled[: max(1, len(spelled) // 2)] if says.fault is Fault.MALFORMED else spelled


def _delta(index: int, kind: str, part: str) -> Piece:
    if kind == "tool_use":
        delta = {"type": "input_json_delta", "partial_json": part}
    else:
        delta = {"type": f"{kind}_delta", _FIELDS[kind]: part}
    return Piece({"type": "content_block_delta", "index": index, "delta": delta}, part)


def _fitted(piece: Piece, left: int) -> Piece:
    """The piece, or as much of it as the limit leaves."""
    part = piece.generated
    if len(part.encode(errors="replace")) <= left:
        return piece
    while len(part.encode(errors="replace")) > left:
        part = part[:-1]
    delta = piece.event["delta"]
    name = next(name for name in delta if name != "type")
    return Piece({**piece.event, "delta": {**delta, name: part}}, part)


def _cut(says: Says, pieces: list[Piece]) -> int | None:
    """Between the first event of the first block and the last of the last."""
    if says.fault not in CUTS:
        return None
    return min(max(1, round(says.at * len(pieces))), max(1, len(pieces) - 1))
