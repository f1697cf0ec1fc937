"""Where a trial fits: one shape of resources against the nodes of a fleet.

Does not know what runs there now: it says what an empty fleet could hold. Invariant: a shape fits a node when every
one of its demands does; a gang fits when enough nodes hold a rank of it.
"""

from __future__ import annotations

from typing import NamedTuple

from orgruntime.model.fleet import Fleet
from orgruntime.model.manifest import Resources
from orgruntime.model.placement import nearest_miss, places, room


class Fit(NamedTuple):
    places: int
    nodes: tuple[str, ...]
    misfit: str


def fit(shape: Resources, fleet: Fleet) -> Fit:
    """How many trials of the shape an empty fleet holds at once, on which nodes, or the nearest miss in words."""
    if count := room(fleet.nodes, shape):
        return Fit(count, tuple(node.name for node in fleet.nodes if places(node, shape)), "")
    return Fit(0, (), nearest_miss(shape, fleet.nodes))
