"""Where a trial fits: one shape of resources against the nodes of a fleet.

Does not know what runs there now: it says what an empty fleet could hold. Invariant: a shape fits a node when every
one of its demands does, and a trial never spans nodes.
"""

from __future__ import annotations

from typing import NamedTuple

from orgruntime.model.fleet import Fleet
from orgruntime.model.manifest import Resources
from orgruntime.model.placement import nearest_miss, places


class Fit(NamedTuple):
    places: int
    nodes: tuple[str, ...]
    misfit: str


def fit(shape: Resources, fleet: Fleet) -> Fit:
    """How many trials of the shape an empty fleet holds at once, on which nodes, or the nearest miss in words."""
    room = [(node.name, places(node, shape)) for node in fleet.nodes]
    holding = tuple(name for name, count in room if count)
    if holding:
        return Fit(sum(count for _, count in room), holding, "")
    return Fit(0, (), nearest_miss(shape, fleet.nodes))
