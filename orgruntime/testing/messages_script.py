"""What a make-believe model says, and how its server fails.

Works on requests as they came over the wire. Does not know sockets. Invariant: a script is a function of the request
and of how often the same one was asked before, so that a run against it can be had again, whatever the order of calls.
"""

from __future__ import annotations

import hashlib
import json
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from functools import cached_property
from pathlib import Path
from typing import Any

from orgruntime.model.dialogue import Block


class Fault(StrEnum):
    """What a server does wrong, or makes its model do."""

    RATE_LIMITED = "rate limited"
    OVERLOADED = "overloaded"
    SERVER = "server error"
    UNAUTHORIZED = "unauthorized"
    INVALID = "invalid"
    TOO_LONG = "too long"
    REDIRECT = "redirect"
    DROPPED = "dropped"
    """The connection ends before the first byte of an answer."""
    SILENT = "silent"
    """No byte ever comes."""
    NOISE = "noise"
    """Status 200 and no event stream."""
    BROKEN = "broken"
    """The connection is cut in the middle of a block."""
    ENDED = "ended"
    """The stream ends in good order in the middle of a block."""
    ERROR_EVENT = "error event"
    """The server reports an error in the middle of a block."""
    STALLED = "stalled"
    """Nothing comes any more after the middle of a block."""
    MALFORMED = "malformed input"
    """The input of each tool breaks off in the middle of its JSON."""
    REFUSAL = "refusal"
    """The model will not answer."""
    OVERLONG = "overlong"
    """The model talks until it is cut off."""


STATUS = {
    Fault.RATE_LIMITED: (429, "rate_limit_error"), Fault.OVERLOADED: (529, "overloaded_error"),
    Fault.SERVER: (500, "api_error"), Fault.UNAUTHORIZED: (401, "authentication_error"),
    Fault.INVALID: (400, "invalid_request_error"), Fault.TOO_LONG: (400, "invalid_request_error"),
    Fault.REDIRECT: (307, "api_error"),
}  # fmt: skip
"""Faults that are an answer of their own, in place of the model's."""

CUTS = (Fault.BROKEN, Fault.ENDED, Fault.ERROR_EVENT, Fault.STALLED)

COMMON = (
    Fault.RATE_LIMITED, Fault.OVERLOADED, Fault.SERVER, Fault.DROPPED, Fault.BROKEN, Fault.ENDED, Fault.ERROR_EVENT,
    Fault.MALFORMED, Fault.REFUSAL, Fault.OVERLONG,
)  # fmt: skip
"""What servers do in a long night. None of them takes time."""


@dataclass(frozen=True)
class Asked:
    """One request to `/v1/messages`."""

    n: int
    """In order of arrival, from 0."""
    body: dict[str, Any]
    headers: dict[str, str]
    """Names in lower case."""
    again: int = 0
    """How often the same body came before."""

    @cached_property
    def digest(self) -> str:
        """Of what the model reads: the same for the same call, whatever its breakpoints and limits."""
        read = {name: self.body.get(name) for name in ("system", "tools", "messages", "model")}
        return hashlib.sha256(json.dumps(plain(read), sort_keys=True).encode()).hexdigest()

    @property
    def tools(self) -> tuple[str, ...]:
        return tuple(str(tool.get("name")) for tool in self.body.get("tools", ()))

    @property
    def turn(self) -> int:
        """Answers of the model that the conversation holds: 0 at its beginning."""
        return sum(message.get("role") == "assistant" for message in self.body.get("messages", ()))

    @property
    def text(self) -> str:
        """All words of the last message, tool results included."""
        messages = self.body.get("messages") or [{}]
        return words_of(messages[-1].get("content", ""))


@dataclass(frozen=True)
class Says:
    """One answer. Without a `stop` it is `tool_use` where a tool is used, else `end_turn`."""

    content: tuple[Block, ...] = ()
    stop: str = ""
    fault: Fault | None = None
    at: float = 0.5
    """Share of the answer that is sent before it is cut."""
    delay_s: float = 0.0
    """Before the first byte."""
    per_delta_s: float = 0.0
    delta_chars: int = 16
    retry_after_s: float | None = None
    words: str = ""
    """Of a refusal."""
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def stop_reason(self) -> str:
        used = any(block.get("type") == "tool_use" for block in self.content)
        return self.stop or ("tool_use" if used else "end_turn")


Script = Callable[[Asked], Says]
"""Called in the server's thread, once a request."""


def text(words: str, **fields: Any) -> Says:
    """`fields`: others of `Says`."""
    return Says(({"type": "text", "text": words},), **fields)


def uses(name: str, input: dict[str, Any] | None = None, *, id: str = "", **fields: Any) -> Says:
    """The answer that uses one tool."""
    made = id or f"toolu_{hashlib.sha256(json.dumps([name, input], sort_keys=True).encode()).hexdigest()[:12]}"
    return Says(({"type": "tool_use", "id": made, "name": name, "input": input or {}},), **fields)


def fails(fault: Fault, **fields: Any) -> Says:
    """For faults that need no answer of a model."""
    return Says(fault=fault, **fields)


def in_order(*answers: Says) -> Script:
    """The n-th request gets the n-th answer; the last one again and again."""
    return lambda asked: answers[min(asked.n, len(answers) - 1)]


def failing(script: Script, share: float, *, seed: int = 0, kinds: Sequence[Fault] = COMMON) -> Script:
    """The same answers, of which a share fails. Which and how follows from seed, request and repetition alone."""

    def failed(asked: Asked) -> Says:
        luck = random.Random(f"{seed}:{asked.digest}:{asked.again}")
        says = script(asked)
        if luck.random() >= share:
            return says
        fault = luck.choice(list(kinds))
        wait = round(luck.uniform(0.1, 3.0), 1) if fault is Fault.RATE_LIMITED else None
        return replace(says, fault=fault, at=luck.random(), retry_after_s=wait)

    return failed


def replayed(recording: Path) -> Script:
    """Answers from a file of `MessagesServer.record`: by the request that each was given to, else in order."""
    lines = [json.loads(line) for line in recording.read_text(encoding="utf-8").splitlines() if line.strip()]
    answers = [Says(tuple(line["content"]), line.get("stop", "")) for line in lines]
    by_request = {line["request"]: says for line, says in zip(lines, answers, strict=True) if line.get("request")}
    given: dict[str, Says] = {}

    def replay(asked: Asked) -> Says:
        if asked.digest not in given:
            following = answers[min(len(given), len(answers) - 1)] if answers else text("nothing was recorded")
            given[asked.digest] = by_request.get(asked.digest, following)
        return given[asked.digest]

    return replay


def plain(value: Any) -> Any:
    """Without breakpoints."""
    if isinstance(value, dict):
        return {name: plain(inner) for name, inner in value.items() if name != "cache_control"}
    return [plain(inner) for inner in value] if isinstance(value, list) else value


def words_of(content: Any) -> str:
    """The words in a message's content, in order."""
    if isinstance(content, str):
        return content
    found = []
    for block in content if isinstance(content, list) else ():
        found.append(str(block.get("text", "")) or words_of(block.get("content", "")))
    return "\n".join(word for word in found if word)
