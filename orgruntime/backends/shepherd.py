"""Starts, watches and ends the processes of trials on one node. Runs by itself, in a bare interpreter.

Works on JSON lines: orders on stdin (`tree`, `launch`, `cancel`, `keep`, `heard`), outcomes on stdout, one line an
attempt. It does not know Ray, the ledger, metrics or how a sandbox is built (it is given the words of one); standard
library only.

One single-threaded zygote forks one shepherd a trial. The kernel ties a parent-death signal to the *thread* that
forked, so nothing here may ever start a thread. Invariant: when a shepherd has reported, no process of its trial is
left, a daemon that left its session neither: the shepherd is a child subreaper and kills until it has no child. When
the agent or its raylet is gone, the zygote ends every shepherd and writes the last outcomes to the spool; when the
zygote is gone, each shepherd ends itself; when a shepherd is gone, the zygote adopts and kills what it left.
"""

from __future__ import annotations

import gc
import json
import os
import select
import shutil
import signal
import sys
import time
from collections import deque
from typing import Any

from orgruntime.backends.processes import (
    DEATH_SIGNAL,
    SUBREAPER,
    Capture,
    drain,
    kill,
    pidfd,
    prctl,
    processes,
    proportional_mb,
    start,
)
from orgruntime.backends.trial_files import copy, insist, remove_shared, signature, unchanged, write_whole

PATIENCE_S = 10.0
"""How long killed processes may take to vanish (uninterruptible disk waits)."""

RECENT = 256
"""Outcomes that a zygote can still write down when its agent is gone: more than a driver leaves unsettled."""

ENDINGS = {
    signal.SIGTERM: "infrastructure",
    signal.SIGUSR1: "cancelled",
    signal.SIGUSR2: "out of memory",
    signal.SIGHUP: "too many processes",
}
"""What the zygote, or the zygote's death, tells a shepherd."""

Order = dict[str, Any]


def main() -> None:
    """OPTIONS is a JSON object: `root` (a folder of its own), `watch` (process ids whose end is ours), `spool` or
    null."""
    options = json.loads(sys.argv[1])
    # Away from the agent's children: a dying Ray worker kills those before we could end our own in order.
    if os.fork():
        os._exit(0)
    os.setsid()
    Zygote(options).serve()
    os._exit(0)


class Job:
    """One trial as the zygote knows it."""

    def __init__(self, order: Order, report: int) -> None:
        self.order = order
        self.report = report
        self.started = time.monotonic()
        self.peak_mb = 0.0
        self.told = False


