"""Who has what of the cluster: the free room of nodes and leases, in numbers. Pure.

Works on resource shapes; does not know Ray. A lease is what one agent holds of one node; trials of any shape are packed
into it, so that shapes never compete by holding on to rooms. Invariant: a room's free amounts plus the shares that were
taken from it are what it started with; a GPU's shares never pass 1.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from orgruntime.model.fleet import Node
from orgruntime.model.manifest import Resources
from orgruntime.model.placement import GRAIN, MOST, floor, is_possible


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

    def __init__(self, cpus: float, gpus: int, memory_mb: float) -> None:
        self.cpus = cpus
        self.devices = [1.0] * gpus
        self.memory_mb = memory_mb

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
            whole = sum(free > 1 - GRAIN for free in self.devices)
            counts.append(whole // int(shape.gpus) if is_possible(shape) else 0)
        elif shape.gpus > 0:
            counts.append(sum(floor(free / shape.gpus) for free in self.devices))
        return max(0, min(counts))

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
        self._held: dict[str, tuple[float, float, float]] = {}

    def note(self, node: Node, available: Mapping[str, float], ours: Sequence[Room]) -> None:
        """`available`: what nobody has reserved of the node, in Ray's names and bytes."""
        self._held[node.id] = (
            max(0.0, node.cpus - available.get("CPU", 0.0) - sum(room.cpus for room in ours)),
            max(0.0, node.gpus - available.get("GPU", 0.0) - sum(len(room.devices) for room in ours)),
            max(0.0, node.memory_mb - available.get("memory", 0.0) / 2**20 - sum(room.memory_mb for room in ours)),
        )

    def leave(self, node: Node, ours: Sequence[Room]) -> Room:
        """What nobody holds of the node."""
        cpus, gpus, memory_mb = self._held.get(node.id, (0.0, 0.0, 0.0))
        return Room(
            max(0.0, node.cpus - sum(room.cpus for room in ours) - cpus),
            max(0, int(node.gpus - sum(len(room.devices) for room in ours) - gpus)),
            max(0.0, node.memory_mb - sum(room.memory_mb for room in ours) - memory_mb),
        )


def hold(room: Room, shapes: Sequence[Resources]) -> bool:
    """Whether the room holds all of these at once. Takes what fits."""
    return all(room.take(shape) for shape in shapes)


def topped_up(shapes: Sequence[Resources], free: Room) -> list[Resources]:
    """With as many more of the parts of a GPU among them as their whole GPUs hold anyway and the node has the rest for:
    a half without CPUs would stand idle for as long as its other half is leased. Takes from the node's free room."""
    found = list(shapes)
    if not hold(free, shapes):
        return found
    for shape in dict.fromkeys(shape for shape in shapes if 0 < shape.gpus < 1):
        devices = len(room_for(found).devices)
        while len(room_for([*found, shape]).devices) == devices and free.take(shape):
            found.append(shape)
    return found


def room_for(shapes: Sequence[Resources]) -> Room:
    """The smallest room with whole GPUs that holds all of these at once."""
    whole = sum(int(shape.gpus) for shape in shapes if shape.gpus >= 1)
    parts = Room(math.inf, 0, math.inf)
    for shape in sorted((shape for shape in shapes if 0 < shape.gpus < 1), key=lambda shape: -shape.gpus):
        if parts.take(shape) is None:
            parts.devices.append(1.0)
            parts.take(shape)
    memory_mb = sum(float(shape.memory_mb or 0) for shape in shapes)
    return Room(sum(shape.cpus for shape in shapes), whole + len(parts.devices), memory_mb)
