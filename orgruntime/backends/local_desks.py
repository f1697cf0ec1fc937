"""Desks in this process: one thread each. For tests, for fakes, and where no cluster is wanted.

Works on the same bytes as desks on a cluster, so that what passes here passes there. Does not limit the time of a
species that answers in one go: a thread cannot be ended.

Invariant: one desk serves one step at a time, and different desks do not wait for each other.
"""

from __future__ import annotations

import asyncio
import tempfile
from concurrent.futures import ThreadPoolExecutor

from orgruntime.backends.desk_wire import BUILTIN_SPECIES, packed, perform, resolved, served, unpacked
from orgruntime.backends.office import DeskOptions, Office
from orgruntime.model.ids import RoleSlug, TreeId
from orgruntime.model.step import StepReply, StepRequest
from orgruntime.runtime.ports import PackTree, Serve, StepError


class LocalDesks:
    """Implements `ports.Desks`. `species` names the lookup as `module:function`; language models need `pack`, which
    gives the trees that they work on."""

    def __init__(
        self, species: str = BUILTIN_SPECIES, *, pack: PackTree | None = None, options: DeskOptions | None = None
    ) -> None:
        self._lookup = resolved(species)
        self._desks: dict[tuple[RoleSlug, int], ThreadPoolExecutor] = {}
        self._pack = pack
        self._options = options or DeskOptions()
        self._office: Office | None = None
        self._turns: dict[tuple[RoleSlug, int], asyncio.Lock] = {}
        self._closed = False

    def warm(self, role: RoleSlug, desk: int, species: str) -> None:
        """Nothing to do: a thread starts at once."""

    async def step(self, request: StepRequest, serve: Serve | None = None) -> StepReply:
        if self._closed:
            raise StepError("the desks are closed")
        name = (request.role, request.desk)
        if request.bench is not None:
            async with self._turns.setdefault(name, asyncio.Lock()):
                return await self._converse(request, serve)
        if name not in self._desks:
            self._desks[name] = ThreadPoolExecutor(1, thread_name_prefix=f"desk-{request.role}-{request.desk}")
        loop = asyncio.get_running_loop()
        answer = await loop.run_in_executor(self._desks[name], served, self._lookup, packed(request))
        return unpacked(answer)

    async def _converse(self, request: StepRequest, serve: Serve | None) -> StepReply:
        if serve is None or self._pack is None:
            raise StepError("these desks serve no language models")
        if self._office is None:
            self._office = Office(tempfile.mkdtemp(prefix="orgrun-desks-"), self._options)
        return await perform(_Door(self._office, self._pack), request, serve)

    async def close(self) -> None:
        self._closed = True
        if self._office is not None:
            office, self._office = self._office, None
            await office.close()
        for desk in self._desks.values():
            desk.shutdown(wait=False, cancel_futures=True)
        self._desks.clear()


class _Door:
    """Implements `desk_wire.Door`."""

    def __init__(self, office: Office, pack: PackTree) -> None:
        self._office, self._pack = office, pack
        self.go_on, self.leave = office.go_on, office.leave

    async def begin(self, seat: str, request: bytes, tree: TreeId | None) -> bytes:
        return await self._office.begin(seat, request, None if tree is None else self._pack(tree))
