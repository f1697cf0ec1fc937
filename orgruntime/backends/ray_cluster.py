"""One Ray cluster for one run: an embedded one that ends with this process, or a running one that is joined.

Works on addresses and folders; does not know trials. Invariants: an embedded cluster asks for a token that only this
user can read, writes below one temporary folder that `close` removes, and loses its processes when this process is
killed, however it is killed (Ray ties them to the *thread* that started it, so one thread is kept for Ray until
`close`).
"""

from __future__ import annotations

import asyncio
import os
import re
import secrets
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from orgruntime.backends import guardian, ray_head
from orgruntime.model.fleet import Node
from orgruntime.runtime.ports import ExecutorError

OBJECT_STORE_BYTES = 200 << 20
"""Packed trees go through it, nothing else of size does."""
SILENT_S = 30.0
"""A head that is restarted where its state is kept is back by then; Ray ends the process after 60."""
LONGEST_FOLDER = 40
"""A Unix socket's path holds 107 bytes, and Ray adds up to 65 of its own."""

T = TypeVar("T")
_OURS = ("RAY_AUTH_MODE", "RAY_AUTH_TOKEN_PATH", "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "RAY_USAGE_STATS_ENABLED")
_token = secrets.token_hex(32)
"""One for the life of the process: Ray reads it once."""


@dataclass
class Cluster:
    """`call` runs a function on Ray's thread; everything that starts or stops Ray goes through it."""

    embedded: bool
    folder: Path | None
    """The embedded cluster's own folder, in the machine's temporary folder."""
    _thread: ThreadPoolExecutor
    _environment: dict[str, str | None]
    """What was changed of this process's environment, as it was before."""
    _guard: Guard | None = None
    head: str | None = None
    """host:port of the head of a joined one."""
    silent: bool = False
    """Whether the head took no connection when it was last tried: most calls of Ray would wait for it now."""
    _closed: bool = field(default=False)

    def call(self, function: Callable[[], T]) -> T:
        return self._thread.submit(function).result()

    def nodes(self) -> tuple[Node, ...]:
        """The nodes that are alive, in the order of their ids."""
        import ray

        return tuple(sorted((_node(entry) for entry in ray.nodes() if entry["Alive"]), key=lambda node: node.id))

    def available(self) -> dict[str, Mapping[str, float]]:
        """Node id → what nobody has reserved; a second or so old."""
        from ray._private.state import available_resources_per_node

        found: dict[str, Mapping[str, float]] = available_resources_per_node()
        return found

    def answers(self) -> bool:
        """Whether a call may be made that waits for the head."""
        return self.head is None or _listens(self.head)

    async def lost_head(self) -> str:
        """Returns once the head of a joined cluster has not taken a connection for SILENT_S, with the sentence for it:
        Ray itself says nothing and waits, and at last it ends the process."""
        heard = time.monotonic()
        while time.monotonic() < heard + SILENT_S:
            await asyncio.sleep(2.0)
            self.silent = not await asyncio.to_thread(self.answers)
            if not self.silent:
                heard = time.monotonic()
        return f"the head of the Ray cluster at {self.head} has not answered for {SILENT_S:.0f} s, and what ran is lost"

    def close(self) -> None:
        """Leaves the cluster; ends and removes an embedded one. Idempotent."""
        if self._closed:
            return
        self._closed = True
        import ray

        self.call(ray.shutdown)
        _undo(self._thread, self.folder, self._environment)
        if self._guard is not None:
            self._guard.dismiss()


class Guard:
    """A process that cleans up after this one if this one is killed."""

    def __init__(self, folder: Path) -> None:
        program = [sys.executable, "-I", "-S", guardian.__file__, str(folder)]
        quiet = subprocess.DEVNULL
        self._process = subprocess.Popen(program, stdin=subprocess.PIPE, stdout=quiet, stderr=quiet, cwd="/")

    def dismiss(self) -> None:
        self._process.communicate(b".")

    def clean_up(self) -> None:
        """As if this process had been killed; returns when nothing is left."""
        self._process.communicate()


def connect(
    address: str | None, *, cpus: float | None = None, gpus: float | None = None, keys: Sequence[str] = ()
) -> Cluster:
    """Starts an embedded cluster (`address` None) with so many logical CPUs and GPUs (None: the machine's), or joins
    the one at `auto` or `host:port`. Takes 1 to 5 s. An embedded one never sees a variable that is named in `keys` or
    whose name says that it holds a key. Raises ExecutorError with the remedy."""
    if address is not None:
        check_address(address)
    thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="ray")
    folder, guard = None, None
    before = {name: os.environ.get(name) for name in _OURS}
    try:
        if address is None:
            folder = _folder()
            # Before Ray: its start takes seconds, in which the driver may be killed as well.
            guard = Guard(folder)
            options = _embedded(folder, cpus, gpus)
        else:
            options = {"address": _reachable(address)}
        thread.submit(_init, options, keys).result()
    except Exception as error:
        _undo(thread, folder, before)
        if guard is not None:
            guard.clean_up()
        if isinstance(error, ExecutorError):
            raise
        raise ExecutorError(_sentence(address, error)) from error
    return Cluster(address is None, folder, thread, before, guard, options["address"] if address else None)


