"""Where a trial's resources can lie: one shape against nodes that run nothing. Pure.

Knows no cluster and no trial. Invariants: a trial lies on one node, a gang's ranks on as many different ones; a part of
a GPU lies on one device; a shape that a node holds is held by every executor, since all of them count here. On which
type of accelerator a run measures is settled once, so that nothing is ever compared across hardware.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from orgruntime.model.fleet import Node
from orgruntime.model.ids import RoleSlug
from orgruntime.model.manifest import Resources, Role

MOST = 256
"""Places a node at most, for shapes that ask for next to nothing."""
GRAIN = 1e-6
"""Sums of fractions are off by less; reservations in Ray have a grain of 1e-4."""


def room(nodes: Iterable[Node], shape: Resources) -> int:
    """Trials of the shape that these nodes hold at once, were they empty."""
    return side_by_side([places(node, shape) for node in nodes], shape.nodes)


def side_by_side(counts: Sequence[int], nodes: int) -> int:
    """Trials at once that span so many different nodes, where each node holds `counts` of their ranks."""
    if nodes == 1:
        return sum(counts)
    # So many gangs fit exactly if each node gives at most one rank to each of them, and all ranks are given.
    most = sum(counts) // nodes
    while most and sum(min(count, most) for count in counts) < most * nodes:
        most -= 1
    return most


def places(node: Node, shape: Resources) -> int:
    """Trials of the shape that the node holds at once, were it empty; of a gang, its ranks."""
    if not suits(node, shape):
        return 0
    counts = [MOST]
    if shape.cpus > 0:
        counts.append(floor(node.cpus / shape.cpus))
    if shape.memory_mb:
        counts.append(floor(node.memory_mb / shape.memory_mb))
    if shape.gpus >= 1:
        counts.append(int(node.gpus) // int(shape.gpus))
    elif shape.gpus > 0:
        counts.append(int(node.gpus) * on_one_device(shape.gpus))
    return min(counts)


def suits(node: Node, shape: Resources) -> bool:
    """Whether the node is of the kind that the shape asks for, whatever room it has."""
    if not is_possible(shape) or not _is_kind(node, shape.accelerator):
        return False
    return all(_holds(node, condition) for condition in shape.labels)


def lacks(node: Node, shape: Resources) -> list[str]:
    """What keeps an empty node from holding one trial of the shape, or one rank of a gang, in words."""
    found = []
    if not is_possible(shape):
        found.append(f"has whole GPUs, and {shape.gpus:g} is neither a part of one nor a whole number of them")
    elif shape.gpus > int(node.gpus) + GRAIN:
        found.append(f"has {node.gpus:g} of {shape.gpus:g} GPUs")
    if shape.cpus > node.cpus + GRAIN:
        found.append(f"has {node.cpus:g} of {shape.cpus:g} CPUs")
    if shape.memory_mb and shape.memory_mb > node.memory_mb:
        found.append(f"has {node.memory_mb} of {shape.memory_mb} MB of memory")
    if not _is_kind(node, shape.accelerator):
        found.append(f"has {node.accelerator or 'no accelerator'}, not {shape.accelerator}")
    for condition in shape.labels:
        if not _holds(node, condition):
            name = condition.partition("=")[0].removesuffix("!")
            value = node.labels.get(name)
            found.append(f"has {f'{name}={value}' if value is not None else f'no label {name}'}, not {condition}")
    return found


def nearest_miss(shape: Resources, nodes: Sequence[Node]) -> str:
    """Why none of these holds one trial of the shape, by the one that lacks least."""
    if not nodes:
        return "the fleet has no nodes"
    others = [node for node in nodes if not places(node, shape)]
    enough = len(nodes) - len(others)
    if not others:
        return f"it spans {shape.nodes} nodes, and the fleet has {len(nodes)}"
    nearest = min(others, key=lambda node: (len(lacks(node, shape)), -node.gpus, -node.cpus, node.id))
    lacking = " and ".join(lacks(nearest, shape))
    if shape.nodes > 1:
        span = f"it spans {shape.nodes} nodes, and {enough} hold a rank of it"
        return f"{span}; the nearest{' other' if enough else ''}, {nearest.name}, {lacking}"
    return f"no node holds it; the nearest, {nearest.name}, {lacking}"


def is_possible(shape: Resources) -> bool:
    """Whether GPUs of this number exist at all: a fraction of one, or whole ones."""
    return shape.gpus <= 1 or shape.gpus == int(shape.gpus)


def on_one_device(fraction: float) -> int:
    """Trials that share one GPU when each takes such a part of it, in (0, 1)."""
    return floor(1.0 / fraction)


def stranded(fraction: float) -> float:
    """The part of each GPU that no trial of this fraction can use; 0 for whole ones."""
    return max(0.0, 1.0 - on_one_device(fraction) * fraction) if 0 < fraction < 1 else 0.0


def settled(roles: Iterable[Role], nodes: Sequence[Node]) -> dict[RoleSlug, Resources]:
    """What each of these roles reserves once it is settled on which type of accelerator its GPUs are.

    Of declared types, the first that has a place for every role which declares the same, else the first that is
    declared. Where none is declared, of those that the nodes have, the one with most places for whom it has fewest.
    """
    alike: dict[tuple[str, ...], list[Role]] = {}
    for role in roles:
        if role.resources.gpus:
            alike.setdefault(types(role.resources), []).append(role)
    found: dict[RoleSlug, Resources] = {}
    for declared, some in alike.items():
        kind = _kind([role.resources for role in some], declared, nodes)
        found |= {role.slug: on(role.resources, kind) for role in some}
    return found


def types(shape: Resources) -> tuple[str, ...]:
    """The declared types of accelerator, the preferred one first."""
    return (shape.accelerator, *shape.fallbacks) if shape.accelerator else ()


def on(shape: Resources, kind: str | None) -> Resources:
    """The shape on this type and no other."""
    return shape.model_copy(update={"accelerator": kind, "fallbacks": ()}) if kind else shape


def floor(value: float) -> int:
    """Whole places in a ratio; ten tenths of a GPU fit one."""
    return int(value + GRAIN)


def _kind(shapes: Sequence[Resources], declared: Sequence[str], nodes: Sequence[Node]) -> str | None:
    kinds = declared or sorted({node.accelerator for node in nodes if node.accelerator})
    holds = {kind: min(room(nodes, on(shape, kind)) for shape in shapes) for kind in kinds}
    if declared:
        return next((kind for kind in declared if holds[kind]), declared[0])
    return max(holds, key=lambda kind: holds[kind], default=None)


def _is_kind(node: Node, kind: str | None) -> bool:
    return kind is None or (node.accelerator or "").casefold() == kind.casefold()


def _holds(node: Node, condition: str) -> bool:
    """`zone=a/b` or `market!=spot`. A label that is not there is none of the values."""
    name, _, values = condition.partition("=")
    among = node.labels.get(name.removesuffix("!")) in values.split("/")
    return among is not name.endswith("!")
