"""What crosses the border of a desk: JSON bytes in, JSON bytes out, nothing pickled.

Works on one step at a time. Does not know whether the desk is a thread, an actor or a process.

Invariant: `served` never raises. Whatever a species does ends as a reply or as an error with one sentence, so that a
desk outlives the species' faults.
"""

from __future__ import annotations

import importlib
import time
from collections.abc import Callable

from pydantic import ValidationError

from orgruntime.model.base import Noun
from orgruntime.model.step import StepReply, StepRequest
from orgruntime.runtime.ports import StepError

Species = Callable[[StepRequest], StepReply]
Lookup = Callable[[str], Species]

BUILTIN_SPECIES = "orgruntime.backends.species:species_for"
"""Where desks find species by default, as `module:function`: a name can travel, a closure would have to be pickled."""


class Answer(Noun):
    """A reply, or why there is none."""

    reply: StepReply | None = None
    error: str = ""
    retry: bool = False


def resolved(where: str) -> Lookup:
    """The lookup at `module:function`. Raises StepError."""
    module, _, name = where.partition(":")
    try:
        found: Lookup = getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError, ValueError) as error:
        raise StepError(f"species cannot be looked up at {where!r}: {_sentence(error)}") from error
    return found


def packed(request: StepRequest) -> bytes:
    """Raises StepError for a text that is no Unicode."""
    try:
        return request.model_dump_json().encode()
    except ValueError as error:
        raise StepError(f"the step cannot be sent to its desk: {_sentence(error)}") from error


def served(lookup: Lookup, data: bytes) -> bytes:
    """Performs one step; fills in the CPU seconds of this thread."""
    started = time.thread_time()
    try:
        request = StepRequest.model_validate_json(data)
        reply = lookup(request.species)(request)
        answer = Answer(reply=reply.model_copy(update={"cpu_s": time.thread_time() - started}))
        return answer.model_dump_json().encode()
    except StepError as error:
        answer = Answer(error=str(error), retry=error.retry)
    except Exception as error:
        answer = Answer(error=f"the species failed: {_sentence(error)}")
    return answer.model_dump_json().encode()


def unpacked(data: bytes) -> StepReply:
    """The reply in an answer. Raises StepError for an error, and for bytes that are no answer."""
    try:
        answer = Answer.model_validate_json(data)
    except ValidationError as error:
        raise StepError("the desk's answer cannot be read; update orgruntime on every node") from error
    if answer.reply is None:
        raise StepError(answer.error, retry=answer.retry)
    return answer.reply


def _sentence(error: Exception) -> str:
    first = (str(error).splitlines() or [""])[0][:300]
    return f"{type(error).__name__}: {first}" if first else type(error).__name__
