"""Desks of language models on a Ray cluster: actors that hold up to 32 seats each.

Works on a cluster that the caller has joined, and on its node alone. An actor reserves no CPU, has no key in its
environment and gets none. Does not know what a step does. Invariants: a step that loses its office begins anew in
another one, with the same questions, at most twice; a tree goes to an office once, as an object; a seat that nobody
waits for is left.
"""

from __future__ import annotations

import asyncio
import importlib
import os
import tempfile
import threading
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from typing import Any

import ray
from ray.exceptions import RayError
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from orgruntime.backends.desk_wire import perform
from orgruntime.backends.node_agent import die_with
from orgruntime.backends.office import DeskOptions, Office, forget_keys, key_names
from orgruntime.backends.ray_head import to_blank
from orgruntime.model.ids import RoleSlug, TreeId
from orgruntime.model.step import StepReply, StepRequest
from orgruntime.runtime.ports import PackTree, Serve, StepError

SEATS = 32
"""Of one office. A seat is a thread that waits most of the time; an office costs 150 MB and two seconds to start."""
BEGINNINGS = 3
"""Of one step."""
SILENCE_S = 300.0
"""An office that does not even say that it works is replaced."""
TREES = 8
"""Packed trees kept in the object store."""

Insist = Callable[[Exception | None], None]


class OfficeActor:
    """The actor. Its methods are coroutines of one loop; the seats are threads."""

    def __init__(self, options: DeskOptions) -> None:
        forget_keys(os.environ, options.keys)
        # Nothing of a conversation is sent anywhere but to the driver.
        os.environ.update(LANGSMITH_TRACING="false", LANGCHAIN_TRACING_V2="false")
        threading.Thread(target=die_with, args=(os.getppid(),), daemon=True).start()
        folder = tempfile.mkdtemp(prefix="orgrun-desks-", dir=options.folder)
        self._office = Office(folder, options, watch=(os.getppid(),))

    async def open(self) -> dict[str, str]:
        """Imports what steps need and probes the sandbox. Returns the environment, for who wants to see it."""
        importlib.import_module("orgruntime.backends.role_graph")  # A second and a half.
        await self._office.open()
        return dict(os.environ)

    async def begin(self, seat: str, request: bytes, pack: list[Any]) -> bytes:
        """`pack` holds nothing, or a reference to the tar of the tree."""
        return await self._office.begin(seat, request, await pack[0] if pack else None)

    async def go_on(self, seat: str, answer: bytes) -> bytes:
        return await self._office.go_on(seat, answer)

    async def leave(self, seat: str) -> None:
        self._office.leave(seat)

    async def close(self) -> None:
        await self._office.close()


class RayOffices:
    """Belongs to one event loop. `insist` raises ExecutorError when the cluster is gone."""

    def __init__(self, pack: PackTree | None, options: DeskOptions, insist: Insist) -> None:
        self._pack = pack
        self._options = options
        self._insist = insist
        self._offices: list[_Office] = []
        self._trees: OrderedDict[TreeId, Any] = OrderedDict()
        self._turns: dict[tuple[RoleSlug, int], asyncio.Lock] = {}
        self._warmed: set[tuple[RoleSlug, int]] = set()
        self._closed = False

    def warm(self, role: RoleSlug, desk: int) -> None:
        """Starts as many offices as there are desks for, without waiting."""
        self._warmed.add((role, desk))
        while len(self._offices) * SEATS < len(self._warmed):
            self._start().actor.open.remote()

    async def step(self, request: StepRequest, serve: Serve | None) -> StepReply:
        if serve is None or self._pack is None:
            raise StepError("these desks serve no language models")
        async with self._turns.setdefault((request.role, request.desk), asyncio.Lock()):
            for _ in range(BEGINNINGS):
                office = self._roomiest()
                office.taken += 1
                try:
                    return await perform(_Door(office, self._reference), request, serve)
                except _Lost as lost:
                    self._bury(office)
                    self._insist(lost.cause)
                finally:
                    office.taken -= 1
        raise StepError(
            f"the desk {request.role} {request.desk + 1} was lost {BEGINNINGS} times at one step", retry=True
        )

    async def close(self) -> None:
        self._closed = True
        offices, self._offices = self._offices, []
        if not ray.is_initialized():
            return
        closing = [asyncio.ensure_future(_quietly(office.actor.close.remote())) for office in offices]
        if closing:
            await asyncio.wait(closing, timeout=20)
        for office in offices:
            ray.kill(office.actor)

    def _roomiest(self) -> _Office:
        if self._closed:
            raise StepError("the desks are closed")
        office = min(self._offices, key=lambda office: office.taken, default=None)
        return office if office is not None and office.taken < SEATS else self._start()

    def _start(self) -> _Office:
        # Ray would start a cluster of its own where there is none, and wait for ever for a node that is dead.
        self._insist(None)
        office = _Office(_actor(self._options).remote(self._options))
        self._offices.append(office)
        return office

    def _bury(self, office: _Office) -> None:
        if office in self._offices:
            self._offices.remove(office)
            if ray.is_initialized():
                ray.kill(office.actor)

    async def _reference(self, tree: TreeId) -> Any:
        assert self._pack is not None
        if tree not in self._trees:
            self._trees[tree] = ray.put(self._pack(tree))
        self._trees.move_to_end(tree)
        while len(self._trees) > TREES:
            self._trees.popitem(last=False)
        return self._trees[tree]


class _Office:
    """An actor as the driver sees it."""

    def __init__(self, actor: Any) -> None:
        self.actor = actor
        self.taken = 0


class _Lost(Exception):
    """The office is gone, or does not answer."""

    def __init__(self, cause: Exception) -> None:
        super().__init__(str(cause))
        self.cause = cause


class _Door:
    """Implements `desk_wire.Door`."""

    def __init__(self, office: _Office, reference: Callable[[TreeId], Awaitable[Any]]) -> None:
        self._actor, self._reference = office.actor, reference

    async def begin(self, seat: str, request: bytes, tree: TreeId | None) -> bytes:
        pack = [] if tree is None else [await self._reference(tree)]
        return await _answered(self._actor.begin.remote(seat, request, pack))

    async def go_on(self, seat: str, answer: bytes) -> bytes:
        return await _answered(self._actor.go_on.remote(seat, answer))

    def leave(self, seat: str) -> None:
        if ray.is_initialized():
            self._actor.leave.remote(seat)


def _actor(options: DeskOptions) -> Any:
    """On the driver's node, as desks import this package. Workers inherit the environment that Ray was started in, and
    a process shows for ever what it began with: keys are blanked before it begins."""
    here = NodeAffinitySchedulingStrategy(ray.get_runtime_context().get_node_id(), soft=False)
    blank = to_blank([*options.keys, *key_names(os.environ)])
    return ray.remote(OfficeActor).options(
        num_cpus=0, max_restarts=0, max_task_retries=0, max_concurrency=8 * SEATS, scheduling_strategy=here,
        runtime_env={"env_vars": blank} if blank else None,
    )  # fmt: skip


async def _answered(reference: Any) -> bytes:
    try:
        answer: bytes = await asyncio.wait_for(_awaited(reference), SILENCE_S)
    except (RayError, TimeoutError) as error:
        raise _Lost(error) from error
    return answer


async def _awaited(reference: Any) -> Any:
    return await reference


async def _quietly(reference: Any) -> None:
    try:
        await reference
    except RayError:
        return
