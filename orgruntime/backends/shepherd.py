"""The process that tends trials, one at a time: a fresh tree, its command, its end. Forked by the zygote.

Works on orders from a pipe, outcomes into another, one JSON line each. It does not know Ray, the ledger, metrics or how
a sandbox is built (it is given the words of one); standard library only. Invariant: when it has reported, no process of
the trial is left, a daemon that left its session neither: a shepherd is a child subreaper and kills until it has no
child. When the zygote is gone, it ends its trial and itself.
"""

from __future__ import annotations

import base64
import gc
import json
import os
import select
import signal
import time
from typing import Any

from orgruntime.backends.milestones import Milestones
from orgruntime.backends.processes import (
    DEATH_SIGNAL,
    SUBREAPER,
    Capture,
    descendants,
    drain,
    kill,
    limit_files,
    pidfd,
    prctl,
    start,
)
from orgruntime.backends.trial_files import Contents, Folder, signature, unchanged, write_whole

PATIENCE_S = 10.0
"""How long killed processes may take to vanish (uninterruptible disk waits)."""

SHORTEST_PAUSE_S = 0.0005
"""A sandbox is gone so long after its command, and its processes with it."""

ENDINGS = {
    signal.SIGTERM: "infrastructure",
    signal.SIGUSR1: "cancelled",
    signal.SIGUSR2: "out of memory",
    signal.SIGHUP: "too many processes",
}
"""What the zygote, or the zygote's death, tells a shepherd."""

MOST_FILES = 1 << 16

Order = dict[str, Any]


class Shepherd:
    """The process: its signals, its pipes, its next order."""

    def __init__(self, root: str, spool: str | None, orders: int, reports: int) -> None:
        self.root = root
        self.spool = spool
        self.orders = orders
        self.reports = reports
        self.told: str | None = None

    def serve(self, parent: int, order: Order, tree: Order) -> None:
        """Tends the first order and those that follow, until the orders' pipe is closed."""
        self._leave_home(parent)
        self.folder = Folder(os.path.join(self.root, "work", str(os.getpid())))
        following: tuple[Order, Order] | None = (order, tree)
        while following is not None:
            Attempt(self, *following).tend()
            following = self._next()
        self.folder.remove()

    def report(self, data: bytes) -> None:
        data += b"\n"
        while data:
            data = data[os.write(self.reports, data) :]

    def _next(self) -> tuple[Order, Order] | None:
        data = b""
        poller = select.poll()
        for fd in (self.orders, self.wake):
            poller.register(fd, select.POLLIN)
        while not data.endswith(b"\n"):
            for fd, _ in poller.poll():
                if fd == self.wake:
                    drain(fd)
                    if self.told == "infrastructure":
                        return None
                elif not (more := os.read(fd, 1 << 16)):
                    return None
                else:
                    data += more
        # What was told between two trials was meant for the one that had ended.
        self.told = None
        order, tree = json.loads(data)
        return order, tree

    def _leave_home(self, parent: int) -> None:
        gc.disable()
        os.setsid()
        low, high = sorted((self.orders, self.reports))
        for first, last in ((3, low), (low + 1, high), (high + 1, MOST_FILES)):
            os.closerange(first, last)
        for number in ENDINGS:
            signal.signal(number, self._hear)
        self.wake, wake_w = os.pipe()
        os.set_blocking(self.wake, False)
        os.set_blocking(wake_w, False)
        signal.set_wakeup_fd(wake_w, warn_on_full_buffer=False)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, ENDINGS)
        prctl(DEATH_SIGNAL, signal.SIGTERM)
        if os.getppid() != parent:
            os._exit(0)
        prctl(SUBREAPER, 1)
        null = os.open(os.devnull, os.O_RDWR)
        for fd in (0, 1):
            os.dup2(null, fd)
        limit_files()

    def _hear(self, number: int, _frame: object) -> None:
        self.told = self.told or ENDINGS[signal.Signals(number)]