class Zygote:
    def __init__(self, options: Order) -> None:
        self.root: str = options["root"]
        self.spool: str | None = options.get("spool")
        self.jobs: dict[int, Job] = {}
        self.trees: dict[str, Order] = {}
        self.keep = False
        self.recent: deque[Order] = deque(maxlen=RECENT)
        self.strays = False
        self.pending = b""
        self.next_look = 0.0
        self.look_every = 0.1
        os.makedirs(os.path.join(self.root, "work"), exist_ok=True)
        prctl(SUBREAPER, 1)
        self.wake, wake_w = os.pipe()
        os.set_blocking(self.wake, False)
        os.set_blocking(wake_w, False)
        signal.set_wakeup_fd(wake_w, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)
        self.poller = select.poll()
        for fd in (0, self.wake, *map(pidfd, options["watch"])):
            self.poller.register(fd, select.POLLIN)
        gc.collect()
        gc.freeze()

    def serve(self) -> None:
        """Until stdin ends or a watched process is gone."""
        while True:
            for fd, _ in self.poller.poll(self._timeout()):
                if fd == self.wake:
                    drain(self.wake)
                elif fd != 0 or not self._read_orders():
                    self._end()
                    return
            self._reap()
            if self.jobs and time.monotonic() >= self.next_look:
                self._look()

    def _timeout(self) -> float | None:
        if self.strays:
            return 5.0
        if not self.jobs:
            return None
        return max(0.0, (self.next_look - time.monotonic()) * 1000)

    def _read_orders(self) -> bool:
        data = os.read(0, 1 << 20)
        *lines, self.pending = (self.pending + data).split(b"\n")
        for line in lines:
            order = json.loads(line)
            if order["op"] == "launch":
                self._launch(order)
            elif order["op"] == "tree":
                self.trees[order["id"]] = order
            elif order["op"] == "cancel":
                self._tell(order["attempt"], signal.SIGUSR1)
            elif order["op"] == "keep":
                self.keep = True
            elif order["op"] == "heard":
                self.recent.clear()
        return bool(data)

    def _launch(self, order: Order) -> None:
        tree = self.trees.get(order.get("tree", ""), {})
        if not self.jobs:
            self.next_look = time.monotonic() + self.look_every
        try:
            report = os.memfd_create("outcome")
            parent = os.getpid()
            # Held back until the child can hear: by default they would end it.
            signal.pthread_sigmask(signal.SIG_BLOCK, ENDINGS)
            pid = os.fork()
        except OSError as error:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, ENDINGS)
            _say(_lost(order, 0.0, f"the node could not start a process: {error.strerror}"))
            return
        if pid == 0:
            try:
                Shepherd(order, tree, self.root, self.spool).tend(parent, report)
            finally:
                os._exit(0)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, ENDINGS)
        self.jobs[pid] = Job(order, report)

    def _tell(self, attempt: str, number: int) -> None:
        for pid, job in self.jobs.items():
            if job.order["attempt"] == attempt:
                os.kill(pid, number)

    def _reap(self) -> None:
        while True:
            try:
                pid, _ = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                self.strays = False
                return
            if pid == 0:
                break
            if pid in self.jobs:
                self._finish(pid, self.jobs.pop(pid))
        if self.strays:
            self._kill_strays()

    def _finish(self, pid: int, job: Job) -> None:
        size = os.fstat(job.report).st_size
        text = os.pread(job.report, size, 0)
        os.close(job.report)
        try:
            outcome = json.loads(text)
        except ValueError:
            wall_s = time.monotonic() - job.started
            outcome = _lost(job.order, wall_s, "the process that watched over the trial was killed")
            self.strays = True
            shutil.rmtree(os.path.join(self.root, "work", str(pid)), ignore_errors=True)
        outcome["peak_memory_mb"] = max(outcome["peak_memory_mb"], job.peak_mb)
        self.recent.append(outcome)
        _say(outcome)

    def _kill_strays(self) -> None:
        """What a killed shepherd left is ours now: every child that is no shepherd, and all below it."""
        table = processes()
        tops = [pid for pid in table.children.get(os.getpid(), []) if pid not in self.jobs]
        self.strays = bool(tops)
        for top in tops:
            kill((top, *table.below(top)))

    def _look(self) -> None:
        """Memory and number of processes of each trial, from one pass over the process table for all of them."""
        began = time.monotonic()
        table = processes()
        for pid, job in self.jobs.items():
            below = table.below(pid)
            used = sum(table.rss_mb[child] for child in below)
            limit = job.order.get("memory_mb")
            if len(below) > job.order["processes"]:
                os.kill(pid, signal.SIGHUP)
            elif limit and used > limit:
                # Shared pages count once for each process in the resident sum, so ask again exactly.
                used = min(used, sum(proportional_mb(child, table.rss_mb[child]) for child in below))
                if used > limit:
                    os.kill(pid, signal.SIGUSR2)
            job.peak_mb = max(job.peak_mb, used)
        now = time.monotonic()
        self.look_every = min(1.0, max(0.1, 20 * (now - began)))
        self.next_look = now + self.look_every

    def _end(self) -> None:
        deadline = time.monotonic() + PATIENCE_S
        while self.jobs and time.monotonic() < deadline:
            for pid in self.jobs:
                os.kill(pid, signal.SIGTERM)
            select.select([self.wake], [], [], 0.05)
            drain(self.wake)
            self._reap()
        for pid in self.jobs:
            os.kill(pid, signal.SIGKILL)
        self.strays = True
        while self.strays and time.monotonic() < deadline + 1:
            self._reap()
            time.sleep(0.002)
        for outcome in self.recent if self.spool else ():
            write_whole(str(self.spool), outcome["attempt"] + ".json", json.dumps(outcome).encode())
        shutil.rmtree(self.root, ignore_errors=True)
        remove_shared(os.path.dirname(self.root), self.keep)


