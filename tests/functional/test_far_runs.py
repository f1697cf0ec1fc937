"""A cluster that is reached through its job server alone: a real Ray with a token, started as docs/cluster.md says.

One Ray for all of this file. What runs on the head finds its runs where ORGRUN_RUNS of the head says.
"""

from __future__ import annotations

import contextlib
import json
import os
import random
import re
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
from cli_cases import assert_one_sentence, orgrun

from orgruntime.runtime.ports import Jobs, JobsError, JobState
from orgruntime.testing.conformance.jobs import JobsConformance, over

pytestmark = [pytest.mark.ray, pytest.mark.slow(200)]

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "cluster.md"


LEAN = dict.fromkeys(("enable_worker_prestart", "prestart_worker_first_driver", "enable_metrics_collection"), False)


class Cluster(NamedTuple):
    address: str
    port: int
    runs: Path
    env: dict[str, str]


def recipe(title: str) -> str:
    """The commands of the block that follows the heading of a step."""
    found = re.search(rf"^\*\*{title}\*\*.*?^```bash\n(.*?)^```", PAGE.read_text(), re.MULTILINE | re.DOTALL)
    assert found is not None, title
    return found[1]


def free_port() -> int:
    """One that nobody else gets before it is used: Ray's workers have those below 20000, whoever asks the kernel for
    any has those from 32768 on."""
    while True:
        port = random.randrange(20000, 32768)
        with socket.socket() as one, contextlib.suppress(OSError):
            one.bind(("127.0.0.1", port))
            return port


