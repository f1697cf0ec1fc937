"""Room that is missing is asked for, and a run that waits for it says so."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from orgruntime.model.fleet import Node
from orgruntime.model.ids import CommitId, TreeId
from orgruntime.model.manifest import Resources
from orgruntime.model.trial import Purpose, TrialIdentity
from orgruntime.runtime.board import Order
from orgruntime.runtime.demand import CLUSTER, LOOK_S, PATIENCE_S, Demand
from orgruntime.runtime.lab import Lab, Ports
from orgruntime.testing.fake_clock import FakeClock
from orgruntime.testing.inline_engine import InlineEngine
from orgruntime.testing.inline_executor import InlineExecutor
from orgruntime.testing.lab import PROGRAM, Heard, Program, lab_in, small_org
from orgruntime.testing.memory_workspace import MemoryWorkspace
from orgruntime.testing.scripted_desks import ScriptedDesks, declining

GPU = Resources(cpus=1, gpus=1)
LOOKS = int(PATIENCE_S / LOOK_S)


class Bench:
    def __init__(self, folder: Path) -> None:
        org, workspace, clock = small_org(), MemoryWorkspace(PROGRAM), FakeClock()
        self.executor = InlineExecutor(Program(workspace, lambda constants: 1.0, clock=clock, sd=0.1), cpus=4)
        desks = ScriptedDesks(lambda request: declining("nothing"))
        self.heard = Heard()
        ports = Ports(clock, workspace, desks, self.executor, InlineEngine(org.graph, {}))
        self.lab: Lab = lab_in(folder, org, ports, self.heard, 1)
        self.held = ""
        self.demand = Demand(self.lab, lambda: self.held)

    async def want(self, shape: Resources, seed: int) -> asyncio.Task[object]:
        identity = TrialIdentity(tree=TreeId("t"), command="run", seed=seed, evaluator="e", hardware="x")
        order = Order(identity, CommitId("c"), Purpose.SCREEN, shape, 10.0, None, None)
        task: asyncio.Task[object] = asyncio.create_task(self.lab.board.measure(order))
        await asyncio.sleep(0)
        return task

    async def look(self, times: int = 1) -> None:
        for _ in range(times):
            await self.demand.look()

    def said(self) -> list[str]:
        return [event.text for event in self.heard.events]


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


async def test_a_run_that_waits_for_a_node_says_for_which_once(bench: Bench) -> None:
    task = await bench.want(GPU, 1)
    await bench.look(LOOKS - 1)
    assert bench.said() == []
    await bench.look(5)
    assert bench.said() == [
        "1 trial waits for a node: no node holds it; the nearest, 10.0.0.0 (node-0), has 0 of 1 GPUs"
    ]
    assert bench.lab.doing[CLUSTER] == bench.said()[0]
    bench.executor._nodes = ()
    await bench.look()
    assert bench.said()[1:] == ["1 trial waits for a node: the fleet has no nodes"]
    bench.executor._nodes = (Node(id="new", cpus=4, gpus=1),)
    bench.lab.board.start(next(iter(bench.lab.board.orders)))
    await bench.look()
    assert CLUSTER not in bench.lab.doing, "it runs again"
    task.cancel()


async def test_a_cluster_is_asked_for_what_runs_and_waits_and_for_nothing_once_all_runs(bench: Bench) -> None:
    tasks = [await bench.want(GPU, seed) for seed in (1, 2)]
    await bench.look()
    assert bench.executor.asked_for == [GPU, GPU]
    bench.lab.board.start(next(iter(bench.lab.board.orders)))
    await bench.look()
    assert bench.executor.asked_for == [GPU, GPU], "what runs keeps its node"
    bench.lab.board.start(next(iter(bench.lab.board.orders)))
    await bench.look()
    assert bench.executor.asked_for == []
    for task in tasks:
        task.cancel()


async def test_others_who_hold_the_cluster_are_named_as_the_reason(bench: Bench) -> None:
    tasks = [await bench.want(Resources(cpus=4), seed) for seed in (1, 2)]
    await bench.look(LOOKS)
    assert bench.said() == ["2 trials wait for room that others hold in the cluster"]
    for task in tasks:
        task.cancel()


async def test_a_run_that_waits_for_something_else_says_that_and_not_that_room_is_missing(bench: Bench) -> None:
    task = await bench.want(GPU, 1)
    bench.held = "the cluster loses trials"
    await bench.look(2 * LOOKS)
    assert (bench.lab.doing[CLUSTER], bench.said()) == (bench.held, []), "whoever holds it tells it"
    bench.held = ""
    await bench.look(LOOKS - 1)
    assert CLUSTER not in bench.lab.doing
    await bench.look()
    assert "waits for a node" in bench.lab.doing[CLUSTER]
    task.cancel()
