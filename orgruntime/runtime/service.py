"""A tool that the driver serves: what a model is told of it, and what answers a use of it.

Knows no tool in particular. Invariant: a service answers with words, never with an exception, whatever the input; what
it changes, it changes through the board, so that it is on disk before it is told.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from orgruntime.model.dialogue import ToolResult, ToolSpec
from orgruntime.model.step import Ask

if TYPE_CHECKING:
    from orgruntime.runtime.calls import Call
    from orgruntime.runtime.lab import Lab

Serves = Callable[["Lab", "Call", Ask], Awaitable[ToolResult]]
"""The ask is a `MAY` whose use names the tool; its `files` are what differs from the base commit at the desk."""


@dataclass(frozen=True)
class ServiceTool:
    spec: ToolSpec
    serve: Serves
    most: int | None = None
    """Uses a step. None: as many as the step's turns allow."""
