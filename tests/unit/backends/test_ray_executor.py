"""The real executor: deaths of every kind, set-up, and placement on two simulated nodes with logical GPUs."""

from __future__ import annotations

import asyncio
import io
import json
import os
import re
import signal
import subprocess
import sys
import tarfile
import tempfile
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from orgruntime.backends import node_agent
from orgruntime.backends.ray_cluster import connect
from orgruntime.backends.ray_executor import ClusterOptions, RayExecutor, TrialOptions
from orgruntime.backends.spool import clear_spool, read_spool
from orgruntime.model.ids import TreeId
from orgruntime.model.manifest import Resources
from orgruntime.model.trial import Ending, TrialSpec
from orgruntime.runtime.ports import ExecutorError
from orgruntime.testing.conformance.executor import SLEEPS, attempt, collect

pytestmark = [pytest.mark.ray, pytest.mark.slow(85)]

BROKEN = TreeId("b" * 40)
OTHER = TreeId("d" * 40)


def pack(tree: TreeId) -> bytes:
    files = {"train.py": f"print(open('made/tokens').read(), '{tree[0]}')", "eval.py": "", "prepare.py": PREPARE}
    if tree == BROKEN:
        files["prepare.py"] = "raise SystemExit('no data')"
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as tar:
        for path, text in sorted(files.items()):
            member = tarfile.TarInfo(path)
            member.size = len(text)
            tar.addfile(member, io.BytesIO(text.encode()))
    return stream.getvalue()


PREPARE = "import os, uuid; os.makedirs('made'); open('made/tokens', 'w').write('tokens ' + uuid.uuid4().hex)"
TRAIN = ("python", "train.py")


def show(*names: str) -> tuple[str, ...]:
    return ("python", "-c", f"import os, json; print(json.dumps([os.environ.get(name) for name in {names!r}]))")


async def eventually(true: Callable[[], Any], limit_s: float = 120.0) -> None:
    deadline = time.monotonic() + limit_s
    while not true():
        assert time.monotonic() < deadline, "it never became true"
        await asyncio.sleep(0.05)


def with_mark(mark: str) -> list[int]:
    found = []
    for name in os.listdir("/proc"):
        if name.isdigit() and int(name) != os.getpid():
            try:
                text = Path(f"/proc/{name}/environ").read_bytes() + Path(f"/proc/{name}/cmdline").read_bytes()
            except OSError:
                continue
            found += [int(name)] if mark.encode() in text else []
    return found


