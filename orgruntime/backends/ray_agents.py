"""How node agents are made: what they are told, where they go, what a node says before it has one.

Works on nodes, rooms and the agent's configuration; does not know attempts or leases. Invariant: agents that are made
for one gang reserve their shares together or not at all, so that two gangs never wait for each other's half.
"""

from __future__ import annotations

import asyncio
import inspect
import uuid
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from orgruntime.backends import (
    bubblewrap,
    milestones,
    node_agent,
    processes,
    ray_calls,
    seccomp,
    shepherd,
    trial_files,
    trial_layout,
    zygote,
)
from orgruntime.backends.leases import Amounts
from orgruntime.model import editable
from orgruntime.model.fleet import Node

NODE_LABEL = "ray.io/node-id"


class Berth(NamedTuple):
    """A share of a node that a placement group holds."""

    group: Any
    bundle: int


def config(folder: Path | None, **trials: Any) -> dict[str, Any]:
    """What every agent of a run is told. `folder`: an embedded cluster's own."""
    modules = (zygote, shepherd, processes, milestones, trial_files)
    ray_calls.travel_by_value(editable, seccomp, bubblewrap, trial_layout, node_agent)
    return {
        "run": uuid.uuid4().hex[:12],
        "folder": str(folder / "n") if folder else None,
        "code": {module.__name__.rpartition(".")[2]: inspect.getsource(module) for module in modules},
        **trials,
    }


async def survey(nodes: Sequence[Node], told: dict[str, Any], *, here: bool) -> list[dict[str, Any]]:
    """The isolation that each node gives. `here`: the one node is this machine and is asked directly; others are asked
    by a task there."""
    if here:
        return [await asyncio.to_thread(node_agent.survey, told)]
    import ray

    ask = ray.remote(num_cpus=0, max_retries=2)(node_agent.survey)
    asked = [ask.options(scheduling_strategy=ray_calls.pinned(node.id)).remote(told) for node in nodes]
    return list(await asyncio.gather(*asked))


def start(node: Node, held: Amounts, told: dict[str, Any], berth: Berth | None = None) -> Any:
    """An agent that holds so much of the node. Returns at once, before it is there."""
    import ray

    make = ray.remote(node_agent.NodeAgent).options(
        num_cpus=held.cpus,
        num_gpus=held.gpus,
        memory=int(held.memory_mb * 2**20) or None,
        scheduling_strategy=ray_calls.pinned(node.id) if berth is None else ray_calls.in_group(*berth),
        max_restarts=0,
        max_task_retries=0,
        max_concurrency=10_000,
    )
    return make.remote(told)


def berths(nodes: Sequence[Node], share: Amounts) -> list[Berth | None]:
    """This share of each of the nodes, which Ray reserves together or not at all. One alone needs no group."""
    if len(nodes) < 2:
        return [None] * len(nodes)
    from ray.util import placement_group

    amounts = {"CPU": share.cpus, "GPU": share.gpus, "memory": share.memory_mb * 2**20}
    group = placement_group(
        [{name: amount for name, amount in amounts.items() if amount} for _ in nodes],
        strategy="STRICT_SPREAD",
        bundle_label_selector=[{NODE_LABEL: node.id} for node in nodes],
    )
    return [Berth(group, bundle) for bundle in range(len(nodes))]


async def free_port(agent: Any) -> int | None:
    """On the agent's node; None where it is gone."""
    import ray

    while True:
        try:
            port: int = await agent.free_port.remote()
            return port
        except ray.exceptions.ActorUnavailableError:
            await asyncio.sleep(0.5)
        except ray.exceptions.RayError:
            return None


def end(agent: Any, group: Any) -> None:
    """Either may be None. Waits for the head."""
    import ray
    from ray.util import remove_placement_group

    if agent is not None:
        ray.kill(agent)
    if group is not None:
        remove_placement_group(group)
