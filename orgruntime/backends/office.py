"""An office: the seats of language models' steps in one process, a thread and a worktree each.

Works on bytes (`desk_wire`): a request begins a step, each answer goes on with it. Has no key, and decides nothing
about authority. Does not know Ray. Invariants: when the last word of a step has left its seat, its worktree is removed
and no process of it is left, whether it ended, failed or was abandoned; no seat waits for another but for a turn at
the commands.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import threading
import time
from collections import OrderedDict
from collections.abc import Iterable, MutableMapping, Sequence
from dataclasses import dataclass
from queue import SimpleQueue

from orgruntime.backends import bubblewrap
from orgruntime.backends.desk_shell import Abandoned, Shell
from orgruntime.backends.desk_tools import Tools
from orgruntime.backends.desk_trees import MissingTree, Products, Trees
from orgruntime.backends.desk_wire import Said, Told, sentence
from orgruntime.backends.trial_files import remove_tree
from orgruntime.backends.worktree import Worktree
from orgruntime.model.step import Answer, Ask, AskKind, StepReply, StepRequest
from orgruntime.runtime.ports import StepError

WORKING_S = 20.0
"""A seat that says nothing for so long is said to be working, so that one that hangs is told from one that works."""
LEFT = 1000
"""Seats that were left before they began."""

_SECRET = re.compile(r"API_?KEY|ACCESS_KEY|PRIVATE_KEY|TOKEN|SECRET|PASSWORD|PASSWD|CREDENTIAL", re.IGNORECASE)


@dataclass(frozen=True)
class DeskOptions:
    """What all desks of language models of a run share."""

    unsandboxed: bool = False
    """Whether commands may run where the machine gives no sandbox."""
    keys: tuple[str, ...] = ()
    """Names of environment variables that hold keys."""
    folder: str | None = None
    """Where each makes a folder of its own; None: among the temporary ones of its node."""
    products: Products | None = None
    """In the same file system as `folder`."""


class Office:
    """What is behind a `desk_wire.Door`. `folder` is its own, and gone with it. Belongs to one event loop."""

    def __init__(self, folder: str, options: DeskOptions, watch: Sequence[int] = ()) -> None:
        """The end of a process in `watch` ends the office's commands."""
        self._folder = folder
        self._options = options
        self._watch = watch
        self._seats: dict[str, Seat] = {}
        self._left: OrderedDict[str, None] = OrderedDict()
        self._leaving: list[Seat] = []
        self._opened: asyncio.Task[Premises] | None = None

    async def open(self) -> Premises:
        """Probes the sandbox and makes room, once: a tenth of a second."""
        if self._opened is None:
            self._opened = asyncio.get_running_loop().create_task(asyncio.to_thread(self._open))
        return await asyncio.shield(self._opened)

    async def begin(self, seat: str, request: bytes, pack: bytes | None) -> bytes:
        premises = await self.open()
        if seat in self._left:
            return _encoded(Said(error="the step was abandoned"))
        self._seats[seat] = Seat(os.path.join(self._folder, "seats", seat), premises, request, pack)
        return await self._heard(seat)

    async def go_on(self, seat: str, answer: bytes) -> bytes:
        if seat not in self._seats:
            return _encoded(Said(error="the desk has no such step", retry=True))
        if answer:
            self._seats[seat].inbox.put(answer)
        return await self._heard(seat)

    def leave(self, seat: str) -> None:
        leaving = self._seats.pop(seat, None)
        if leaving is not None:
            leaving.abandon()
            self._leaving = [other for other in self._leaving if other.thread.is_alive()] + [leaving]
            return
        self._left[seat] = None
        while len(self._left) > LEFT:
            self._left.popitem(last=False)

    async def close(self) -> None:
        """Ends every step. Idempotent."""
        for seat in list(self._seats):
            self.leave(seat)
        for leaving in self._leaving:
            await asyncio.to_thread(leaving.thread.join, 15)
        if self._opened is not None:
            await asyncio.to_thread((await self.open()).shell.close)
        await asyncio.to_thread(remove_tree, self._folder)

    async def _heard(self, seat: str) -> bytes:
        data, last = await self._seats[seat].hear()
        if last:
            self._seats.pop(seat, None)
        return data

    def _open(self) -> Premises:
        os.makedirs(os.path.join(self._folder, "seats"), mode=0o700, exist_ok=True)
        level, why = bubblewrap.probe(self._folder)
        shell = Shell(self._folder, level=level, why=why, unsandboxed=self._options.unsandboxed, watch=self._watch)
        # Where no command may run at all, no worktree needs copies for it.
        boxed = shell.boxed or not self._options.unsandboxed
        if self._watch:
            # It removes the folder when this process is killed.
            shell.start()
        place = os.path.join(self._folder, "trees")
        return Premises(Trees(place, boxed=boxed, products=self._options.products), shell)