def program(pid: int) -> str:
    """Its command line; nothing where it has ended."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_text()
    except OSError:
        return ""


def mine(executor: RayExecutor, mark: str) -> list[int]:
    """Other clusters may be up on this machine; every process of ours names our folder."""
    assert executor._cluster is not None
    return sorted(set(with_mark(mark)) & set(with_mark(str(executor._cluster.folder))))


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def spooled(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[tuple[RayExecutor, Path]]:
    """One embedded cluster for the tests that need no other; a killed agent is replaced by the next submission."""
    spool = tmp_path_factory.mktemp("outcomes")
    options = TrialOptions(editable=("train.py",), setup="python prepare.py", spool=spool)
    executor = RayExecutor(ClusterOptions(cpus=4, gpus=2), pack, options)
    await executor.start()
    yield executor, spool
    await executor.close()


@pytest.fixture
def executor(spooled: tuple[RayExecutor, Path]) -> RayExecutor:
    return spooled[0]


in_module = pytest.mark.asyncio(loop_scope="module")


@in_module
async def test_set_up_runs_once_for_trees_with_equal_frozen_files(executor: RayExecutor) -> None:
    executor.submit([attempt(TRAIN), attempt(TRAIN), attempt(TRAIN, tree=OTHER)])
    outcomes = await collect(executor, 3)
    words = [outcome.output.split() for outcome in outcomes]
    assert all(outcome.exit_code == 0 for outcome in outcomes), outcomes
    assert len({word[1] for word in words}) == 1
    assert sorted(word[2] for word in words) == ["a", "a", "d"]


@in_module
async def test_a_set_up_that_fails_is_told(executor: RayExecutor) -> None:
    executor.submit([attempt(TRAIN, tree=BROKEN)])
    (outcome,) = await collect(executor, 1)
    assert (outcome.ending, outcome.exit_code, outcome.output) == (Ending.EXITED, 1, "no data\n")
    assert outcome.detail == "the set-up command failed"


@in_module
async def test_the_environment_is_clean_and_gpus_are_given(executor: RayExecutor, monkeypatch: Any) -> None:
    def wanted(gpus: float) -> TrialSpec:
        return attempt(show("CUDA_VISIBLE_DEVICES", "OMP_NUM_THREADS", "X", "RAY_AUTH_TOKEN_PATH"),
                       resources=Resources(cpus=0.5, gpus=gpus), env={"X": "1"})  # fmt: skip

    specs = [wanted(0), wanted(0.5), wanted(0.5), wanted(1)]
    executor.submit(specs)
    said = {outcome.attempt: json.loads(outcome.output) for outcome in await collect(executor, 4)}
    assert [said[spec.attempt] for spec in specs] == [
        ["", "1", "1", None], ["0", "1", "1", None], ["0", "1", "1", None], ["1", "1", "1", None],
    ]  # fmt: skip
    assert executor.free_slots(Resources(cpus=0, gpus=0.5)) == 4


@in_module
async def test_logical_gpus_are_told_from_real_ones(executor: RayExecutor) -> None:
    if os.path.exists("/dev/nvidiactl"):
        pytest.skip("this machine has a GPU")
    assert executor.fleet().simulated


@in_module
async def test_a_killed_agent_loses_its_attempts_once_each(spooled: tuple[RayExecutor, Path]) -> None:
    executor, spool = spooled
    executor.submit([attempt(env={"WARM": "1"})])
    await collect(executor, 1)
    marks = [f"MARK=killed-agent-{n}" for n in range(3)]
    specs = [attempt(SLEEPS, env={"MARK": mark.removeprefix("MARK=")}) for mark in marks]
    executor.submit(specs)
    await eventually(lambda: all(with_mark(mark) for mark in marks))
    (agent,) = mine(executor, "ray::NodeAgent")
    os.kill(agent, signal.SIGKILL)
    outcomes = await collect(executor, 3)
    assert {outcome.attempt for outcome in outcomes} == {spec.attempt for spec in specs}
    assert {outcome.ending for outcome in outcomes} == {Ending.INFRASTRUCTURE}
    assert all(0 < outcome.wall_s < 60 for outcome in outcomes)
    await eventually(lambda: not with_mark("MARK=killed-agent"))
    # A shepherd writes its outcome, and its zygote writes the last ones again before it ends.
    await eventually(lambda: not mine(executor, "zygote import main"))
    assert {spec.attempt for spec in specs} <= {outcome.attempt for outcome in read_spool(spool)}
    clear_spool(spool, [spec.attempt for spec in specs])
    assert not {spec.attempt for spec in specs} & {outcome.attempt for outcome in read_spool(spool)}
    executor.submit([attempt()])
    assert (await collect(executor, 1))[0].exit_code == 0


@in_module
async def test_a_killed_zygote_is_a_dead_agent(executor: RayExecutor) -> None:
    executor.submit([attempt(SLEEPS, env={"MARK": "killed-zygote"})])
    await eventually(lambda: with_mark("MARK=killed-zygote"))
    zygotes = mine(executor, "zygote import main")
    parents = {int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1]) for pid in zygotes}
    (zygote,) = [pid for pid in zygotes if pid in parents]
    os.kill(zygote, signal.SIGKILL)
    (outcome,) = await collect(executor, 1)
    assert outcome.ending is Ending.INFRASTRUCTURE
    await eventually(lambda: not with_mark("MARK=killed-zygote"))


@in_module
async def test_nothing_runs_but_two_servers_and_what_was_asked_for(executor: RayExecutor) -> None:
    programs = [program(pid) for pid in mine(executor, "")]
    for server in ("gcs/gcs_server", "raylet/raylet"):
        assert len([program for program in programs if program.partition("\0")[0].endswith(server)]) == 1, programs
    needless = ("dashboard/", "monitor", "runtime_env/agent", "ray::IDLE")
    servers = [program for program in programs if "raylet/raylet" not in program]
    assert not [program for program in servers if any(name in program for name in needless)], (
        "was this version of Ray tried? See `ray_head.TRIED`"
    )


@in_module
async def test_one_cluster_a_process(executor: RayExecutor) -> None:
    with pytest.raises(ExecutorError, match="connected to a Ray cluster already"):
        await asyncio.to_thread(connect, None)


@in_module
async def test_a_cluster_that_asks_for_a_token_says_so(executor: RayExecutor) -> None:
    import ray

    address = ray.get_runtime_context().gcs_address
    code = f"from orgruntime.backends.ray_cluster import connect\nconnect({address!r})"
    environment = {name: value for name, value in os.environ.items() if not name.startswith("RAY_")}
    done = await asyncio.to_thread(
        subprocess.run, [sys.executable, "-c", code], capture_output=True, text=True, env=environment, check=False
    )
    assert re.search("ExecutorError.*set RAY_AUTH_MODE=token", done.stderr.strip().splitlines()[-1])


def test_a_look_at_the_sandbox_leaves_nothing_where_no_guardian_removes_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked: list[Path] = []

    def probe(place: str) -> tuple[str, str]:
        looked.append(Path(place))
        return "strict", ""

    monkeypatch.setattr(node_agent.bubblewrap, "probe", probe)
    folder = tmp_path / "cluster" / "n"
    node_agent.survey({"folder": str(folder), "sandbox": True})
    node_agent.survey({"folder": None, "sandbox": True})
    assert [place.parent for place in looked] == [folder, Path(tempfile.gettempdir())]
    assert not any(place.exists() for place in looked)


@pytest.mark.parametrize(
    ("address", "words"),
    [
        ("ray://head:10001", "Ray Client connection is too slow.*--address"),
        ("head", "an address is `auto` or host:port"),
    ],
)
def test_a_bad_address_is_one_sentence(address: str, words: str) -> None:
    with pytest.raises(ExecutorError, match=words):
        connect(address)


def test_an_address_where_nobody_answers_ends_no_process() -> None:
    code = "from orgruntime.backends.ray_cluster import connect\nconnect('127.0.0.1:1')"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    last = done.stderr.strip().splitlines()[-1]
    assert re.search("ExecutorError.*no Ray cluster answers at 127.0.0.1:1", last)


DRIVER = """
import asyncio, sys
from orgruntime.backends.ray_executor import *
from orgruntime.testing.conformance.executor import attempt, SLEEPS
sys.path.insert(0, {here!r})
from test_ray_executor import pack
async def main():
    executor = RayExecutor(ClusterOptions(cpus=2), pack, TrialOptions(editable=("train.py",), sandbox={sandbox}))
    await executor.start()
    shell = ("sh", "-c", "(setsid sleep 600 &); sleep 600")
    executor.submit([attempt(shell, env={{"MARK": {mark!r}}}) for _ in range(2)])
    print(executor._cluster.folder, flush=True)
    await executor.outcomes()
