"""A Ray cluster beside the run, whose nodes come and go: each a `ray start` of this machine in a session of its own."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from pathlib import Path

from chaos_run import tagged, until

STARTED = "Ray runtime started"


class SmallCluster:
    """Starts with a head that runs no trial, and no other node."""

    def __init__(self) -> None:
        self._place = Path(tempfile.mkdtemp(prefix="or-", dir="/tmp"))
        self._program = Path(sys.executable).parent / "ray"
        self.address = f"127.0.0.1:{_free_port()}"
        quick = {"RAY_health_check_period_ms": "500", "RAY_enable_worker_prestart": "0"}
        patient = {"RAY_raylet_start_wait_time_s": "180", "RAY_agent_register_timeout_ms": "300000"}
        self._env = {**os.environ, "RAY_AUTH_MODE": "disabled", **quick, **patient}
        self._env["PATH"] = f"{self._program.parent}{os.pathsep}{os.environ['PATH']}"
        self.nodes: list[subprocess.Popen[bytes]] = []
        self._heads = self._started = 0
        self.add_head()

    @property
    def environment(self) -> dict[str, str]:
        """Of who joins."""
        return {"RAY_AUTH_MODE": "disabled", "RAY_ADDRESS": self.address}

    def add_head(self) -> subprocess.Popen[bytes]:
        port = self.address.rpartition(":")[2]
        self._heads += 1
        words = ("--head", "--num-cpus=0", f"--port={port}", f"--temp-dir={self._place}/r{self._heads}")
        return self._start(*words, "--include-dashboard=false", f"--ray-client-server-port={_free_port()}")

    def add_node(self) -> subprocess.Popen[bytes]:
        """Two CPUs for trials."""
        return self._start(f"--address={self.address}", "--num-cpus=2")

    def lose(self, node: subprocess.Popen[bytes]) -> None:
        """As if its machine had been switched off: every process of its session."""
        for name in filter(str.isdigit, os.listdir("/proc")):
            with contextlib.suppress(OSError):
                if os.getsid(int(name)) == node.pid:
                    os.kill(int(name), signal.SIGKILL)
        node.wait(30)
        self.nodes.remove(node)

    def close(self) -> None:
        for node in [*self.nodes]:
            self.lose(node)
        for pid in tagged(str(self._place)):
            with contextlib.suppress(OSError):
                os.kill(pid, signal.SIGKILL)
        shutil.rmtree(self._place, ignore_errors=True)

    def log(self) -> str:
        return (self._place / "ray.log").read_text(errors="replace")[-3000:]

    def _start(self, *words: str) -> subprocess.Popen[bytes]:
        size = ("--object-store-memory=80000000", f"--dashboard-agent-listen-port={_free_port()}")
        command = [str(self._program), "start", "--block", "--disable-usage-stats", *size, *words]
        with (self._place / "ray.log").open("ab") as log:
            node = subprocess.Popen(command, env=self._env, stdout=log, stderr=log, start_new_session=True)
        self.nodes.append(node)
        self._started += 1
        # A busy machine takes its time, and who joins meanwhile is not taken.
        assert until(lambda: (self._place / "ray.log").read_text().count(STARTED) == self._started), self.log()
        return node


def _free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])