@dataclass(frozen=True)
class Premises:
    """What the seats of an office share."""

    trees: Trees
    shell: Shell


class Seat:
    """One step: its thread, what it is told and what it says."""

    def __init__(self, folder: str, premises: Premises, request: bytes, pack: bytes | None) -> None:
        self._folder, self._premises, self._request, self._pack = folder, premises, request, pack
        self._loop = asyncio.get_running_loop()
        self._said: asyncio.Queue[tuple[bytes, bool]] = asyncio.Queue()
        self._stopped = threading.Event()
        self._did: list[Ask] = []
        self._told: list[Answer] = []
        """Answers that were given ahead of the ask."""
        self.inbox: SimpleQueue[bytes | None] = SimpleQueue()
        self.thread = threading.Thread(target=self._work, name=f"seat-{os.path.basename(folder)[:8]}", daemon=True)
        self.thread.start()

    async def hear(self) -> tuple[bytes, bool]:
        """What it says next, and whether that is its last word."""
        try:
            return await asyncio.wait_for(self._said.get(), WORKING_S)
        except TimeoutError:
            return _encoded(Said(working=True)), False

    def abandon(self) -> None:
        self._stopped.set()
        self.inbox.put(None)

    def _work(self) -> None:
        try:
            said = Said(reply=self._step(StepRequest.model_validate_json(self._request)))
        except MissingTree:
            said = Said(missing=True)
        except Abandoned:
            said = Said(error="the step was abandoned", retry=True)
        except StepError as error:
            said = Said(error=str(error), retry=error.retry)
        except Exception as error:
            said = Said(error=f"the desk failed: {sentence(error)}", retry=isinstance(error, OSError))
        self._say(said, last=True)

    def _step(self, request: StepRequest) -> StepReply:
        from orgruntime.backends.role_graph import play  # A second and a half.

        bench, started = request.bench, time.thread_time()
        if bench is None:
            raise StepError("a step without a bench is no language model's")
        tree = self._premises.trees.take(bench.tree, bench.editable, self._pack)
        try:
            worktree = Worktree(tree, self._folder, bench.limits.written_bytes)
            try:
                tools = Tools(worktree, self._premises.shell, bench.limits, self._stopped)
                reply = play(request, self._ask, tools)
            finally:
                worktree.remove()
        finally:
            self._premises.trees.give_back(tree)
        return reply.model_copy(update={"cpu_s": time.thread_time() - started + tools.cpu_s})

    def _ask(self, ask: Ask) -> Answer:
        if ask.kind is AskKind.DID:
            # Goes along with what is said next, which is at once: the answer to that says as well whether to go on.
            self._did.append(ask)
            return Answer()
        if not self._told:
            self._say(Said(ask=ask))
            answer = self.inbox.get()
            if answer is None:
                raise Abandoned
            self._told = list(Told.model_validate_json(answer).answers)
        return self._told.pop(0)

    def _say(self, said: Said, *, last: bool = False) -> None:
        said, self._did = said.model_copy(update={"did": tuple(self._did)}), []
        # A loop that is closed has nobody who listens.
        with contextlib.suppress(RuntimeError):
            self._loop.call_soon_threadsafe(self._said.put_nowait, (_encoded(said), last))


def forget_keys(environment: MutableMapping[str, str], names: Iterable[str] = ()) -> None:
    """Takes out of an environment what is a key, by name or by what its name says. Ray's own variables stay."""
    for name in key_names(environment, names):
        environment.pop(name, None)


def key_names(environment: Iterable[str], names: Iterable[str] = ()) -> list[str]:
    told = set(names)
    return [name for name in environment if name in told or (_SECRET.search(name) and not name.startswith("RAY_"))]


def _encoded(said: Said) -> bytes:
    return said.model_dump_json().encode()
