"""Where a trial fits: one shape of resources against the nodes of a fleet.

Does not know what runs there now: it says what an empty fleet could hold. Invariant: a shape fits a node when every
one of its demands does, and a trial never spans nodes.
"""

from __future__ import annotations

from typing import NamedTuple

from orgruntime.model.fleet import Fleet, Node
from orgruntime.model.manifest import Resources

_MOST_PLACES = 4096
"""What a shape that asks for nothing is counted as."""


class Fit(NamedTuple):
    places: int
    nodes: tuple[str, ...]
    misfit: str


def fit(shape: Resources, fleet: Fleet) -> Fit:
    """How many trials of the shape an empty fleet holds at once, on which nodes, or the nearest miss in words."""
    places = [(_name(node), _places(shape, node)) for node in fleet.nodes]
    holding = tuple(name for name, count in places if count)
    if holding:
        return Fit(sum(count for _, count in places), holding, "")
    if not fleet.nodes:
        return Fit(0, (), "the fleet has no nodes")
    nearest = min(fleet.nodes, key=lambda node: (len(_lacks(shape, node)), -node.gpus, -node.cpus, node.id))
    return Fit(0, (), f"no node holds it; the nearest, {_name(nearest)}, {' and '.join(_lacks(shape, nearest))}")


def _name(node: Node) -> str:
    """For people: the address, and enough of the id for several nodes of one machine."""
    return f"{node.address} ({node.id[:8]})" if node.address else node.id


def _places(shape: Resources, node: Node) -> int:
    if _lacks(shape, node):
        return 0
    # A millionth of slack: ten trials of 0.1 GPU fit one GPU.
    ratios = [
        have / want + 1e-6
        for have, want in ((node.cpus, shape.cpus), (node.gpus, shape.gpus), (node.memory_mb, shape.memory_mb or 0))
        if want
    ]
    return int(min(ratios)) if ratios else _MOST_PLACES


def _lacks(shape: Resources, node: Node) -> list[str]:
    lacks = []
    if shape.gpus > node.gpus:
        lacks.append(f"has {node.gpus:g} of {shape.gpus:g} GPUs")
    if shape.cpus > node.cpus:
        lacks.append(f"has {node.cpus:g} of {shape.cpus:g} CPUs")
    if shape.memory_mb and shape.memory_mb > node.memory_mb:
        lacks.append(f"has {node.memory_mb} of {shape.memory_mb} MB of memory")
    if shape.accelerator and shape.accelerator != node.accelerator:
        lacks.append(f"has {node.accelerator or 'no accelerator'}, not {shape.accelerator}")
    return lacks
