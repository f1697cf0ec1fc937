"""Before a run begins: every role's trial has a node, or is waited for, or the run says why not."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from orgruntime.api.running import _placed
from orgruntime.model.fleet import Node
from orgruntime.model.manifest import Resources, RoleKind
from orgruntime.runtime.lab import Ports
from orgruntime.runtime.ports import ExecutorError
from orgruntime.testing.fake_clock import FakeClock
from orgruntime.testing.inline_engine import InlineEngine
from orgruntime.testing.inline_executor import InlineExecutor
from orgruntime.testing.lab import PROGRAM, ROLES, Heard, Program, lab_in, small_org
from orgruntime.testing.memory_workspace import MemoryWorkspace
from orgruntime.testing.scripted_desks import ScriptedDesks, declining

WISH = Resources(gpus=1, accelerator="B200", fallbacks=("H100",))
CPU, H100 = Node(id="cpu", cpus=4), Node(id="gpu", cpus=4, gpus=1, accelerator="H100")


class Bench:
    def __init__(self, folder: Path, *nodes: Node) -> None:
        roles = tuple(
            role if role.kind is RoleKind.AGENT else role.model_copy(update={"resources": WISH}) for role in ROLES
        )
        org, workspace, self.clock = small_org(roles=roles), MemoryWorkspace(PROGRAM), FakeClock()
        self.executor = InlineExecutor(Program(workspace, lambda constants: 1.0, clock=self.clock, sd=0.1))
        self.executor._nodes = nodes
        desks = ScriptedDesks(lambda request: declining("nothing"))
        self.heard = Heard()
        ports = Ports(self.clock, workspace, desks, self.executor, InlineEngine(org.graph, {}))
        self.lab = lab_in(folder, org, ports, self.heard, 1)


async def test_a_fallback_that_is_there_is_room_enough(tmp_path: Path) -> None:
    bench = Bench(tmp_path, CPU, H100)
    await _placed(bench.lab, 0.0)
    assert bench.heard.events == []


async def test_without_a_wait_the_nearest_node_and_the_remedies_are_named(tmp_path: Path) -> None:
    bench = Bench(tmp_path, CPU)
    with pytest.raises(ExecutorError) as caught:
        await _placed(bench.lab, 0.0)
    said = str(caught.value)
    assert said.startswith("no node of the cluster can hold one trial of trainer: no node holds it; the nearest, cpu,")
    assert "has 0 of 1 GPUs and has no accelerator, not B200" in said
    assert "--wait 15m" in said


async def test_a_growing_cluster_is_asked_and_waited_for(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    task = asyncio.create_task(_placed(bench.lab, 60.0))
    await asyncio.sleep(0.01)
    assert not task.done()
    assert [one.accelerator for one in bench.executor.asked_for] == ["B200", "B200"], "the preferred type first"
    assert [event.text for event in bench.heard.events] == [
        "waiting for a node that holds a trial of trainer: the fleet has no nodes"
    ]
    assert bench.lab.doing == {"cluster": "waiting for a node that holds a trial of trainer: the fleet has no nodes"}
    bench.executor._nodes = (H100,)
    bench.clock.advance(1.0)
    await asyncio.wait_for(task, 10)
    assert bench.executor.asked_for == []
    assert bench.lab.doing == {}


async def test_a_wait_ends(tmp_path: Path) -> None:
    bench = Bench(tmp_path, CPU)
    task = asyncio.create_task(_placed(bench.lab, 3.0))
    for _ in range(4):
        await asyncio.sleep(0.01)
        bench.clock.advance(1.0)
    with pytest.raises(ExecutorError, match="no node of the cluster can hold one trial of trainer"):
        await asyncio.wait_for(task, 10)
