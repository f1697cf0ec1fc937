"""Calls of Ray that the executor makes in more than one place, each a line or two. Knows shapes; knows no lease.

Invariant: what a run asks an autoscaling cluster for is all that it runs and waits for, and nothing once it is closed:
the request stands in the cluster until another takes its place.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Awaitable, Callable, Mapping, Sequence
from types import ModuleType
from typing import Any, TypeVar

from orgruntime.model.fleet import Node
from orgruntime.model.manifest import Resources

T = TypeVar("T")
BUSY = (RuntimeError, ConnectionError, TimeoutError, ValueError)
"""The head is busy or restarting."""
KIND_GRAIN = 0.001
"""Of the resource `accelerator_type:H100`, of which each node of the type has 1."""


def pinned(node: str) -> Any:
    """To this node and no other."""
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    return NodeAffinitySchedulingStrategy(node_id=node, soft=False)


def in_group(group: Any, index: int) -> Any:
    """To this bundle of a placement group and no other."""
    from ray.util.scheduling_strategies import PlacementGroupSchedulingStrategy

    return PlacementGroupSchedulingStrategy(placement_group=group, placement_group_bundle_index=index)


def travel_by_value(*modules: ModuleType) -> None:
    """Nodes of a joined cluster need Ray and Python, not this package."""
    from ray import cloudpickle

    for module in modules:
        cloudpickle.register_pickle_by_value(module)


def environment(node: Node, found: Mapping[str, Any]) -> dict[str, str]:
    """What trials meet on a node, as its survey found it."""
    return {**found["environment"], "accelerator": node.accelerator or ("unknown" if node.gpus else "none")}


async def quietly(reply: Awaitable[Any]) -> None:
    import ray

    try:
        await reply
    except ray.exceptions.RayError:
        return


async def aside(function: Callable[[], T]) -> T:
    """A call that the head may never answer: in a thread that nobody waits for when the process ends."""
    loop = asyncio.get_running_loop()
    answer: asyncio.Future[T] = loop.create_future()

    def tell(how: Callable[[Any], None], what: object) -> None:
        with contextlib.suppress(RuntimeError):  # The loop is closed.
            loop.call_soon_threadsafe(lambda: None if answer.done() else how(what))

    def work() -> None:
        try:
            tell(answer.set_result, function())
        except BaseException as error:  # whoever waits gets it
            tell(answer.set_exception, error)

    threading.Thread(target=work, daemon=True, name="aside").start()
    return await answer


async def on_each(nodes: Sequence[Node], function: Callable[[Any], object], config: object) -> None:
    """A task on each node, waited for up to 10 s."""
    import ray

    task = ray.remote(num_cpus=0, max_retries=0)(function)
    asked = [quietly(task.options(scheduling_strategy=pinned(node.id)).remote(config)) for node in nodes]
    if asked:
        await asyncio.wait([asyncio.ensure_future(one) for one in asked], timeout=10)


def ask_for(shapes: Sequence[Resources]) -> None:
    """The cluster is to hold all of these at once. Where nothing can grow, nothing comes of it."""
    from ray.autoscaler.sdk import request_resources

    ranks = [shape.of_a_rank for shape in shapes for _ in range(shape.nodes)]
    request_resources(bundles=list(map(bundle, ranks)), bundle_label_selectors=list(map(selector, ranks)))


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
