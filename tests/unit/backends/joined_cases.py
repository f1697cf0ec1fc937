"""The executor on a running cluster of two simulated nodes with logical GPUs: placement, leases, the loss of a node."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import time
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from orgruntime.backends import ray_agents
from orgruntime.backends.ray_executor import ClusterOptions, RayExecutor, TrialOptions
from orgruntime.backends.ray_head import lean
from orgruntime.model.ids import TreeId
from orgruntime.model.manifest import Resources
from orgruntime.model.trial import Ending
from orgruntime.testing.conformance.executor import ONE, SLEEPS, attempt, collect

pytestmark = [pytest.mark.ray, pytest.mark.asyncio(loop_scope="module")]

GPU = Resources(cpus=1, gpus=1)
SYSTEM = {"enable_worker_prestart": False, "prestart_worker_first_driver": False, "health_check_period_ms": 500}
"""No process ahead of need, and a death is seen in seconds."""
SHOW = ("python", "-c", "import os; print(os.environ['CUDA_VISIBLE_DEVICES'])")


def pack(tree: TreeId) -> bytes:
    import io
    import tarfile

    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as tar:
        tar.addfile(tarfile.TarInfo("train.py"))
    return stream.getvalue()


def available() -> float:
    import ray

    return float(ray.available_resources().get("CPU", 0.0))


async def eventually(true: Callable[[], Any], otherwise: str = "it never became true") -> None:
    deadline = time.monotonic() + 120
    while not true():
        assert time.monotonic() < deadline, otherwise
        await asyncio.sleep(0.1)


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    from ray.cluster_utils import Cluster

    before = {name: os.environ.get(name) for name in ("RAY_AUTH_MODE", "RAY_ADDRESS")}
    os.environ["RAY_AUTH_MODE"] = "disabled"
    head = {"num_cpus": 2, "object_store_memory": 80 << 20, "_system_config": SYSTEM}
    # A dashboard, an autoscaler, a log monitor and the agents of two nodes cost more than all the cases.
    with lean(()):
        cluster = Cluster(initialize_head=True, head_node_args=head)
        cluster.add_node(num_cpus=2, num_gpus=2, object_store_memory=80 << 20, labels={"zone": "b"})
    cluster.wait_for_nodes()
    yield cluster
    cluster.shutdown()
    for name, value in before.items():
        os.environ.pop(name, None) if value is None else os.environ.__setitem__(name, value)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def executor(cluster: Any) -> AsyncIterator[RayExecutor]:
    """One for all tests, the last of which closes it: joining costs a process on each node."""
    options = ClusterOptions(address=cluster.address, lease_idle_s=1.0)
    executor = RayExecutor(options, pack, TrialOptions(editable=("train.py",)))
    await executor.start()
    yield executor
    await executor.close()


async def test_shapes_go_where_they_fit_and_see_their_devices(executor: RayExecutor) -> None:
    fleet = executor.fleet()
    assert sorted((node.cpus, node.gpus) for node in fleet.nodes) == [(2, 0), (2, 2)]
    assert (executor.free_slots(ONE), executor.free_slots(GPU)) == (4, 2)
    assert not executor.fits(Resources(cpus=3))
    zones = (("zone=b",), ("zone!=b",), ("zone=a/b", "zone!=b"))
    assert [executor.free_slots(Resources(labels=labels)) for labels in zones] == [2, 2, 0]
    assert not executor.fits(Resources(cpus=1, gpus=3))
    specs = [attempt(SHOW, resources=GPU), attempt(SHOW, resources=GPU)]
    executor.submit(specs)
    assert (executor.free_slots(ONE), executor.free_slots(GPU)) == (2, 0)
    outcomes = await collect(executor, 2)
    assert sorted(outcome.output.strip() for outcome in outcomes) == ["0", "1"], outcomes
    halves = [attempt(SHOW, resources=Resources(cpus=0.5, gpus=0.5)) for _ in range(4)]
    executor.submit(halves)
    assert sorted(outcome.output.strip() for outcome in await collect(executor, 4)) == ["0", "0", "1", "1"]
    await eventually(lambda: available() == 4 and executor.free_slots(ONE) == 4, "an idle lease is not given back")


async def test_what_others_hold_is_not_counted_as_free(executor: RayExecutor) -> None:
    import ray

    @ray.remote(num_cpus=2, num_gpus=1)
    class Other:
        def hold(self) -> int:
            return 1

    other = Other.remote()
    ray.get(other.hold.remote())
    await eventually(lambda: (executor.free_slots(ONE), executor.free_slots(GPU)) == (2, 0))
    ray.kill(other)
    await eventually(lambda: executor.free_slots(ONE) == 4)


SMALL = Resources(cpus=0.25)


class Agents:
    """Those that are made meanwhile, by node, and on how many nodes one was made while another was starting. None is
    ready before `let` is set, however long this process stands still."""

    def __init__(self, executor: RayExecutor, monkeypatch: pytest.MonkeyPatch) -> None:
        self.made: list[str] = []
        self.at_once: list[str] = []
        self.let = asyncio.Event()
        start, make = ray_agents.start, executor._make

        def counted(node: Any, *rest: Any) -> Any:
            self.made.append(node.id)
            on = [lease for lease in executor._book.on(node) if lease.agent is not None]
            self.at_once += [node.id] if any(not lease.settled.is_set() for lease in on) else []
            return start(node, *rest)

        async def held(lease: Any) -> bool:
            made = await make(lease)
            await self.let.wait()
            return made

        monkeypatch.setattr(ray_agents, "start", counted)
        monkeypatch.setattr(executor, "_make", held)


async def idle(executor: RayExecutor) -> None:
    """Nothing is held, by our books and by Ray's."""
    await eventually(lambda: available() == 4 and executor.free_slots(ONE) == 4 and not executor._book.leases)