class Attempt:
    """One attempt at a trial."""

    def __init__(self, home: Shepherd, order: Order, tree: Order) -> None:
        self.home = home
        self.order = order
        self.tree = tree
        self.cpu_s = 0.0
        self.peak_mb = 0.0
        self.status: int | None = None
        rungs: list[float] = order.get("rungs", [])
        self.milestones = Milestones(order["metric"], rungs) if rungs else None
        self.capture = Capture(self._hear if rungs else None)
        self.setup = "work" in order
        self.work: str = order["work"] if self.setup else home.folder.path
        self.signatures: dict[str, tuple[int, ...]] = {}
        self.contents: Contents = {}
        self.ended = False
        """No process of it is left."""
        self.fds: list[int] = []
        """Open until the end of the attempt."""

    def tend(self) -> None:
        began, wall_s, detail = time.monotonic(), 0.0, ""
        try:
            self._lay_out()
            began = time.monotonic()
            ending, detail = self._run(began + self.order["limit_s"])
            wall_s = time.monotonic() - began
            self._end_tree()
            self.capture.pump(self.out)
            if ending == "exited":
                ending, detail = self._examine(detail)
        except OSError as error:
            self._end_tree()
            ending, detail = "infrastructure", f"the node could not run it: {error.strerror}: {error.filename or ''}"
        if not self.setup:
            self._clear()
        for fd in self.fds:
            os.close(fd)
        self._report(ending, wall_s, detail)

    def _lay_out(self) -> None:
        if self.setup:
            return
        tree = self.tree
        for path, (data, executable) in tree.get("contents", {}).items():
            self.contents[path] = base64.b64decode(data), executable
        self.home.folder.lay_out(tree["base"], tree["folders"], tree["files"], self.contents)
        for path in self.tree["watched"]:
            self.signatures[path] = signature(os.path.join(self.work, path))

    def _clear(self) -> None:
        """Nothing holds a trial without a sandbox to its folder; in one, nothing at all may reach the next trial, not
        even an attribute of a file. What could not be killed may still write."""
        reuse = self.ended and not self.order.get("box")
        self.home.folder.clear(self.tree["folders"], self.tree["files"], reuse=reuse)

    def _run(self, deadline: float) -> tuple[str, str]:
        """(ending, detail); the main process may still live where the ending is not `exited`."""
        self.out, out_w = os.pipe()
        self.state, state_w = os.pipe()
        self.fds += (self.out, self.state)
        os.set_blocking(self.out, False)
        os.set_inheritable(state_w, True)
        self.main = start(self._argv(state_w), self.order["env"], self.work, out_w)
        os.close(out_w)
        os.close(state_w)
        ending = self._watch(self.out, deadline)
        return ending, "the node's agent is gone" if ending == "infrastructure" else ""

    def _argv(self, state: int) -> list[str]:
        box: list[str] | None = self.order.get("box")
        if not box:
            return list(self.order["argv"])
        words = [*box, *self.tree.get("binds", []), *self.order.get("tail", [])]
        words = [word.replace("{work}", self.work) for word in words]
        filters: str | None = self.order.get("seccomp")
        if filters:
            fd = os.open(filters, os.O_RDONLY)
            os.set_inheritable(fd, True)
            self.fds.append(fd)
            words += ["--seccomp", str(fd)]
        return [*words, "--json-status-fd", str(state), "--", *self.order["argv"]]

    def _watch(self, out: int, deadline: float) -> str:
        main = pidfd(self.main)
        self.fds.append(main)
        poller = select.poll()
        for fd in (out, main, self.home.wake):
            poller.register(fd, select.POLLIN)
        while True:
            if self.home.told:
                return self.home.told
            left = deadline - time.monotonic()
            if left <= 0:
                return "timeout"
            for fd, _ in poller.poll(left * 1000 + 1):
                if fd == main:
                    return "exited"
                if fd == self.home.wake:
                    drain(fd)
                elif not self.capture.pump(out):
                    poller.unregister(out)

    def _hear(self, data: bytes) -> None:
        points = self.milestones.hear(data) if self.milestones is not None else []
        if points:
            self.home.report(json.dumps({"points": points, "attempt": self.order["attempt"]}).encode())

    def _end_tree(self) -> None:
        deadline = time.monotonic() + PATIENCE_S
        pause = SHORTEST_PAUSE_S
        while self._reap():
            kill(descendants(os.getpid()))
            if time.monotonic() > deadline:
                return
            time.sleep(pause)
            pause = min(0.02, 2 * pause)
        self.ended = True

    def _reap(self) -> bool:
        """Whether a child is left."""
        while True:
            try:
                pid, status, usage = os.wait4(-1, os.WNOHANG)
            except ChildProcessError:
                return False
            if pid == 0:
                return True
            if pid == getattr(self, "main", None):
                self.status = status
            self.cpu_s += usage.ru_utime + usage.ru_stime
            self.peak_mb = max(self.peak_mb, usage.ru_maxrss / 1024)

    def _examine(self, detail: str) -> tuple[str, str]:
        if self.order.get("box") and b"exit-code" not in os.read(self.state, 65536):
            text = self.capture.text()
            if not text.startswith("bwrap: execvp "):
                return "infrastructure", f"the sandbox could not be made: {text.strip()[:300]}"
        for path, before in self.signatures.items():
            original = self.contents[path][0] if path in self.contents else os.path.join(self.tree["base"], path)
            if not unchanged(os.path.join(self.work, path), before, original):
                return "tampered", path
        return "exited", detail

    def _report(self, ending: str, wall_s: float, detail: str) -> None:
        code = None if self.status is None or ending != "exited" else os.waitstatus_to_exitcode(self.status)
        outcome = {
            "attempt": self.order["attempt"],
            "ending": ending,
            "exit_code": code if code is None or code >= 0 else 128 - code,
            "wall_s": wall_s,
            "cpu_s": self.cpu_s,
            "peak_memory_mb": self.peak_mb,
            "output": self.capture.text(),
            "isolation": "strict" if self.order.get("box") else "none",
            "detail": detail,
        }
        data = json.dumps(outcome).encode()
        if self.home.spool and not self.setup and ending == "infrastructure":
            # The zygote may be gone: then nobody else can tell.
            write_whole(self.home.spool, self.order["attempt"] + ".json", data)
        self.home.report(data)
