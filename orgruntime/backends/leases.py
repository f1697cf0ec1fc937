"""Who has what of the cluster: the free room of nodes and leases, in numbers. Pure.

Works on resource shapes; does not know Ray. A lease is what one agent holds of one node; trials of any shape are packed
into it, so that shapes never compete by holding on to rooms. Invariants: a room's free amounts plus the shares that
were taken from it are what it started with and what was added; a GPU's shares never pass 1; a room that has grown by
what it lacked for a shape holds that shape.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from orgruntime.model.fleet import Node
from orgruntime.model.manifest import Resources
from orgruntime.model.placement import GRAIN, MOST, floor, is_possible


@dataclass(frozen=True)
class Amounts:
    """Of a node. GPUs are whole devices where they are ours, and parts of one where others share it."""

    cpus: float = 0.0
    gpus: float = 0.0
    memory_mb: float = 0.0

    def __add__(self, other: Amounts) -> Amounts:
        return Amounts(self.cpus + other.cpus, self.gpus + other.gpus, self.memory_mb + other.memory_mb)

    def __sub__(self, other: Amounts) -> Amounts:
        """Nothing is less than nothing."""
        return Amounts(
            max(0.0, self.cpus - other.cpus),
            max(0.0, self.gpus - other.gpus),
            max(0.0, self.memory_mb - other.memory_mb),
        )

    def covers(self, other: Amounts) -> bool:
        return (
            other.cpus <= self.cpus + GRAIN
            and other.gpus <= self.gpus + GRAIN
            and other.memory_mb <= self.memory_mb + GRAIN
        )

    def within(self, low: Amounts, high: Amounts) -> Amounts:
        """Each amount, or the nearest that lies between those two."""
        return Amounts(
            min(max(self.cpus, low.cpus), high.cpus),
            min(max(self.gpus, low.gpus), high.gpus),
            min(max(self.memory_mb, low.memory_mb), high.memory_mb),
        )


@dataclass(frozen=True)
class Share:
    """What one trial holds. `devices` are indices of the lease's GPUs."""

    cpus: float
    memory_mb: float
    devices: tuple[int, ...]
    fraction: float
    """Of each device."""


class Room:
    """Free amounts of a node or a lease."""

    def __init__(self, whole: Amounts) -> None:
        self.cpus = whole.cpus
        self.devices = [1.0] * int(whole.gpus)
        self.memory_mb = whole.memory_mb

    def beside(self, more: Amounts) -> Room:
        """This and that as one, neither of which changes."""
        found = Room(more)
        found.cpus += self.cpus
        found.devices = [*self.devices, *found.devices]
        found.memory_mb += self.memory_mb
        return found

    def lack(self, shape: Resources) -> Amounts:
        """The least that is to be added for a shape that is possible."""
        gpus = 0
        if shape.gpus >= 1:
            gpus = max(0, int(shape.gpus) - self._whole())
        elif self._pick(shape.gpus) is None:
            gpus = 1
        return Amounts(shape.cpus, gpus, float(shape.memory_mb or 0)) - Amounts(self.cpus, 0, self.memory_mb)

    def add(self, more: Amounts) -> None:
        self.cpus += more.cpus
        self.devices += [1.0] * int(more.gpus)
        self.memory_mb += more.memory_mb

    def take(self, shape: Resources) -> Share | None:
        """None when the shape does not fit now. Fractions go to the fullest device that has room, whole ones to free
        devices."""
        memory_mb = float(shape.memory_mb or 0)
        if not is_possible(shape) or shape.cpus > self.cpus + GRAIN or memory_mb > self.memory_mb + GRAIN:
            return None
        devices = self._pick(shape.gpus)
        if devices is None:
            return None
        share = Share(shape.cpus, memory_mb, devices, min(1.0, shape.gpus))
        self.cpus -= share.cpus
        self.memory_mb -= share.memory_mb
        for device in devices:
            self.devices[device] -= share.fraction
        return share

    def give(self, share: Share) -> None:
        self.cpus += share.cpus
        self.memory_mb += share.memory_mb
        for device in share.devices:
            self.devices[device] += share.fraction

    def slots(self, shape: Resources) -> int:
        """How many of the shape fit beside what is there."""
        counts = [MOST]
        if shape.cpus > 0:
            counts.append(floor(self.cpus / shape.cpus))
        if shape.memory_mb:
            counts.append(floor(self.memory_mb / shape.memory_mb))
        if shape.gpus >= 1:
            counts.append(self._whole() // int(shape.gpus) if is_possible(shape) else 0)
        elif shape.gpus > 0:
            counts.append(sum(floor(free / shape.gpus) for free in self.devices))
        return max(0, min(counts))

    def _whole(self) -> int:
        return sum(free > 1 - GRAIN for free in self.devices)

    def _pick(self, gpus: float) -> tuple[int, ...] | None:
        order = sorted(range(len(self.devices)), key=lambda device: self.devices[device])
        if gpus <= 0:
            return ()
        if gpus < 1:
            return next(((device,) for device in order if self.devices[device] >= gpus - GRAIN), None)
        whole = [device for device in sorted(order) if self.devices[device] > 1 - GRAIN]
        return tuple(whole[: int(gpus)]) if len(whole) >= gpus else None


class Others:
    """What others hold of each node, by the last look at it. A second old, so ours are never read from it."""

    def __init__(self) -> None:
        self._held: dict[str, Amounts] = {}

    def note(self, node: Node, available: Mapping[str, float], ours: Amounts, starting: Amounts) -> None:
        """`available`: what nobody has reserved of the node, in Ray's names and bytes. Of what we are `starting` nobody
        can tell whether it is reserved already: as much as this leaves open stays as it was. Taken for reserved, it
        would be promised a second time, out of what others hold."""
        free = Amounts(available.get("CPU", 0.0), available.get("GPU", 0.0), available.get("memory", 0.0) / 2**20)
        most = _all(node) - free - ours
        self._held[node.id] = self._held.get(node.id, Amounts()).within(most - starting, most)

    def leave(self, node: Node, ours: Amounts) -> Amounts:
        """What nobody holds of the node: whole GPUs."""
        free = _all(node) - ours - self._held.get(node.id, Amounts())
        return Amounts(free.cpus, int(free.gpus + GRAIN), free.memory_mb)


def spare_parts(room: Room, shapes: Sequence[Resources], free: Amounts) -> Amounts:
    """What is to be added to a lease, out of what the node has free, for as many more of the parts of a GPU among these
    shapes as its GPUs hold anyway: a half without CPUs would stand idle for as long as its other half is leased."""
    found = Amounts()
    grown = room.beside(found)
    for shape in dict.fromkeys(shape for shape in shapes if 0 < shape.gpus < 1):
        while not (lack := grown.lack(shape)).gpus and free.covers(found + lack):
            found += lack
            grown.add(lack)
            grown.take(shape)
    return found


def _all(node: Node) -> Amounts:
    return Amounts(node.cpus, node.gpus, node.memory_mb)