def check_address(address: str) -> None:
    """Its form alone. Raises ExecutorError."""
    if address.startswith("ray://"):
        raise ExecutorError(
            f"cannot join {address}: a Ray Client connection is too slow for many short trials; use --address "
            "http://HEAD:8265 to submit the run as a job, or --address auto on a machine of the cluster"
        )
    if address != "auto" and not re.fullmatch(r"[^\s/:]+:\d+|\[[0-9a-fA-F:]+\]:\d+", address):
        raise ExecutorError(f"cannot join {address!r}: an address is `auto` or host:port, for example 10.0.0.1:6379")


def _reachable(address: str) -> str:
    """host:port of a cluster that listens. Asked first, since Ray ends the whole process where nobody answers."""
    from ray._private.services import canonicalize_bootstrap_address_or_die

    found: str = canonicalize_bootstrap_address_or_die(address)
    _connect(found)
    return found


def _connect(address: str) -> None:
    host, _, port = address.rpartition(":")
    socket.create_connection((host.strip("[]"), int(port)), timeout=10).close()


def _listens(address: str) -> bool:
    try:
        _connect(address)
    except OSError:
        return False
    return True


def _folder() -> Path:
    place = tempfile.gettempdir()
    short = place if len(place) <= LONGEST_FOLDER else "/tmp"
    return Path(tempfile.mkdtemp(prefix="orgrun-", dir=short))


def _embedded(folder: Path, cpus: float | None, gpus: float | None) -> dict[str, Any]:
    token = folder / "token"
    token.touch(0o600)
    token.write_text(_token)
    os.environ.update(RAY_AUTH_MODE="token", RAY_AUTH_TOKEN_PATH=str(token))
    return {
        "address": "local",
        "num_cpus": None if cpus is None else max(1, int(cpus)),
        "num_gpus": None if gpus is None else int(gpus),
        "object_store_memory": OBJECT_STORE_BYTES,
        "_temp_dir": str(folder / "r"),
        "_system_config": _SYSTEM,
    }


_SYSTEM = {
    # A process for each CPU of the machine; desks and agents are asked for by name.
    "enable_worker_prestart": False,
    "prestart_worker_first_driver": False,
    # For a dashboard that is not there.
    "enable_metrics_collection": False,
    "task_events_report_interval_ms": 0,
    # Five silences in a row are a death. A dead process refuses at once; one that is slow has 10 s each time.
    "health_check_period_ms": 500,
}


def _init(options: dict[str, Any], keys: Sequence[str]) -> None:
    # A shape without GPUs must see none; unset, it would see them all.
    os.environ["RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO"] = "1"
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    import ray

    if ray.is_initialized():
        raise ExecutorError("this process is connected to a Ray cluster already; close that run first")
    # Mode and token are read again: whoever imported Ray before us, or a cluster that this process had, may have had
    # others.
    ray._raylet.Config.initialize("")
    ray._raylet.AuthenticationTokenLoader.instance().reset_cache()
    embedded = options["address"] == "local"
    with ray_head.lean(keys) if embedded else nullcontext():
        ray.init(**options, include_dashboard=False if embedded else None, **_QUIET)


_QUIET: dict[str, Any] = {"log_to_driver": False, "logging_level": "error", "namespace": "orgruntime"}


def _undo(thread: ThreadPoolExecutor, folder: Path | None, before: Mapping[str, str | None]) -> None:
    thread.shutdown()
    for name, value in before.items():
        if value is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = value
    if folder is not None:
        shutil.rmtree(folder, ignore_errors=True)


def _sentence(address: str | None, error: Exception) -> str:
    cause = (str(error).strip().splitlines() or [type(error).__name__])[0][:300]
    if address is None:
        return f"the embedded Ray cluster did not start: {cause}; see whether memory and /tmp have room"
    if isinstance(error, OSError) and not str(error).startswith("Failed to connect to Ray cluster"):
        return f"no Ray cluster answers at {address}: {cause}; run `ray status` there, or leave --address out"
    return (
        f"the Ray cluster at {address} listens but did not take us: {cause}; if it asks for a token, set "
        "RAY_AUTH_MODE=token and RAY_AUTH_TOKEN_PATH to a file with it; else compare the versions of Ray and Python"
    )


def _node(entry: Mapping[str, Any]) -> Node:
    resources: Mapping[str, float] = entry["Resources"]
    kinds = [name.partition(":")[2] for name in resources if name.startswith("accelerator_type:")]
    return Node(
        id=entry["NodeID"],
        address=entry["NodeManagerAddress"],
        cpus=resources.get("CPU", 0.0),
        gpus=resources.get("GPU", 0.0),
        memory_mb=int(resources.get("memory", 0) / 2**20),
        accelerator=kinds[0] if kinds else None,
        labels=dict(entry.get("Labels") or {}),
    )
