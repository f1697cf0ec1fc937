"""Desks in this process: one thread each. For tests, for fakes, and where no cluster is wanted.

Works on the same bytes as desks on a cluster, so that what passes here passes there. Does not limit a step's time: a
thread cannot be ended.

Invariant: one desk serves one step at a time, and different desks do not wait for each other.
"""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor

from orgruntime.backends.desk_wire import BUILTIN_SPECIES, packed, resolved, served, unpacked
from orgruntime.model.ids import RoleSlug
from orgruntime.model.step import StepReply, StepRequest
from orgruntime.runtime.ports import Serve, StepError


class LocalDesks:
    """Implements `ports.Desks`. `species` names the lookup as `module:function`."""

    def __init__(self, species: str = BUILTIN_SPECIES) -> None:
        self._lookup = resolved(species)
        self._desks: dict[tuple[RoleSlug, int], ThreadPoolExecutor] = {}
        self._closed = False

    def warm(self, role: RoleSlug, desk: int, species: str) -> None:
        """Nothing to do: a thread starts at once."""

    async def step(self, request: StepRequest, serve: Serve | None = None) -> StepReply:
        if self._closed:
            raise StepError("the desks are closed")
        name = (request.role, request.desk)
        if name not in self._desks:
            self._desks[name] = ThreadPoolExecutor(1, thread_name_prefix=f"desk-{request.role}-{request.desk}")
        loop = asyncio.get_running_loop()
        answer = await loop.run_in_executor(self._desks[name], served, self._lookup, packed(request))
        return unpacked(answer)

    async def close(self) -> None:
        self._closed = True
        for desk in self._desks.values():
            desk.shutdown(wait=False, cancel_futures=True)
        self._desks.clear()
