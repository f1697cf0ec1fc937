"""The board: trials that steps wait for, and writes that wait for the next transaction.

Works on futures of one event loop. Does not know what a trial is for, nor when it may start: the supervisor reads the
board, decides, and answers. Invariant: every wait ends, with a row of the ledger, a refusal, or the end of the run.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeVar

from orgruntime.ledger.rows import TrialRow
from orgruntime.ledger.transaction import Transaction
from orgruntime.model.amounts import Amounts
from orgruntime.model.ids import CommitId, InquiryId, ProposalId, TrialKey
from orgruntime.model.manifest import Resources
from orgruntime.model.research import RiskClass
from orgruntime.model.trial import Purpose, TrialIdentity
from orgruntime.scheduler.waiting import Waiting, Wanted

T = TypeVar("T")

KEPT = 64
"""Settled trials that are answered from memory."""


class TrialDropped(Exception):
    """A trial that will never be started: one sentence that says why."""


@dataclass(frozen=True)
class Order:
    """A trial as a step asks for it."""

    identity: TrialIdentity
    commit: CommitId
    purpose: Purpose
    resources: Resources
    time_limit_s: float
    proposal: ProposalId | None
    inquiry: InquiryId | None
    sleeve: RiskClass = RiskClass.EXPLOIT
    """Whose share of the device time it takes of, where it is part of the climb."""

    rungs: tuple[float, ...] = ()
    """Shares of its budget at which it is compared with other candidates."""
    network: bool = False
    """Whether it is granted the network of its nodes."""

    @cached_property
    def cap(self) -> Amounts:
        """What it takes at worst."""
        return self.resources.cost(self.time_limit_s)

    @property
    def device_ms(self) -> int:
        """What it takes of its sleeve, at worst."""
        return self.cap.device_ms

    @property
    def wanted(self) -> Wanted:
        """As the policy sees it."""
        return Wanted(
            key=self.identity.key,
            purpose=self.purpose,
            cap=self.cap,
            shape=shape_name(self.resources),
            wall_ms=round(self.time_limit_s * 1000),
            sleeve=self.sleeve,
        )


def shape_name(shape: Resources) -> str:
    where = " ".join([shape.accelerator or "any", *shape.labels])
    span = f"{shape.nodes} nodes, " if shape.nodes > 1 else ""
    return f"{span}cpus {shape.cpus:g}, gpus {shape.gpus:g}, memory {shape.memory_mb or 0}, {where}"


class Board:
    """One a run. `on_change` is called whenever something was put on the board."""

    def __init__(self, lookup: Callable[[TrialKey], TrialRow | None]) -> None:
        self._lookup = lookup
        self.on_change: Callable[[], None] = lambda: None
        self._settled: OrderedDict[TrialKey, TrialRow] = OrderedDict()
        self._waits: dict[TrialKey, list[asyncio.Future[TrialRow]]] = {}
        self.orders: dict[TrialKey, Order] = {}
        """Waited for and not started, in order of arrival."""
        self.waiting = Waiting()
        """The same as the policy sees them: who was overtaken how often is known from tick to tick."""
        self.started: dict[TrialKey, Order] = {}
        self.writes: list[tuple[Callable[[Transaction], Any], asyncio.Future[Any]]] = []

    async def measure(self, order: Order) -> TrialRow:
        """The trial's row once it is settled: at once when the ledger has it, else after it ran.

        Raises TrialDropped when it will never be started.
        """
        if (row := self.settled(order)) is not None:
            return row
        key = order.identity.key
        done: asyncio.Future[TrialRow] = asyncio.get_running_loop().create_future()
        self._waits.setdefault(key, []).append(done)
        if key not in self.started and key not in self.orders:
            self._put(order)
        try:
            return await done
        finally:
            self._leave(key, done)

    def settled(self, order: Order) -> TrialRow | None:
        """The trial's row, where it has its result already."""
        row = self._settled.get(order.identity.key) or self._lookup(order.identity.key)
        if row is None or row.number is None:
            return None
        self._keep(row)
        return row

    async def write(self, change: Callable[[Transaction], T]) -> T:
        """Performs `change` within the supervisor's next transaction; returns when that is on disk.

        `change` must not await, and must not fail for a reason that a user could cause.
        """
        done: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        self.writes.append((change, done))
        self.on_change()
        return await done

    def start(self, key: TrialKey) -> None:
        self.started[key] = self.orders.pop(key)
        self.waiting.start(key)

    def put_back(self, key: TrialKey) -> None:
        """After an attempt that is tried again, for whoever still waits for it."""
        order = self.started.pop(key, None)
        if order is not None and key in self._waits:
            self._put(order)

    def settle(self, row: TrialRow) -> None:
        self.started.pop(row.key, None)
        self._take(row.key)
        for done in self._waits.pop(row.key, []):
            if not done.done():
                done.set_result(row)

    def drop(self, key: TrialKey, reason: str) -> None:
        self._take(key)
        for done in self._waits.pop(key, []):
            if not done.done():
                done.set_exception(TrialDropped(reason))

    def _keep(self, row: TrialRow) -> None:
        """What was asked for twice is asked for again: every screen of a lead looks at the lead's own trials."""
        self._settled[row.key] = row
        self._settled.move_to_end(row.key)
        if len(self._settled) > KEPT:
            self._settled.popitem(last=False)

    def _leave(self, key: TrialKey, done: asyncio.Future[TrialRow]) -> None:
        """A trial that nobody waits for any more is not started."""
        waits = self._waits.get(key, [])
        if done in waits:
            waits.remove(done)
        if not waits:
            self._waits.pop(key, None)
            self._take(key)

    def _put(self, order: Order) -> None:
        self.orders[order.identity.key] = order
        self.waiting.add(order.wanted)
        self.on_change()

    def _take(self, key: TrialKey) -> None:
        if self.orders.pop(key, None) is not None:
            self.waiting.remove(key)
