"""What crosses the border of a desk: JSON bytes in, JSON bytes out, nothing pickled.

Works on one step at a time: of a species that answers in one go (`served`), or of a language model, whose desk asks in
the middle (`perform`). Does not know whether the desk is a thread, an actor or a process.

Invariant: `served` never raises. Whatever a species does ends as a reply or as an error with one sentence, so that a
desk outlives the species' faults.
"""

from __future__ import annotations

import importlib
import time
import uuid
from collections.abc import Callable
from typing import Protocol

from pydantic import ValidationError

from orgruntime.backends import conversation
from orgruntime.model.base import Noun
from orgruntime.model.ids import TreeId
from orgruntime.model.step import Answer as StepAnswer
from orgruntime.model.step import Ask, AskKind, StepReply, StepRequest
from orgruntime.runtime.ports import Serve, StepError
from orgruntime.runtime.toolspecs import LOCAL_TOOLS

Species = Callable[[StepRequest], StepReply]
Lookup = Callable[[str], Species]

BUILTIN_SPECIES = "orgruntime.backends.species:species_for"
"""Where desks find species by default, as `module:function`: a name can travel, a closure would have to be pickled."""


class Answer(Noun):
    """A reply, or why there is none."""

    reply: StepReply | None = None
    error: str = ""
    retry: bool = False


class Said(Noun):
    """What comes from the desk of a language model: an ask, or the end of the step, or neither yet."""

    did: tuple[Ask, ...] = ()
    """What was done since the last answer, before anything else that is said here: no desk waits for its answer, which
    would cost a third of all messages."""
    ask: Ask | None = None
    reply: StepReply | None = None
    error: str = ""
    retry: bool = False
    missing: bool = False
    """The step cannot begin: the tree has to be sent along."""
    working: bool = False
    """A tool still runs; to be asked again."""


class Told(Noun):
    """What goes to the desk of a language model: the answer to its ask, and to the one that is sure to follow."""

    answers: tuple[StepAnswer, ...]


class Door(Protocol):
    """How the driver speaks to a seat. The seat's name is the driver's to choose, and good for one step."""

    async def begin(self, seat: str, request: bytes, tree: TreeId | None) -> bytes:
        """With a `tree`, it is sent along."""
        ...

    async def go_on(self, seat: str, answer: bytes) -> bytes:
        """With no answer, waits for what the seat says next."""
        ...

    def leave(self, seat: str) -> None:
        """Nobody waits for the step any more. Returns at once."""
        ...


async def perform(door: Door, request: StepRequest, serve: Serve) -> StepReply:
    """The driver's side of a language model's step: answers what its seat asks until it ends. Raises StepError, what
    `serve` raises, and what the door raises when there is nobody behind it."""
    assert request.bench is not None
    seat, data = uuid.uuid4().hex, packed(request)
    over = False
    try:
        said = await _opened(door, seat, data, None)
        if said.missing:
            said = await _opened(door, seat, data, request.bench.tree)
        while said.ask is not None or said.working:
            answer = b"" if said.ask is None else _packed_answers(await _answers_to(said, serve))
            said = _read(await door.go_on(seat, answer))
        await _answers_to(said, serve)
        over = True
    finally:
        if not over:
            door.leave(seat)
    if said.reply is None:
        raise StepError(said.error or "the desk did not get the tree that it asked for", retry=said.retry)
    return said.reply


async def _opened(door: Door, seat: str, data: bytes, tree: TreeId | None) -> Said:
    """The first that a seat says of the step itself: a desk that has to import first may say for long that it works."""
    said = _read(await door.begin(seat, data, tree))
    while said.working:
        said = _read(await door.go_on(seat, b""))
    return said


def resolved(where: str) -> Lookup:
    """The lookup at `module:function`. Raises StepError."""
    module, _, name = where.partition(":")
    try:
        found: Lookup = getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError, ValueError) as error:
        raise StepError(f"species cannot be looked up at {where!r}: {sentence(error)}") from error
    return found


def packed(request: StepRequest) -> bytes:
    """Raises StepError for a text that is no Unicode."""
    try:
        return request.model_dump_json().encode()
    except ValueError as error:
        raise StepError(f"the step cannot be sent to its desk: {sentence(error)}") from error


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
        answer = Answer(error=f"the species failed: {sentence(error)}")
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


async def _answers_to(said: Said, serve: Serve) -> Told:
    """The answer to the ask, unless one to what was done before it ends the step; and to the ask that is sure to follow
    it, where that is known: a round trip less for each model call."""
    answer = StepAnswer()
    for ask in (*said.did, *((said.ask,) if said.ask is not None else ())):
        answer = await serve(ask)
        if answer.over:
            return Told(answers=(answer,))
    following = _following(said.ask, answer) if said.ask is not None else None
    return Told(answers=(answer,) if following is None else (answer, await serve(following)))


def _following(ask: Ask, answer: StepAnswer) -> Ask | None:
    """What `role_graph` asks next once it has this answer of a model: whether it may use the first tool, where that is
    one of the desk's, which takes no files along. None: not known here."""
    if answer.reply is None or answer.reply.stop in conversation.CUT or answer.reply.stop == "refusal":
        return None
    uses = conversation.with_own_ids(answer.reply).uses
    return Ask(n=ask.n + 1, kind=AskKind.MAY, use=uses[0]) if uses and uses[0].name in LOCAL_TOOLS else None


def _packed_answers(told: Told) -> bytes:
    try:
        return told.model_dump_json().encode()
    except ValueError as error:
        raise StepError(f"an answer cannot be sent to its desk: {sentence(error)}") from error


def _read(data: bytes) -> Said:
    try:
        return Said.model_validate_json(data)
    except ValidationError as error:
        raise StepError("what the desk says cannot be read; update orgruntime on every node") from error


def sentence(error: Exception) -> str:
    first = (str(error).splitlines() or [""])[0][:300]
    return f"{type(error).__name__}: {first}" if first else type(error).__name__
