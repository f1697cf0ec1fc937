"""What a model gives a tool, read with care; and what is said back.

Works on untrusted JSON. Invariant: whatever the input, a sentence comes back that its author can act on.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

from orgruntime.model.dialogue import ToolResult, ToolSpec
from orgruntime.model.step import Ask
from orgruntime.runtime.calls import Call
from orgruntime.runtime.lab import Lab
from orgruntime.runtime.readings import plain
from orgruntime.runtime.service import ServiceTool

LONGEST_RESULT = 12_000
"""Characters of one answer."""

Handle = Callable[[Lab, Call, "Fields", Ask], Awaitable[str]]


class Refused(Exception):
    """What is wrong with a use, in one sentence with the remedy."""


class Fields:
    """The input of one use."""

    def __init__(self, given: Mapping[str, Any]) -> None:
        self._given = given

    def text(self, name: str, longest: int) -> str:
        """Without control characters and outer blanks; empty when it is not there. Raises Refused."""
        value = self._given.get(name)
        if value is None:
            return ""
        if not isinstance(value, str):
            raise Refused(f"`{name}` must be a string, not {type(value).__name__}")
        cleaned = plain(value).strip()
        if len(cleaned) > longest:
            raise Refused(f"`{name}` has {len(cleaned)} characters; at most {longest} are allowed, so say it shorter")
        return cleaned

    def word(self, name: str, known: Sequence[str], default: str) -> str:
        """One of `known`. Raises Refused."""
        word = self.text(name, 80) or default
        if word not in known:
            raise Refused(f"`{name}` must be one of {', '.join(known)}, not {word!r}")
        return word

    def count(self, name: str, default: int, most: int) -> int:
        """Raises Refused."""
        value = self._given.get(name)
        if value is None:
            return default
        if isinstance(value, bool) or not isinstance(value, int) or value < 1:
            raise Refused(f"`{name}` must be a whole number from 1 to {most}")
        return min(value, most)

    def flag(self, name: str) -> bool:
        """Raises Refused."""
        value = self._given.get(name, False)
        if not isinstance(value, bool):
            raise Refused(f"`{name}` must be true or false")
        return value

    def names(self, name: str, most: int, longest: int = 80) -> tuple[str, ...]:
        """Strings, in order, none twice. A single string counts as a list of one. Raises Refused."""
        value = self._given.get(name)
        value = [value] if isinstance(value, str) else value
        if value is None:
            return ()
        if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
            raise Refused(f"`{name}` must be a list of strings")
        found = tuple(dict.fromkeys(plain(one).strip()[:longest] for one in value if one.strip()))
        if len(found) > most:
            raise Refused(f"`{name}` lists {len(found)}; at most {most} are allowed")
        return found


def service(
    name: str, description: str, properties: Mapping[str, Any], required: Sequence[str], handle: Handle
) -> ServiceTool:
    """A tool whose answers are the words of `handle`, cut to `LONGEST_RESULT`, or why it refused."""
    schema = {"type": "object", "properties": dict(properties), "required": list(required)}

    async def serve(lab: Lab, call: Call, ask: Ask) -> ToolResult:
        assert ask.use is not None, "the driver serves a tool that is named"
        try:
            text = await handle(lab, call, Fields(ask.use.input), ask)
        except Refused as error:
            return ToolResult(id=ask.use.id, text=str(error), is_error=True, refused=True)
        return ToolResult(id=ask.use.id, text=cut(text))

    return ServiceTool(ToolSpec(name=name, description=description, input_schema=schema), serve)


def cut(text: str) -> str:
    """At most `LONGEST_RESULT` characters, whole lines; says so where more is left out."""
    if len(text) <= LONGEST_RESULT:
        return text
    kept = text[: LONGEST_RESULT - 60].rpartition("\n")[0]
    return f"{kept}\n… the rest is left out: ask for less at a time"


def quoted(text: str, longest: int = 240) -> str:
    """Somebody's words as a JSON string on one line: data, whatever they say."""
    line = " ".join(plain(text).split())
    return json.dumps(line if len(line) <= longest else line[: longest - 1] + "…", ensure_ascii=False)


def source(call: Call, ask: Ask) -> str:
    """What a use is known by in the ledger: the same use taken again is the same one."""
    return f"{call.address.inquiry}.{call.address.visit}.{ask.n}"
