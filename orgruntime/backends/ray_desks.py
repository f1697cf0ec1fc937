"""Desks on a Ray cluster: actors that serve many, started on first use or ahead of it. Species that answer in one go
share a few (`ray_pool`); language models, which wait most of the time, an office of 32 seats (`ray_offices`).

Works on a cluster that the caller has joined. Does not know what a species does, and gives it nothing but the request:
no handle of the cluster, no key. An actor reserves no CPU: desks think while trials hold the machine.

Invariants: only bytes of JSON cross the wire, in both directions; a desk has one step at a time; a desk that is lost
together with its cluster is never a fault of the species.
"""

from __future__ import annotations

import asyncio
import socket

import ray

from orgruntime.backends.desk_wire import BUILTIN_SPECIES, packed, resolved, unpacked
from orgruntime.backends.office import DeskOptions
from orgruntime.backends.ray_offices import RayOffices
from orgruntime.backends.ray_pool import RayPool
from orgruntime.backends.species import is_key_free
from orgruntime.model.ids import RoleSlug
from orgruntime.model.step import StepReply, StepRequest
from orgruntime.runtime.ports import ExecutorError, PackTree, Serve, StepError

STEP_LIMIT_S = 600.0
"""A step of a key-free species takes milliseconds; one that takes longer than this hangs, and its actor is replaced."""


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
        self._pool = RayPool(species, limit_s, _insist_on_cluster)
        self._builtin = species == BUILTIN_SPECIES
        self._turns: dict[tuple[RoleSlug, int], asyncio.Lock] = {}
        self._closed = False

    def warm(self, role: RoleSlug, desk: int, species: str) -> None:
        """Starts the actor (about a second of work) without waiting for it."""
        if self._closed:
            raise StepError("the desks are closed")
        if self._builtin and not is_key_free(species):
            self._offices.warm(role, desk)
        else:
            self._pool.warm()

    async def step(self, request: StepRequest, serve: Serve | None = None) -> StepReply:
        if request.bench is not None:
            return await self._offices.step(request, serve)
        data = packed(request)
        async with self._turns.setdefault((request.role, request.desk), asyncio.Lock()):
            return unpacked(await self._pool.ask(data, f"the desk {request.role} {request.desk + 1}"))

    async def close(self) -> None:
        self._closed = True
        await self._pool.close()
        await self._offices.close()


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
