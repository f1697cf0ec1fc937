"""Desks on a Ray cluster: one actor for each instance of a role, started on first use or ahead of it; for language
models, which wait most of the time, an office for many (`ray_offices`).

Works on a cluster that the caller has joined. Does not know what a species does, and gives it nothing but the request:
no handle of the cluster, no key. An actor reserves no CPU: desks think while trials hold the machine.

Invariants: only bytes of JSON cross the wire, in both directions; a step is asked at most twice, the second time of a
fresh actor, because a species keeps no state between steps; a desk that is lost together with its cluster is never a
fault of the species.
"""

from __future__ import annotations

import asyncio
import socket
from typing import Any

import ray
from ray.exceptions import RayError
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from orgruntime.backends.desk_wire import BUILTIN_SPECIES, packed, resolved, served, unpacked
from orgruntime.backends.office import DeskOptions
from orgruntime.backends.ray_offices import RayOffices
from orgruntime.backends.species import is_key_free
from orgruntime.model.ids import RoleSlug
from orgruntime.model.step import StepReply, StepRequest
from orgruntime.runtime.ports import ExecutorError, PackTree, Serve, StepError

STEP_LIMIT_S = 600.0
"""A step of a key-free species takes milliseconds; one that takes longer than this hangs, and its actor is replaced."""


class Desk:
    """The actor. Ray calls one method at a time."""

    def __init__(self, species: str) -> None:
        self._lookup = resolved(species)

    def step(self, request: bytes) -> bytes:
        return served(self._lookup, request)

    def warm(self, species: str) -> None:
        """Imports what the species needs."""
        try:
            self._lookup(species)
        except StepError:
            return


class RayDesks:
    """Implements `ports.Desks`. `species` names the lookup as `module:function`, importable on every node; raises
    StepError when it is not importable here. `step` raises ExecutorError when the cluster is gone. Belongs to one event
    loop."""

    def __init__(
        self, species: str = BUILTIN_SPECIES, *, limit_s: float = STEP_LIMIT_S, pack: PackTree | None = None,
        options: DeskOptions | None = None,
    ) -> None:  # fmt: skip
        """Language models need `pack`, which gives the trees that they work on. It is called in the loop."""
        resolved(species)
        self._offices = RayOffices(pack, options or DeskOptions(), _insist_on_cluster)
        self._species = species
        self._limit_s = limit_s
        self._desks: dict[tuple[RoleSlug, int], Any] = {}
        self._turns: dict[tuple[RoleSlug, int], asyncio.Lock] = {}
        self._closed = False

    def warm(self, role: RoleSlug, desk: int, species: str) -> None:
        """Starts the actor (about a second of work) without waiting for it."""
        if self._species == BUILTIN_SPECIES and not is_key_free(species):
            self._offices.warm(role, desk)
            return
        self._desk(role, desk).warm.remote(species)

    async def step(self, request: StepRequest, serve: Serve | None = None) -> StepReply:
        if request.bench is not None:
            return await self._offices.step(request, serve)
        data = packed(request)
        # Waiting here and not in the actor's queue: a death fails one step only, and no limit counts others' time.
        async with self._turns.setdefault((request.role, request.desk), asyncio.Lock()):
            for _ in range(2):
                desk = self._desk(request.role, request.desk)
                try:
                    async with asyncio.timeout(self._limit_s):
                        answer: bytes = await desk.step.remote(data)
                    return unpacked(answer)
                except TimeoutError as error:
                    self._bury(request.role, request.desk, desk)
                    message = f"{request.species} gave no answer within {self._limit_s:g} s"
                    raise StepError(message, retry=True) from error
                except RayError as error:
                    self._bury(request.role, request.desk, desk)
                    _insist_on_cluster(error)
        raise StepError(f"the desk {request.role} {request.desk + 1} died twice at one step", retry=True)

    async def close(self) -> None:
        self._closed = True
        for role, desk in list(self._desks):
            self._bury(role, desk, self._desks[role, desk])
        await self._offices.close()

    def _desk(self, role: RoleSlug, desk: int) -> Any:
        if self._closed:
            raise StepError("the desks are closed")
        if (role, desk) not in self._desks:
            # Ray would start a cluster of its own where there is none, and wait for ever for a node that is dead.
            _insist_on_cluster(None)
            self._desks[role, desk] = _actor().remote(self._species)
        return self._desks[role, desk]

    def _bury(self, role: RoleSlug, desk: int, handle: Any) -> None:
        """Ends an actor, unless another step has replaced it already."""
        if self._desks.get((role, desk)) is handle:
            del self._desks[role, desk]
        if ray.is_initialized():
            ray.kill(handle)


def _insist_on_cluster(cause: Exception | None) -> None:
    """Raises ExecutorError when this machine's part of the cluster is gone. Its head may hold it alive for 15 s more,
    so its raylet itself is asked: by its socket, which a dead process does not answer."""
    if ray.is_initialized() and _answers(ray._private.worker._global_node.raylet_socket_name):
        return
    raise ExecutorError("the Ray cluster of this run is gone, and its desks with it") from cause


def _answers(path: str) -> bool:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as link:
        link.settimeout(10)
        try:
            link.connect(path)
        except OSError:
            return False
    return True


def _actor() -> Any:
    """On the driver's node: a desk imports this package, which other nodes need not have, and needs no resources."""
    here = NodeAffinitySchedulingStrategy(ray.get_runtime_context().get_node_id(), soft=False)
    options: dict[str, Any] = {"num_cpus": 0, "max_restarts": 0, "max_task_retries": 0, "scheduling_strategy": here}
    return ray.remote(**options)(Desk)
