"""An agent and its zygote, without Ray: trees come for a whole run, and only so many stay."""

from __future__ import annotations

import asyncio
import io
import json
import tarfile
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
import ray

from orgruntime.backends import node_agent, ray_agents
from orgruntime.backends.orders import order
from orgruntime.model.ids import TreeId
from orgruntime.testing.conformance.executor import attempt


def pack(tree: TreeId) -> bytes:
    """One file is every tree's, one its own."""
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as tar:
        for path, text in (("eval.py", "1"), ("train.py", tree)):
            member = tarfile.TarInfo(path)
            member.size = len(text)
            tar.addfile(member, io.BytesIO(text.encode()))
    return stream.getvalue()


@pytest_asyncio.fixture
async def agent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[node_agent.NodeAgent]:
    monkeypatch.setattr(node_agent, "TREES", 3)
    monkeypatch.setattr(node_agent, "KNOWN", 2)
    monkeypatch.setattr(node_agent, "LARGEST_IN_MEMORY", 0)
    monkeypatch.setattr(ray, "get_gpu_ids", list)
    told = ray_agents.config(
        tmp_path / "node", editable=["train.py"], setup=None, setup_limit_s=60.0, sandbox=False, spool=None
    )
    agent = node_agent.NodeAgent(told)
    await agent.ready()
    yield agent
    await agent.close(keep=False)


class Trials:
    def __init__(self, agent: node_agent.NodeAgent) -> None:
        self._agent, self._heard = agent, 0

    async def start(self, tree: str, *argv: str) -> bytes:
        spec = attempt(argv, tree=TreeId(tree))
        launch = order(spec, [])
        await self._agent.launch([launch], {spec.tree: pack(spec.tree)})
        return launch

    async def outcome(self) -> dict[str, Any]:
        async with asyncio.timeout(120):
            self._heard, lines = await self._agent.poll(self._heard)
        (line,) = lines
        return dict(json.loads(line))


def tree(number: int) -> str:
    return f"{number:040x}"


async def test_trees_are_removed_but_for_the_last_and_those_that_trials_work_in(
    agent: node_agent.NodeAgent, tmp_path: Path
) -> None:
    trials, gate = Trials(agent), tmp_path / "gate"
    wait = f"import os, time\nwhile not os.path.exists({str(gate)!r}): time.sleep(0.02)"
    await trials.start(tree(0), "python", "-c", wait)
    for number in (*range(1, 40), 1):
        await trials.start(tree(number), "cat", "train.py")
        outcome = await trials.outcome()
        assert (outcome["ending"], outcome["exit_code"], outcome["output"]) == ("exited", 0, tree(number))
    laid_out = {place.name for place in (Path(agent.own) / "trees").iterdir()}
    assert {tree(0), tree(1), tree(39), tree(38)} <= laid_out
    assert len(laid_out) <= 7
    assert len(agent.known) <= 2 * 2 + 1
    async with asyncio.timeout(60):
        while list(Path(agent.own).glob("trash-*")) or len(list((Path(agent.folder) / "blobs").iterdir())) > 8:
            await asyncio.sleep(0.02)
    gate.touch()
    outcome = await trials.outcome()
    assert (outcome["ending"], outcome["exit_code"]) == ("exited", 0), outcome
    assert not agent.users


async def test_a_launch_that_is_sent_twice_starts_once(agent: node_agent.NodeAgent) -> None:
    trials = Trials(agent)
    first = await trials.start(tree(0), "cat", "train.py")
    await trials.outcome()
    await agent.launch([first], {tree(0): pack(TreeId(tree(0)))})
    await trials.start(tree(1), "cat", "train.py")
    assert (await trials.outcome())["output"] == tree(1)
    assert agent.last == 2