class Shepherd:
    """One trial: a fresh tree, its command, its end."""

    def __init__(self, order: Order, tree: Order, root: str, spool: str | None) -> None:
        self.order = order
        self.tree = tree
        self.spool = spool
        self.cpu_s = 0.0
        self.peak_mb = 0.0
        self.told: str | None = None
        self.status: int | None = None
        self.capture = Capture()
        self.setup = "work" in order
        self.work: str = order["work"] if self.setup else os.path.join(root, "work", str(os.getpid()))
        self.signatures: dict[str, tuple[int, ...]] = {}

    def tend(self, parent: int, report: int) -> None:
        self._leave_home(parent)
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
        self._report(report, ending, wall_s, detail)
        if not self.setup:
            shutil.rmtree(self.work, onerror=insist)

    def _leave_home(self, parent: int) -> None:
        gc.disable()
        os.setsid()
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

    def _hear(self, number: int, _frame: object) -> None:
        self.told = self.told or ENDINGS[signal.Signals(number)]

    def _lay_out(self) -> None:
        if self.setup:
            return
        os.mkdir(self.work, 0o755)
        base = self.tree["base"]
        for folder in self.tree["folders"]:
            os.mkdir(os.path.join(self.work, folder), 0o755)
        for path in self.tree["files"]:
            copy(os.path.join(base, path), os.path.join(self.work, path))
        for path in self.tree["watched"]:
            self.signatures[path] = signature(os.path.join(self.work, path))

    def _run(self, deadline: float) -> tuple[str, str]:
        """(ending, detail); the main process may still live where the ending is not `exited`."""
        out, out_w = os.pipe()
        state, state_w = os.pipe()
        os.set_blocking(out, False)
        self.main = start(self._argv(state_w), self.order["env"], self.work, out_w, state_w)
        os.close(out_w)
        os.close(state_w)
        ending = self._watch(out, deadline)
        self.out, self.state = out, state
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
            words += ["--seccomp", str(fd)]
        return [*words, "--json-status-fd", str(state), "--", *self.order["argv"]]

    def _watch(self, out: int, deadline: float) -> str:
        main = pidfd(self.main)
        poller = select.poll()
        for fd in (out, main, self.wake):
            poller.register(fd, select.POLLIN)
        while True:
            if self.told:
                return self.told
            left = deadline - time.monotonic()
            if left <= 0:
                return "timeout"
            for fd, _ in poller.poll(left * 1000 + 1):
                if fd == main:
                    return "exited"
                if fd == self.wake:
                    drain(fd)
                elif not self.capture.pump(out):
                    poller.unregister(out)

    def _end_tree(self) -> None:
        deadline = time.monotonic() + PATIENCE_S
        pause = 0.0
        while self._reap():
            kill(processes().below(os.getpid()))
            if time.monotonic() > deadline:
                return
            time.sleep(pause)
            pause = min(0.02, pause + 0.001)

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
            if not unchanged(os.path.join(self.work, path), before, os.path.join(self.tree["base"], path)):
                return "tampered", path
        return "exited", detail

    def _report(self, report: int, ending: str, wall_s: float, detail: str) -> None:
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
        if self.spool and not self.setup and ending == "infrastructure":
            # The zygote may be gone: then nobody else can tell.
            write_whole(self.spool, self.order["attempt"] + ".json", data)
        os.pwrite(report, data, 0)


def _lost(order: Order, wall_s: float, detail: str) -> Order:
    isolation = "strict" if order.get("box") else "none"
    return {
        "attempt": order["attempt"], "ending": "infrastructure", "exit_code": None, "wall_s": wall_s, "cpu_s": 0.0,
        "peak_memory_mb": 0.0, "output": "", "isolation": isolation, "detail": detail,
    }  # fmt: skip


def _say(outcome: Order) -> None:
    data = json.dumps(outcome).encode() + b"\n"
    try:
        while data:
            data = data[os.write(1, data) :]
    except BrokenPipeError:
        return