asyncio.run(main())
"""


@pytest.mark.parametrize("sandbox", [True, False])
async def test_a_killed_driver_leaves_no_process(tmp_path: Path, sandbox: bool) -> None:
    mark = f"driver-{tmp_path.name}"
    code = DRIVER.format(here=str(Path(__file__).parent), mark=mark, sandbox=sandbox)
    driver = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    assert driver.stdout is not None
    folder = driver.stdout.readline().strip()
    assert folder
    await eventually(lambda: len(with_mark(f"MARK={mark}")) >= 6)
    assert with_mark(folder)
    driver.kill()
    driver.wait()
    driver.stdout.close()
    await eventually(lambda: not with_mark(f"MARK={mark}"))
    await eventually(lambda: not with_mark(folder) and not Path(folder).exists())


RAYLET = """
import asyncio, os, signal, sys
from orgruntime.backends.ray_desks import RayDesks
from orgruntime.backends.ray_executor import *
from orgruntime.runtime.ports import ExecutorError
from orgruntime.testing.conformance.desks import SPECIES, request
from orgruntime.testing.conformance.executor import attempt, SLEEPS, collect
sys.path.insert(0, {here!r})
from test_ray_executor import mine, pack
async def main():
    executor, desks = RayExecutor(ClusterOptions(cpus=1), pack), RayDesks(SPECIES)
    await executor.start()
    executor.submit([attempt(SLEEPS)])
    desk = (await desks.step(request("whereabouts"))).body["pid"]
    while not mine(executor, "sleep"):
        await asyncio.sleep(0.05)
    for pid in (*mine(executor, "raylet/raylet"), desk):
        os.kill(pid, signal.SIGKILL)
    for _ in range(2):
        try:
            await desks.step(request("decline"))
        except ExecutorError as error:
            print("desk:", error, flush=True)
    await desks.close()
    print((await collect(executor, 1))[0].ending, flush=True)
    try:
        await executor.outcomes()
    except ExecutorError as error:
        print(error, flush=True)
    await executor.close()
asyncio.run(main())
"""


def test_without_its_raylet_an_embedded_cluster_is_gone_and_says_so() -> None:
    """A desk that dies with it blames the cluster, each time."""
    code = RAYLET.format(here=str(Path(__file__).parent))
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=200, check=False)
    # Among what Ray itself says of the death.
    assert "infrastructure" in done.stdout.splitlines(), done.stderr
    assert done.stdout.count("desk: the Ray cluster of this run is gone") == 2, done.stdout[-2000:]
    assert "\nthe local Ray of this run is gone: " in done.stdout
    assert done.returncode == 0, done.stderr
