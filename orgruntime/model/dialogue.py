"""A conversation with a language model: what is asked of it, what it answers, what that used.

Works on content in the form of the Messages API (blocks of `text`, `thinking`, `tool_use`, `tool_result`), so that a
block that a server wants back unchanged is kept unchanged. Does not know servers, keys or prices.

Invariant: messages, system, tools, tool results and streaming are all that a call relies on; whatever else a species
can do is a capability of its own, and its absence changes no result.
"""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from orgruntime.model.amounts import Amounts
from orgruntime.model.base import Noun

Block = dict[str, Any]
"""One content block as the Messages API spells it."""


class ToolSpec(Noun):
    """A tool as a model is told of it."""

    name: str
    description: str
    input_schema: dict[str, Any]
    """JSON Schema of an object."""


class ToolUse(Noun):
    """A model's wish to use a tool. Untrusted: nothing was checked."""

    id: str
    name: str
    input: dict[str, Any]


class ToolResult(Noun):
    """What a use came to, as the model is told."""

    id: str
    """Of the use."""
    text: str
    is_error: bool = False
    refused: bool = False
    """The use was not carried out, because it may not be or makes no sense; else it was, or something broke."""


class Message(Noun):
    role: Literal["user", "assistant"]
    content: tuple[Block, ...]


class ModelCall(Noun):
    """One question to a model. Whoever serves it owes nothing to an earlier call."""

    system: tuple[str, ...]
    """Blocks, the most stable first: their prefix is worth caching."""
    tools: tuple[ToolSpec, ...]
    messages: tuple[Message, ...]
    max_tokens: int = Field(ge=1)
    must_use_tool: bool = False
    """Whether an answer without a tool is of no use; a species that can force one does."""


class Usage(Noun):
    """Tokens of one attempt, as the server counted them. `input` is what was neither read from a cache nor written to
    one."""

    input: int = Field(default=0, ge=0)
    output: int = Field(default=0, ge=0)
    cache_read: int = Field(default=0, ge=0)
    cache_write: int = Field(default=0, ge=0)

    @property
    def tokens(self) -> int:
        return self.input + self.output + self.cache_read + self.cache_write

    def __add__(self, other: Usage) -> Usage:
        return Usage(
            input=self.input + other.input,
            output=self.output + other.output,
            cache_read=self.cache_read + other.cache_read,
            cache_write=self.cache_write + other.cache_write,
        )


class ModelReply(Noun):
    content: tuple[Block, ...]
    stop: str
    """`end_turn`, `tool_use`, `max_tokens`, `refusal`, or what else the server says."""
    usage: Usage = Usage()
    """Of the attempt that answered."""
    species: str = ""
    """The model as the server names it."""
    entry: str = ""
    """Name of the entry of the manifest that answered: the one that was asked, or one that stood in for it."""
    spent: Amounts = Amounts()
    """Over every attempt at this call."""
    lacks: dict[str, str] = {}
    """Capabilities that the server turned out not to have, with this answer or the ones before it that failed → its
    own words."""

    @property
    def text(self) -> str:
        return "".join(str(block.get("text", "")) for block in self.content if block.get("type") == "text")

    @property
    def uses(self) -> tuple[ToolUse, ...]:
        """The tools that it wants to use, in order. Input that is no object comes as an empty one with the raw value
        under `malformed`."""
        return tuple(_use(block) for block in self.content if block.get("type") == "tool_use")


def _use(block: Block) -> ToolUse:
    given = block.get("input")
    fields = given if isinstance(given, dict) else {"malformed": given}
    return ToolUse(id=str(block.get("id", "")), name=str(block.get("name", "")), input=fields)
