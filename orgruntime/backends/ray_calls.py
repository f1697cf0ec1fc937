"""Calls of Ray that the executor makes in more than one place, each a line or two. Knows shapes; knows no lease.

Invariant: what a run asks an autoscaling cluster for is all that it runs and waits for, and nothing once it is closed:
the request stands in the cluster until another takes its place.
"""

from __future__ import annotations

from collections.abc import Awaitable, Sequence
from types import ModuleType
from typing import Any

from orgruntime.model.manifest import Resources

BUSY = (RuntimeError, ConnectionError, TimeoutError, ValueError)
"""The head is busy or restarting."""
KIND_GRAIN = 0.001
"""Of the resource `accelerator_type:H100`, of which each node of the type has 1."""


def pinned(node: str) -> Any:
    """To this node and no other."""
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    return NodeAffinitySchedulingStrategy(node_id=node, soft=False)


def travel_by_value(*modules: ModuleType) -> None:
    """Nodes of a joined cluster need Ray and Python, not this package."""
    from ray import cloudpickle

    for module in modules:
        cloudpickle.register_pickle_by_value(module)


async def quietly(reply: Awaitable[Any]) -> None:
    import ray

    try:
        await reply
    except ray.exceptions.RayError:
        return


def ask_for(shapes: Sequence[Resources]) -> None:
    """The cluster is to hold all of these at once. Where nothing can grow, nothing comes of it."""
    from ray.autoscaler.sdk import request_resources

    request_resources(bundles=list(map(bundle, shapes)), bundle_label_selectors=list(map(selector, shapes)))


def bundle(shape: Resources) -> dict[str, float]:
    """In Ray's names and bytes."""
    amounts = {"CPU": shape.cpus, "GPU": shape.gpus, "memory": float((shape.memory_mb or 0) << 20)}
    if shape.accelerator:
        amounts[f"accelerator_type:{shape.accelerator}"] = KIND_GRAIN
    return {name: amount for name, amount in amounts.items() if amount}


def selector(shape: Resources) -> dict[str, str]:
    """`zone=a/b` → `in(a,b)`, `market!=spot` → `!in(spot)`."""
    found = {}
    for condition in shape.labels:
        name, _, values = condition.partition("=")
        sign = "!" if name.endswith("!") else ""
        found[name.removesuffix("!")] = f"{sign}in({values.replace('/', ',')})"
    return found
