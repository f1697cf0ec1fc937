"""The agent of one lease on one node: an actor that feeds the node's zygote and holds outcomes until they are taken.

Works on JSON orders and packed trees; does not know the ledger, and imports nothing that a bare Ray node lacks,
because its code travels to the node by value. Invariant: an outcome stays in the outbox until the driver has said
that it holds it, so a reply that is lost on the way is sent again, and a launch that is sent twice starts once.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import json
import os
import platform
import select
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import uuid
from typing import Any

from orgruntime.backends import bubblewrap, trial_layout

PROCESSES = 512
"""Processes and no more, a trial."""
TREES = 512
"""Trees that an agent keeps laid out; it removes what is more once it has twice as many."""
LARGEST_IN_MEMORY = 16 * 1024
"""Bytes of a packed tree that is not laid out, where no sandbox needs it: for each trial a folder and a file fewer."""
KNOWN = 10_000
"""Attempts of which a launch that is sent twice is known to be one: it comes within seconds."""

Order = dict[str, Any]


class NodeAgent:
    """Methods are coroutines on the actor's one loop; everything here is touched by that loop only."""

    def __init__(self, config: Order) -> None:
        """`config`: `run` (a name), `folder` or null, `code` (module name → source), `editable`, `setup`,
        `setup_limit_s`, `sandbox`, `spool`."""
        self.config = config
        self.outbox: dict[int, bytes] = {}
        self.last = 0
        self.known: dict[str, None] = {}
        self.users: dict[str, str] = {}
        """Attempt → tree, until its outcome is here."""
        self.cancelled: set[str] = set()
        self.trees: dict[str, asyncio.Future[None]] = {}
        """The last that was asked for is the last here."""
        self.setups: dict[str, asyncio.Task[Order]] = {}
        self.waiting: dict[str, asyncio.Future[Order]] = {}
        self.tasks: set[asyncio.Task[None]] = set()
        self.closing = False
        self.devices_fault = ""

    async def ready(self) -> Order:
        """Starts the zygote and probes the sandbox. Returns `isolation`, `detail` and the `gpus` of the lease."""
        self.loop = asyncio.get_running_loop()
        self.news = asyncio.Event()
        self.folder = node_folder(self.config)
        self.own = os.path.join(self.folder, "agents", uuid.uuid4().hex[:8])
        os.makedirs(self.own, mode=0o700)
        os.mkdir(os.path.join(self.own, "trees"))
        os.makedirs(os.path.join(self.folder, "setup"), exist_ok=True)
        level, detail = ("none", "not asked for")
        if self.config["sandbox"]:
            level, detail = await asyncio.to_thread(bubblewrap.probe, self.own)
        self.box = bubblewrap.words(self.own) if level == "strict" else None
        self.filters = bubblewrap.filter_file(self.own)
        self._start_zygote()
        threading.Thread(target=die_with, args=(os.getppid(),), daemon=True).start()
        import ray

        gpus = [str(gpu) for gpu in ray.get_gpu_ids()]
        if self.box is not None:
            self.devices_fault = await asyncio.to_thread(bubblewrap.devices_fault, self.own, gpus)
        return {"isolation": level, "detail": detail, "gpus": gpus, "environment": environment()}

    async def launch(self, orders: list[bytes], packs: Order) -> None:
        """Starts attempts; `packs` maps tree → its tar, or an object reference of it. Known attempts are left alone."""
        for data in orders:
            order = json.loads(data)
            if order["attempt"] in self.known:
                continue
            self.known[order["attempt"]] = None
            self.users[order["attempt"]] = order["tree"]
            task = self.trees.pop(order["tree"], None)
            if task is not None:
                self.trees[order["tree"]] = task
            if task is not None and task.done() and task.exception() is None:
                self._launch(order)
                continue
            if task is None or task.done():
                if self._prepare_here(order["tree"], packs):
                    self._launch(order)
                    continue
                task = self.trees[order["tree"]] = self.loop.create_task(self._prepare(order["tree"], packs))
            waiter = self.loop.create_task(self._launch_after(task, order))
            self.tasks.add(waiter)
            waiter.add_done_callback(self.tasks.discard)
        if len(self.trees) > 2 * TREES:
            self._forget_trees()
        self._forget_attempts()

    async def poll(self, after: int) -> tuple[int, list[bytes]]:
        """Waits for outcomes past number `after`; those up to it are forgotten. Returns the last number and the
        outcomes."""
        for number in [number for number in self.outbox if number <= after]:
            del self.outbox[number]
        while not self.outbox:
            self.news.clear()
            await self.news.wait()
        return self.last, list(self.outbox.values())

    async def cancel(self, attempts: list[str]) -> None:
        self.cancelled.update(attempts)
        for attempt in attempts:
            self._order({"op": "cancel", "attempt": attempt})

    async def free_port(self) -> int:
        """One on which nobody of this node listens: where the ranks of a gang meet."""
        with socket.create_server(("", 0)) as server:
            port: int = server.getsockname()[1]
            return port

    async def close(self, keep: bool) -> None:
        """Ends every trial and the zygote; `keep` leaves files and products on the node for a next lease."""
        self.closing = True
        self._order({"op": "heard"})
        if keep:
            self._order({"op": "keep"})
        os.close(self.orders)
        await asyncio.to_thread(self.reader.join, 15)

    def _start_zygote(self) -> None:
        code = os.path.join(self.own, "code", "orgruntime", "backends")
        os.makedirs(code)
        for name, source in {"__init__": "", "../__init__": "", **self.config["code"]}.items():
            with open(os.path.join(code, f"{name}.py"), "w") as file:
                file.write(source)
        start = f"import sys; sys.path.insert(0, {os.path.join(self.own, 'code')!r}); "
        start += "from orgruntime.backends.zygote import main; main()"
        spool = self.config["spool"]
        # The folder is on the driver's machine; elsewhere nobody would read it.
        here = spool if spool and os.path.isdir(spool) else None
        options = {"root": self.own, "watch": [os.getpid(), os.getppid()], "spool": here}
        orders_r, self.orders = os.pipe()
        outcomes, outcomes_w = os.pipe()
        argv = [sys.executable, "-I", "-S", "-c", start, json.dumps(options)]
        env = {"PATH": "/usr/bin:/bin", "LANG": "C.UTF-8"}
        subprocess.run(argv, stdin=orders_r, stdout=outcomes_w, env=env, cwd="/", check=True)
        os.close(orders_r)
        os.close(outcomes_w)
        self.reader = threading.Thread(target=self._read, args=(outcomes,), daemon=True)
        self.reader.start()

    def _read(self, fd: int) -> None:
        with open(fd, "rb") as lines:
            for line in lines:
                self.loop.call_soon_threadsafe(self._heard, line)
        if not self.closing:
            # The zygote is gone and its trials with it: the lease is worth nothing, and the driver must hear so.
            end_below(os.path.join(self.own, "work"))
            os._exit(1)

    def _forget_trees(self) -> None:
        """Removes the trees that were asked for longest ago, but for those that a trial works in."""
        busy = set(self.users.values())
        idle = [tree for tree, laid_out in self.trees.items() if laid_out.done() and tree not in busy]
        gone = idle[: len(self.trees) - TREES]
        trash = os.path.join(self.own, f"trash-{uuid.uuid4().hex}")
        os.mkdir(trash)
        for tree in gone:
            del self.trees[tree]
            with contextlib.suppress(OSError):  # It was never laid out.
                os.rename(self._place(tree), os.path.join(trash, tree))
        self._order({"op": "forget", "trees": gone})
        self.loop.run_in_executor(None, trial_layout.discard, trash, os.path.join(self.folder, "blobs"))

    def _forget_attempts(self) -> None:
        if len(self.known) > 2 * KNOWN:
            for attempt in list(self.known)[:-KNOWN]:
                if attempt not in self.users:
                    del self.known[attempt]

    def _heard(self, line: bytes) -> None:
        told = json.loads(line)
        if "points" not in told:
            self.users.pop(told["attempt"], None)
            self.cancelled.discard(told["attempt"])
            if (set_up := self.waiting.pop(told["attempt"], None)) is not None:
                set_up.set_result(told)
                return
        self.last += 1
        self.outbox[self.last] = line
        self.news.set()

    def _order(self, order: Order) -> None:
        data = json.dumps(order).encode() + b"\n"
        while data:
            data = data[os.write(self.orders, data) :]

    async def _launch_after(self, tree: asyncio.Future[None], order: Order) -> None:
        try:
            await asyncio.shield(tree)
        except SetupFailed as failure:
            self._settle(order, **failure.outcome, detail="the set-up command failed")
        except Exception as error:
            self._settle(order, ending="infrastructure", detail=f"the node could not lay out the tree: {error}")
        else:
            self._launch(order)

    def _launch(self, order: Order) -> None:
        if order["attempt"] in self.cancelled:
            self._settle(order, ending="cancelled", detail="before it started")
            return
        if order["gpus"] and self.devices_fault:
            self._settle(order, ending="infrastructure", detail=self.devices_fault)
            return
        self._order({"op": "launch", **self._command(order), "tree": order["tree"]})

    def _command(self, order: Order) -> Order:
        argv = [sys.executable if order["argv"][0] in ("python", "python3") else order["argv"][0], *order["argv"][1:]]
        command = {
            "attempt": order["attempt"], "argv": argv, "env": _environment(order, boxed=self.box is not None),
            "limit_s": order["limit_s"], "memory_mb": order["memory_mb"], "processes": PROCESSES,
            "rungs": order.get("rungs", []), "metric": order.get("metric", ""),
        }  # fmt: skip
        if self.box is not None:
            box = bubblewrap.with_network(self.box, self.own) if order.get("network") else self.box
            command |= {"box": box, "tail": bubblewrap.tail_words(order["gpus"]), "seccomp": self.filters}
        return command

    def _settle(self, order: Order, **outcome: Any) -> None:
        whole = {"attempt": order["attempt"], "wall_s": 0.0, "isolation": "strict" if self.box else "none", **outcome}
        self._heard(json.dumps(whole).encode())

    def _prepare_here(self, tree: str, packs: Order) -> bool:
        """A small tree without a set-up is laid out at once: two hops to a thread would cost more than its files."""
        pack = packs.get(tree)
        if self.config["setup"] or not isinstance(pack, bytes):
            return False
        base, editable = self._place(tree), self.config["editable"]
        try:
            if self.box is None and len(pack) <= LARGEST_IN_MEMORY:
                self._announce(tree, base, *trial_layout.lay_out_in_memory(pack, editable))
            else:
                if not os.path.isdir(base):
                    self._unpack(pack, base)
                self._announce(tree, base, trial_layout.lay_out(base, editable, sandbox=self.box is not None))
        except Exception:
            return False  # Tried again below, where a failure is told.
        self.trees[tree] = self.loop.create_future()
        self.trees[tree].set_result(None)
        return True

    async def _prepare(self, tree: str, packs: Order) -> None:
        base = self._place(tree)
        if not os.path.isdir(base):
            pack: bytes = packs[tree] if isinstance(packs[tree], bytes) else await packs[tree]
            await asyncio.to_thread(self._unpack, pack, base)
        if self.config["setup"]:
            await self._add_products(base)
        layout = await asyncio.to_thread(
            trial_layout.lay_out, base, self.config["editable"], sandbox=self.box is not None
        )
        self._announce(tree, base, layout)

    def _announce(self, tree: str, base: str, layout: trial_layout.Layout, contents: Order | None = None) -> None:
        """`contents` stand for the files of a tree that has no folder."""
        self._order({
            "op": "tree", "id": tree, "base": base, "folders": layout.folders, "files": layout.files,
            "watched": layout.watched, "binds": layout.binds, "contents": contents or {},
        })  # fmt: skip

    def _place(self, tree: str) -> str:
        """Each agent has trees of its own, so that it can remove them; their files are one with those of others."""
        return os.path.join(self.own, "trees", tree)

    def _unpack(self, pack: bytes, base: str) -> None:
        trial_layout.unpack(pack, base, os.path.join(self.folder, "blobs"))

    async def _add_products(self, base: str) -> None:
        paths = await asyncio.to_thread(trial_layout.walk, base)
        frozen = await asyncio.to_thread(trial_layout.frozen_digest, base, paths, self.config["editable"])
        key = trial_layout.product_key(self.config["setup"], frozen)
        if key not in self.setups:
            self.setups[key] = self.loop.create_task(self._set_up(key, base, paths))
        made = await asyncio.shield(self.setups[key])
        await asyncio.to_thread(trial_layout.add_products, made["folder"], base, made["paths"])

    async def _set_up(self, key: str, base: str, paths: list[str]) -> Order:
        """Runs the set-up command once a node and set of frozen files. Raises SetupFailed."""
        done = os.path.join(self.folder, "setup", key)
        lock = os.open(done + ".lock", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            await asyncio.to_thread(fcntl.flock, lock, fcntl.LOCK_EX)
            if not os.path.isdir(done):
                await self._run_set_up(key, base, paths, done)
        finally:
            os.close(lock)
        made = await asyncio.to_thread(trial_layout.walk, done)
        return {"folder": done, "paths": sorted(set(made) - set(paths))}

    async def _run_set_up(self, key: str, base: str, paths: list[str], done: str) -> None:
        work = done + ".work"
        await asyncio.to_thread(shutil.rmtree, work, True)
        os.mkdir(work)
        await asyncio.to_thread(trial_layout.copy_tree, base, work, paths)
        order = {
            "attempt": f"set-up {key}", "argv": shlex.split(self.config["setup"]), "env": {}, "cpus": 1.0, "gpus": [],
            "limit_s": self.config["setup_limit_s"], "memory_mb": None,
        }  # fmt: skip
        self.waiting[order["attempt"]] = ended = self.loop.create_future()
        self._order({"op": "launch", **self._command(order), "work": work})
        outcome = await ended
        if outcome["ending"] != "exited" or outcome["exit_code"] != 0:
            raise SetupFailed(outcome)
        os.rename(work, done)


class SetupFailed(Exception):
    def __init__(self, outcome: Order) -> None:
        super().__init__("the set-up command failed")
        self.outcome = {name: value for name, value in outcome.items() if name not in ("attempt", "wall_s", "detail")}


def node_folder(config: Order) -> str:
    """The run's folder on this node, shared by its agents there."""
    return config["folder"] or os.path.join(tempfile.gettempdir(), f"orgrun-{config['run']}")


def has_gpu_devices() -> bool:
    return any(os.path.exists(f"/dev/{name}") for name in ("nvidiactl", "kfd", "dxg", "accel"))


def remove_node_folder(config: Order) -> None:
    """What leases that were given back had left for a next one."""
    shutil.rmtree(node_folder(config), ignore_errors=True)


def survey(config: Order) -> Order:
    """The isolation that this node can give, without a lease."""
    if config["folder"]:
        os.makedirs(config["folder"], exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="orgrun-probe-", dir=config["folder"]) as place:
        level, detail = bubblewrap.probe(place) if config["sandbox"] else ("none", "not asked for")
    return {
        "isolation": level, "detail": detail, "simulated": not has_gpu_devices(), "environment": environment(),
    }  # fmt: skip


def environment() -> dict[str, str]:
    """What trials meet on this node: `python` of a command is the interpreter that runs the agent."""
    return {"python": platform.python_version(), "platform": platform.platform()}


def _environment(order: Order, *, boxed: bool) -> dict[str, str]:
    threads = str(max(1, int(order["cpus"])))
    return {
        "PATH": f"{os.path.dirname(sys.executable)}:/usr/local/bin:/usr/bin:/bin",
        "HOME": "/tmp" if boxed else tempfile.gettempdir(),
        "LANG": "C.UTF-8",
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONUNBUFFERED": "1",
        "PYTHONHASHSEED": "0",
        "OMP_NUM_THREADS": threads,
        "OPENBLAS_NUM_THREADS": threads,
        "MKL_NUM_THREADS": threads,
        "CUDA_DEVICE_ORDER": "PCI_BUS_ID",
        "CUDA_VISIBLE_DEVICES": ",".join(order["gpus"]),
        **order["env"],
    }


def end_below(folder: str) -> None:
    """Ends whatever works in a folder: should its shepherd have been killed together with the zygote, nobody else
    would. A sandbox that is still being made is known by its words: it has left the folder and has no parent to die
    with; what it had just forked is found by looking again."""
    own = os.getpid()
    for _ in range(500):  # 5 s: what no signal reaches (a stuck disk) is left to the system.
        found = False
        for pid in filter(str.isdigit, os.listdir("/proc")):
            if int(pid) != own and _works_below(pid, folder):
                with contextlib.suppress(OSError):
                    os.kill(int(pid), signal.SIGKILL)
                    found = True
        if not found:
            return
        time.sleep(0.01)


def _works_below(pid: str, folder: str) -> bool:
    try:
        if os.readlink(f"/proc/{pid}/cwd").startswith(folder):
            return True
        with open(f"/proc/{pid}/cmdline", "rb") as file:
            return os.fsencode(folder) in file.read()
    except OSError:
        return False  # Gone, or a zombie: it has no folder any more.


def die_with(raylet: int) -> None:
    """Ends this process with its raylet: a worker outlives one that was killed; its lease, or its desks, must not."""
    try:
        fd = os.pidfd_open(raylet)
    except OSError:
        os._exit(1)
    select.select([fd], [], [])
    os._exit(1)