def started(commands: str, place: Path, ports: dict[str, int], env: dict[str, str]) -> subprocess.Popen[bytes]:
    """The commands of the page, with ports, folders and a size of this test; Ray stays in the foreground."""
    for said, port in ports.items():
        commands = commands.replace(said, str(port))
    commands = commands.replace("/var/lib/orgrun", str(place / "state")).replace("HEAD", "127.0.0.1")
    small = (
        "--block --num-cpus=2 --object-store-memory=80000000 --include-log-monitor=false"
        f" --dashboard-agent-listen-port={free_port()}"
    )
    if "--head" in commands:
        small += (
            f" --ray-client-server-port={free_port()} --no-monitor --disable-usage-stats --temp-dir={place}/r"
            f" --system-config='{json.dumps(LEAN)}'"
        )
    commands = commands.replace("ray start ", f"exec ray start {small} ")
    words = ["bash", "-euo", "pipefail", "-c", commands]
    with (place / "ray.log").open("ab") as log:
        return subprocess.Popen(words, env=env, stdout=log, stderr=log, start_new_session=True)


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    # The path of a socket has room for 40 characters before Ray's own.
    place = Path(tempfile.mkdtemp(prefix="or-", dir="/tmp"))
    ports = {"6379": free_port(), "8265": free_port()}
    env = {**os.environ, "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
    env.pop("RAY_ADDRESS", None)
    # A busy machine starts Ray's many processes late; `ray start` would give up, and the node end itself.
    env |= {"RAY_raylet_start_wait_time_s": "180", "RAY_agent_register_timeout_ms": "300000"}
    # What a dashboard shows of processes and events is looked up by its eleven processes every second or so.
    env |= dict.fromkeys(("NODE_STATS_UPDATE_INTERVAL_SECONDS", "SCAN_EVENT_DIR_INTERVAL_SECONDS"), "3600")
    env |= {"REPORTER_UPDATE_INTERVAL_MS": "3600000"}
    head = started(recipe("On the head"), place, ports, env)
    token = place / "state" / "token"
    settings = {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN_PATH": str(token)}
    before = {name: os.environ.get(name) for name in settings}
    try:
        os.environ.update(settings)
        address = f"http://127.0.0.1:{ports['8265']}"
        _wait_for_jobs(address, head, place)
        yield Cluster(address, ports["6379"], place / "state" / "runs", {**env, **settings})
    finally:
        for name, value in before.items():
            os.environ.pop(name, None) if value is None else os.environ.__setitem__(name, value)
        if head.poll() is not None:
            print(f"the head left with {head.returncode}:", (place / "ray.log").read_text())
        head.terminate()
        head.wait(30)
        _kill_rest(place)
        shutil.rmtree(place, ignore_errors=True)


def _wait_for_jobs(address: str, head: subprocess.Popen[bytes], place: Path) -> None:
    from orgruntime.backends.ray_jobs import RayJobs

    deadline = time.monotonic() + 120
    while True:
        try:
            RayJobs(address).all()
        except JobsError:
            assert head.poll() is None, (place / "ray.log").read_text()
            assert time.monotonic() < deadline, (place / "ray.log").read_text()
            time.sleep(0.5)
        else:
            return


def _kill_rest(place: Path) -> None:
    """What `ray start` left: processes that name the folder of this cluster."""
    for name in filter(str.isdigit, os.listdir("/proc")):
        try:
            if str(place).encode() in Path(f"/proc/{name}/cmdline").read_bytes() and int(name) != os.getpid():
                os.kill(int(name), signal.SIGKILL)
        except OSError:
            continue


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An org whose trials wait until the file `go` lies beside it, so that a run is there while it is looked at."""
    folder = tmp_path_factory.mktemp("home") / "lab"
    assert orgrun("init", folder).code == 0
    measure = folder / "workspace" / "measure.py"
    lines = measure.read_text().splitlines(keepends=True)
    at = next(number for number, line in enumerate(lines) if line.startswith(("import ", "from ")) and "__" not in line)
    lines.insert(
        at, f"import os, time\nwhile not os.path.exists({str(folder.parent / 'go')!r}):\n    time.sleep(0.1)\n"
    )
    measure.write_text("".join(lines))
    program = folder / "program.md"
    program.write_text(program.read_text().replace("time_limit: 20s", "time_limit: 5m"))
    return folder


class TestRayJobs(JobsConformance):
    @pytest.fixture
    def jobs(self, cluster: Cluster) -> Jobs:
        from orgruntime.backends.ray_jobs import RayJobs

        return RayJobs(cluster.address)


def interrupt_once_running(cluster: Cluster, job: str) -> threading.Thread:
    """As Ctrl-C would, a second after a job runs."""
    from orgruntime.backends.ray_jobs import RayJobs

    signal.signal(signal.SIGINT, signal.default_int_handler)
    jobs = RayJobs(cluster.address)

    def wait() -> None:
        deadline = time.monotonic() + 120
        while (found := jobs.get(job)) is None or found.state is JobState.WAITING:
            assert time.monotonic() < deadline
            time.sleep(0.2)
        while not (cluster.runs / job / "ledger.db").exists():
            assert time.monotonic() < deadline
            time.sleep(0.2)
        time.sleep(1)
        os.kill(os.getpid(), signal.SIGINT)

    thread = threading.Thread(target=wait, daemon=True)
    thread.start()
    return thread


def test_a_run_is_submitted_let_go_of_looked_at_stopped_and_resumed(cluster: Cluster, lab: Path) -> None:
    there = ("--address", cluster.address)

    thread = interrupt_once_running(cluster, "far-1")
    said = orgrun("run", lab, *there, "--run-id", "far-1", "--no-sandbox", "--seed", "1", "--budget", "trials=16")
    thread.join()
    assert said.code == 130, said.out + said.err
    assert f"orgrun logs -f far-1 --address {cluster.address}" in said.out
    assert f"orgrun stop far-1 --address {cluster.address}" in said.out

    status = json.loads(orgrun("status", "far-1", "--json", *there).out)
    assert (status["state"], status["driver_alive"], status["folder"]) == ("running", True, f"{cluster.runs}/far-1")

    stopped = orgrun("stop", "far-1", *there)
    assert stopped.code == 0
    assert f"`orgrun resume far-1 --address {cluster.address}`" in stopped.out

    (lab.parent / "go").touch()
    lines = orgrun("resume", "far-1", "--no-sandbox", "--json", *there).out.splitlines()
    events, last = [json.loads(line) for line in lines[:-1]], json.loads(lines[-1])
    assert {"started", "trial", "ended"} <= {event["event"] for event in events}
    assert (last["run"], last["state"]) == ("far-1", "finished")
    assert last["trials"]["total"] > status["trials"]["total"]

    _jobs_are_told_apart(cluster)


def _jobs_are_told_apart(cluster: Cluster) -> None:
    """The run's jobs by their marks, and hardly a helper; no variable of ours was sent."""
    from orgruntime.backends.ray_jobs import RayJobs

    jobs = RayJobs(cluster.address)
    over(jobs, "far-1.2")
    marks = {job.id: dict(job.marks) for job in jobs.all() if not job.id.startswith("conformance")}
    assert (marks["far-1"]["orgrun"], marks["far-1.2"]["orgrun"]) == ("run", "resume")
    assert marks["far-1"]["orgrun_run"] == marks["far-1.2"]["orgrun_run"] == "far-1"
    assert sum(one.get("orgrun") == "helper" for one in marks.values()) <= 2
    shown = jobs._client.get_job_info("far-1").runtime_env or {}
    assert set(shown) <= {"working_dir", "_ray_commit"}, "Ray shows a job's environment to all who may list jobs"


def test_plan_asks_the_cluster_and_refuses_what_cannot_be_placed(cluster: Cluster, tmp_path: Path) -> None:
    """On the two nodes of the recipe."""
    assert orgrun("init", tmp_path / "big", "--template", "lab").code == 0
    program = tmp_path / "big" / "program.md"
    assert "| experiment | | | cpus: 1 |" in program.read_text()
    program.write_text(program.read_text().replace("| experiment | | | cpus: 1 |", "| experiment | | | gpus: 1 |"))
    commands = recipe("On each other machine")
    place = cluster.runs.parents[1]
    worker = started(commands, place, {"6379": cluster.port}, cluster.env)
    try:
        _wait_for_nodes(2, worker, place)
        said = orgrun("plan", tmp_path / "big", "--address", cluster.address)
    finally:
        worker.terminate()
        worker.wait(30)
    assert "2 nodes, 4 CPUs" in said.out, said.out + said.err
    assert_one_sentence(said, 1, "cannot ever be placed", "has 0 of 1 GPUs")


def _wait_for_nodes(nodes: int, last: subprocess.Popen[bytes], place: Path) -> None:
    """As `ray start` says it of each, once the head knows the node: a plan that asked too early would be a job more."""
    log = place / "ray.log"
    deadline = time.monotonic() + 180
    while log.read_text().count("Ray runtime started") < nodes:
        assert last.poll() is None, log.read_text()[-5000:]
        assert time.monotonic() < deadline, log.read_text()[-5000:]
        time.sleep(0.2)


def test_a_report_comes_back(cluster: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    fetched = json.loads(orgrun("report", "far-1", "--json", "--address", cluster.address).out)
    assert Path(fetched["report.html"]) == Path(".orgrun/fetched/far-1/report/report.html")
    assert Path(fetched["report.html"]).read_text().startswith("<!doctype html>")


def test_without_the_token_nothing_is_let_in(cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    other = cluster.runs.parent / "other"
    other.write_text(secrets.token_hex(32))
    monkeypatch.setenv("RAY_AUTH_TOKEN_PATH", str(other))
    assert_one_sentence(orgrun("ls", "--address", cluster.address), 1, "token", "RAY_AUTH_TOKEN_PATH")