async def test_what_comes_while_an_agent_starts_shares_the_next_one_of_its_node(
    executor: RayExecutor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each had an agent of its own: fifty of them started at once on the cores of eight nodes."""
    await idle(executor)
    agents = Agents(executor, monkeypatch)
    specs = [attempt(SLEEPS if number == 15 else ("true",), resources=SMALL) for number in range(16)]
    for number, spec in enumerate(specs):
        assert executor.free_slots(SMALL) == 16 - number
        executor.submit([spec])
        await asyncio.sleep(0)
    assert executor.free_slots(SMALL) == 0
    assert len(agents.made) == 2, "one starts on each node, and what came after its first attempt waits for it"
    agents.let.set()
    outcomes = await collect(executor, 15)
    assert {outcome.ending for outcome in outcomes} == {Ending.EXITED}
    await eventually(lambda: executor.free_slots(SMALL) == 15, "what is given back is not free")
    await executor.cancel([specs[15].attempt])
    (last,) = await collect(executor, 1)
    assert (last.attempt, last.ending) == (specs[15].attempt, Ending.CANCELLED)
    assert {outcome.attempt for outcome in [*outcomes, last]} == {spec.attempt for spec in specs}
    assert (sorted(map(agents.made.count, set(agents.made))), agents.at_once) == ([2, 2], [])
    await idle(executor)
    assert executor.free_slots(SMALL) == 16


async def test_no_agent_is_made_for_what_is_cancelled_before(
    executor: RayExecutor, monkeypatch: pytest.MonkeyPatch
) -> None:
    await idle(executor)
    agents = Agents(executor, monkeypatch)
    at_once = attempt(resources=ONE)
    executor.submit([at_once])
    await executor.cancel([at_once.attempt])
    first, *pending = [attempt(resources=Resources(cpus=0.5, labels=("zone=b",))) for _ in range(4)]
    executor.submit([first])
    await asyncio.sleep(0)
    executor.submit(pending)
    assert executor.free_slots(ONE) == 2
    await executor.cancel([spec.attempt for spec in pending])
    assert executor.free_slots(SMALL) == 14
    agents.let.set()
    endings = {outcome.attempt: outcome.ending for outcome in await collect(executor, 5)}
    assert endings == dict.fromkeys([at_once.attempt, *(spec.attempt for spec in pending)], Ending.CANCELLED) | {
        first.attempt: Ending.EXITED
    }
    assert len(agents.made) == 1
    await idle(executor)
    assert executor.free_slots(SMALL) == 16


async def test_no_agent_is_made_while_the_head_is_silent(
    executor: RayExecutor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who ends it would wait for the head, and Ray ends the process meanwhile."""
    await idle(executor)
    agents = Agents(executor, monkeypatch)
    specs = [attempt(resources=Resources(cpus=0.5, labels=("zone=b",))) for _ in range(2)]
    for spec in specs:
        executor.submit([spec])
        await asyncio.sleep(0)
    joined = executor._cluster
    assert joined is not None
    monkeypatch.setattr(joined, "answers", lambda: False)
    # Said by who looks, whose last look may still be on its way.
    await eventually(lambda: joined.silent)
    agents.let.set()
    endings = {outcome.attempt: outcome.ending for outcome in await collect(executor, 2)}
    assert endings == {specs[0].attempt: Ending.EXITED, specs[1].attempt: Ending.NEVER_STARTED}
    assert len(agents.made) == 1


async def test_a_gang_starts_beside_what_is_pending(executor: RayExecutor, monkeypatch: pytest.MonkeyPatch) -> None:
    await idle(executor)
    agents = Agents(executor, monkeypatch)
    singles = [attempt(resources=Resources(cpus=0.5)) for _ in range(2)]
    for spec in singles:
        executor.submit([spec])
        await asyncio.sleep(0)
    gangs = [attempt(("python", "-c", MEET), resources=PAIR) for _ in range(2)]
    assert (executor.free_slots(PAIR), len(agents.made)) == (1, 1)
    executor.submit(gangs)
    assert len(agents.made) == 3
    agents.let.set()
    endings = {outcome.attempt: outcome.ending for outcome in await collect(executor, 4)}
    assert endings == dict.fromkeys([spec.attempt for spec in (*singles, gangs[0])], Ending.EXITED) | {
        gangs[1].attempt: Ending.NEVER_STARTED
    }
    assert len(agents.made) == 4
    await idle(executor)


async def test_what_is_pending_on_a_node_that_goes_never_started(
    cluster: Any, executor: RayExecutor, monkeypatch: pytest.MonkeyPatch
) -> None:
    with lean(()):
        doomed = cluster.add_node(num_cpus=1, object_store_memory=80 << 20, labels={"zone": "doomed"})
    shape = Resources(cpus=0.25, labels=("zone=doomed",))
    await eventually(lambda: available() == 5 and executor.free_slots(shape) == 4)
    agents = Agents(executor, monkeypatch)
    raylet = doomed.all_processes["raylet"][0].process
    os.kill(raylet.pid, signal.SIGSTOP)  # Its agent starts for ever.
    specs = [attempt(resources=shape) for _ in range(3)]
    for spec in specs:
        executor.submit([spec])
        await asyncio.sleep(0)
    assert executor.free_slots(shape) == 1
    agents.let.set()
    cluster.remove_node(doomed, allow_graceful=False)
    outcomes = await collect(executor, 3)
    assert {outcome.attempt for outcome in outcomes} == {spec.attempt for spec in specs}
    assert {outcome.ending for outcome in outcomes} == {Ending.NEVER_STARTED}
    assert len(agents.made) == 1
    await eventually(lambda: len(executor.fleet().nodes) == 2)
    await idle(executor)


MEET = """
import os, socket
rank, nodes = int(os.environ["NODE_RANK"]), int(os.environ["NNODES"])
place = os.environ["MASTER_ADDR"], int(os.environ["MASTER_PORT"])
if rank == 0:
    with socket.create_server(place) as server:
        heard = [int(server.accept()[0].recv(9)) for _ in range(nodes - 1)]
    print("ranks heard:", sorted(heard))
else:
    while True:
        try:
            socket.create_connection(place, 5).send(str(rank).encode())
            break
        except OSError:
            pass
"""
"""Ends only if every rank can reach rank 0."""
PAIR = Resources(nodes=2, cpus=1)


async def test_a_gang_has_a_rank_on_each_node_and_they_meet(executor: RayExecutor) -> None:
    await eventually(lambda: available() == 4 and executor.free_slots(ONE) == 4)
    assert (executor.free_slots(PAIR), executor.fits(Resources(nodes=3))) == (2, False)
    spec = attempt(("python", "-c", MEET), resources=PAIR)
    executor.submit([spec])
    assert (executor.free_slots(PAIR), executor.free_slots(ONE)) == (1, 2)
    (outcome,) = await collect(executor, 1)
    assert (outcome.attempt, outcome.ending, outcome.output) == (spec.attempt, Ending.EXITED, "ranks heard: [1]\n"), (
        outcome
    )
    await eventually(lambda: executor.free_slots(PAIR) == 2)
    again = [attempt(("python", "-c", MEET), resources=PAIR) for _ in range(3)]
    executor.submit(again)
    outcomes = {one.attempt: one for one in await collect(executor, 3)}
    assert [outcomes[one.attempt].ending for one in again] == [Ending.EXITED, Ending.EXITED, Ending.NEVER_STARTED]


async def test_a_rank_that_fails_ends_its_gang_and_no_other(executor: RayExecutor) -> None:
    """Begins at once, so that it finds the leases of the test before it."""
    fails = ("sh", "-c", "[ $NODE_RANK = 1 ] && echo no && exit 3; exec sleep 600")
    await eventually(lambda: executor.free_slots(PAIR) == 2)
    sleeper = attempt(SLEEPS, resources=PAIR, env={"MARK": "gang-sleeps"})
    executor.submit([sleeper, attempt(fails, resources=PAIR, env={"MARK": "gang-fails"})])
    (outcome,) = await collect(executor, 1)
    assert (outcome.ending, outcome.exit_code, outcome.output) == (Ending.EXITED, 3, "no\n")
    assert outcome.detail.startswith("rank 1 of 2 on ")
    assert not _running("MARK=gang-fails")
    await eventually(lambda: len(_running("MARK=gang-sleeps", "sleep")) == 2)
    await executor.cancel([sleeper.attempt])
    assert (await collect(executor, 1))[0].ending is Ending.CANCELLED
    assert not _running("MARK=gang-sleeps")


async def test_a_lost_node_loses_its_attempts_and_no_others(cluster: Any, executor: RayExecutor) -> None:
    with lean(()):
        doomed = cluster.add_node(num_cpus=1, num_gpus=1, resources={"doomed": 1}, object_store_memory=80 << 20)
    await eventually(lambda: available() == 5 and executor.free_slots(GPU) == 3)
    env = {"MARK": "lost-node"}
    gang = attempt(SLEEPS, resources=Resources(nodes=2, cpus=1, gpus=1), env=env)
    specs = [gang, attempt(SLEEPS, resources=GPU, env=env)]
    executor.submit(specs)
    await eventually(lambda: len(_running("MARK=lost-node", "sleep")) == 3)
    await eventually(lambda: available() == 2, "a lease is larger than what was asked for")
    cluster.remove_node(doomed, allow_graceful=False)
    (outcome,) = await collect(executor, 1)
    assert (outcome.attempt, outcome.ending) == (gang.attempt, Ending.INFRASTRUCTURE), outcome
    assert outcome.wall_s > 0
    await eventually(lambda: len(executor.fleet().nodes) == 2)
    assert len(_running("MARK=lost-node", "sleep")) == 1, "the rank on the node that lives is ended with its gang"
    await executor.cancel([spec.attempt for spec in specs])
    (rest,) = await collect(executor, 1)
    assert (rest.attempt, rest.ending) == (specs[1].attempt, Ending.CANCELLED)
    await eventually(lambda: not _running("MARK=lost-node"))


async def test_close_leaves_nothing_on_the_nodes_and_no_wish_with_the_cluster(executor: RayExecutor) -> None:
    """A wish is what a cluster that grows is told the run would hold. One that stays behind would hold nodes for
    nobody."""
    await eventually(lambda: available() == 4 and executor.free_slots(GPU) == 2)
    await executor.ask_for([GPU, Resources(cpus=2, memory_mb=1024, accelerator="H100", labels=("zone!=b",))])
    assert wishes() == [
        {"CPU": 1.0, "GPU": 1.0},
        {"CPU": 2.0, "memory": float(1 << 30), "accelerator_type:H100": 0.001},
    ]
    assert executor.free_slots(GPU) == 2, "a wish takes nothing"
    await executor.ask_for([GPU])
    assert len(wishes()) == 1
    executor.submit([attempt()])
    await collect(executor, 1)
    folder = Path(executor._config["folder"] or f"/tmp/orgrun-{executor._config['run']}")
    assert folder.exists()
    left: list[list[dict[str, float]]] = []
    leave = executor._cluster.close  # type: ignore[union-attr]  # it has one, being started
    executor._cluster.close = lambda: (left.append(wishes()), leave())[1]  # type: ignore[union-attr,method-assign]  # to look before it is gone
    await executor.close()
    assert left == [[]]
    await eventually(lambda: not folder.exists())
    assert not _running(str(folder))


def wishes() -> list[dict[str, float]]:
    from ray.autoscaler._private.constants import AUTOSCALER_RESOURCE_REQUEST_CHANNEL
    from ray.experimental.internal_kv import _internal_kv_get

    found = _internal_kv_get(AUTOSCALER_RESOURCE_REQUEST_CHANNEL)
    return [one.get("resources", one) for one in json.loads(found)] if found else []


def _running(mark: str, program: str = "") -> list[int]:
    found = []
    for name in filter(str.isdigit, os.listdir("/proc")):
        try:
            command = Path(f"/proc/{name}/cmdline").read_bytes()
            text = Path(f"/proc/{name}/environ").read_bytes() + command
        except OSError:
            continue
        if not command.startswith(program.encode()):
            continue
        found += [int(name)] if mark.encode() in text and int(name) != os.getpid() else []
    return found
