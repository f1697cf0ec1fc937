"""Which leases there are, and which attempt has which share of which. Does nothing.

Works on leases, nodes and attempts; calls neither Ray nor an agent. A lease is pending until its agent is made: it
grows with the attempts that come for its node, so that a node on which an agent is starting gets one more for all of
them, not one for each. Invariants: a node has at most one pending lease; what the leases of a node hold, pending ones
too, and what others hold is never more than the node has, so nothing is promised twice; `free_slots` counts exactly
what would be placed.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from orgruntime.backends.leases import Amounts, Others, Room, Share, spare_parts
from orgruntime.model.fleet import Node
from orgruntime.model.ids import AttemptId
from orgruntime.model.manifest import Resources
from orgruntime.model.placement import places, side_by_side, suits
from orgruntime.model.trial import TrialSpec


@dataclass(frozen=True)
class Running:
    spec: TrialSpec
    share: Share
    since: float


@dataclass(eq=False)
class Lease:
    node: Node
    room: Room = field(default_factory=lambda: Room(Amounts()))
    held: Amounts = field(default_factory=Amounts)
    """What is taken from the node."""
    agent: Any = None
    """None: it is pending."""
    gpus: list[str] = field(default_factory=list)
    ready: bool = False
    settled: asyncio.Event = field(default_factory=asyncio.Event)
    """Its agent is ready, or never will be."""
    group: Any = None
    """The placement group that holds its share of the node, if it was made for a gang."""
    running: dict[AttemptId, Running] = field(default_factory=dict)
    idle_since: float = 0.0
    task: asyncio.Task[None] | None = None

    def grow(self, more: Amounts) -> None:
        self.room.add(more)
        self.held += more


class LeaseBook:
    """Of one executor."""

    def __init__(self) -> None:
        self.leases: list[Lease] = []
        self._where: dict[AttemptId, Lease] = {}
        self._others = Others()

    def of(self, attempt: AttemptId) -> Lease | None:
        return self._where.get(attempt)

    def on(self, node: Node) -> list[Lease]:
        return [lease for lease in self.leases if lease.node.id == node.id]

    def unleased(self, node: Node) -> Amounts:
        return self._others.leave(node, _held(self.on(node)))

    def ahead(self, pending: Lease) -> Lease | None:
        """Whose agent is starting on the node. Not one of a gang: its start may wait for room on other nodes."""
        made = (lease for lease in self.on(pending.node) if lease.agent is not None and lease.group is None)
        return next((lease for lease in made if not lease.settled.is_set()), None)

    def free_slots(self, nodes: Iterable[Node], shape: Resources) -> int:
        return side_by_side([self._slots(node, shape) for node in nodes if places(node, shape)], shape.nodes)

    def widest(self, nodes: Iterable[Node], shape: Resources) -> list[Node]:
        """In the order in which a gang takes them: where most of its ranks would find room comes first. Else room for
        two ranks is left on one node alone, which is no place for a gang."""
        return sorted(nodes, key=lambda node: -self._slots(node, shape) if places(node, shape) else 0)

    def seat(self, spec: TrialSpec, among: Iterable[Lease]) -> Lease | None:
        """Gives the attempt a share of a lease that has room, fullest first, so that others can become idle."""
        for lease in sorted(among, key=lambda lease: (lease.agent is None, -len(lease.running))):
            if suits(lease.node, spec.resources) and (share := lease.room.take(spec.resources)):
                self._where[spec.attempt] = lease
                lease.running[spec.attempt] = Running(spec, share, time.monotonic())
                return lease
        return None

    def place(self, spec: TrialSpec, nodes: Iterable[Node]) -> Lease | None:
        """In the pending lease of the first node that has room, which grows by what it lacks."""
        for node in nodes:
            if not suits(node, spec.resources):
                continue
            pending = self._pending(node)
            lease = pending or Lease(node)
            lack = lease.room.lack(spec.resources)
            if self.unleased(node).covers(lack):
                lease.grow(lack)
                if pending is None:
                    self.leases.append(lease)
                return self.seat(spec, [lease])
        return None

    def open(self, node: Node, rank: TrialSpec, agent: Any, group: Any) -> Lease:
        """One of its own for a rank, on a node that has room for it."""
        lease = Lease(node, agent=agent, group=group)
        lease.grow(lease.room.lack(rank.resources))
        self.leases.append(lease)
        self.seat(rank, [lease])
        return lease

    def fix(self, pending: Lease, *, whole: bool) -> list[AttemptId]:
        """What it is to hold of the node, once and for all: no more than its attempts need now, and the other parts of
        its GPUs; `whole`: all that is free. Returns the attempts for which others have left no room since they came;
        they are in it no longer."""
        pending.room, pending.held = Room(Amounts()), Amounts()
        free = self.unleased(pending.node)
        homeless = []
        for attempt, running in list(pending.running.items()):
            lack = pending.room.lack(running.spec.resources)
            if not free.covers(pending.held + lack):
                homeless.append(attempt)
                del pending.running[attempt], self._where[attempt]
                continue
            pending.grow(lack)
            share = pending.room.take(running.spec.resources)
            assert share is not None, "it lacked nothing more"
            pending.running[attempt] = replace(running, share=share)
        shapes = [running.spec.resources for running in pending.running.values()]
        rest = free - pending.held
        pending.grow(rest if whole else spare_parts(pending.room, shapes, rest))
        return homeless

    def leave(self, lease: Lease, attempt: AttemptId) -> bool:
        """Gives its share back. False if it was not there."""
        running = lease.running.pop(attempt, None)
        if running is None:
            return False
        del self._where[attempt]
        lease.room.give(running.share)
        lease.idle_since = time.monotonic()
        return True

    def drop(self, lease: Lease) -> None:
        """Its share of the node is free. Idempotent."""
        if lease in self.leases:
            self.leases.remove(lease)

    def note(self, node: Node, available: Mapping[str, float]) -> None:
        """What the cluster says is not reserved of the node. It knows nothing of a lease that is pending."""
        made = [lease for lease in self.on(node) if lease.agent is not None]
        starting = [lease for lease in made if not lease.ready]
        self._others.note(node, available, _held(lease for lease in made if lease.ready), _held(starting))

    def idle(self, longer_than_s: float) -> list[Lease]:
        now = time.monotonic()
        idle = [lease for lease in self.leases if lease.ready and not lease.running]
        return [lease for lease in idle if now - lease.idle_since > longer_than_s]

    def _pending(self, node: Node) -> Lease | None:
        return next((lease for lease in self.on(node) if lease.agent is None), None)

    def _slots(self, node: Node, shape: Resources) -> int:
        """Where a rank of a gang comes for room that no lease has, it gets a lease of its own; anything else may need a
        part of the pending one and a part of what is free."""
        leases = self.on(node)
        free = self._others.leave(node, _held(leases))
        pending = next((lease for lease in leases if lease.agent is None and shape.nodes == 1), None)
        rest = pending.room.beside(free) if pending else Room(free)
        return rest.slots(shape) + sum(lease.room.slots(shape) for lease in leases if lease is not pending)


def _held(leases: Iterable[Lease]) -> Amounts:
    return sum((lease.held for lease in leases), Amounts())
