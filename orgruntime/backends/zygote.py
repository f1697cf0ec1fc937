"""The process that has the trials of one lease started, watched and ended. Runs by itself, in a bare interpreter.

Works on JSON lines: orders on stdin (`tree`, `forget`, `launch`, `cancel`, `keep`, `heard`), outcomes on stdout, one
line an attempt. It does not know Ray, the ledger, metrics or how a sandbox is built (it is given the words of one);
standard library only.

One single-threaded zygote forks shepherds, each of which tends one trial at a time; one that has reported takes the
next trial (a fork and its page faults cost 2 ms). The kernel ties a parent-death signal to the *thread* that forked, so
nothing here may ever start a thread. Invariant: when a shepherd has reported, no process of its trial is left. When
the agent or its raylet is gone, the zygote ends every shepherd and writes the last outcomes to the spool; when a
shepherd is gone, the zygote adopts and kills what it left.
"""

from __future__ import annotations

import gc
import json
import os
import select
import signal
import sys
import time
from collections import deque
from collections.abc import Iterable

from orgruntime.backends.milestones import POINTS
from orgruntime.backends.processes import SUBREAPER, drain, kill, pidfd, prctl, processes, proportional_mb
from orgruntime.backends.shepherd import ENDINGS, PATIENCE_S, Order, Shepherd
from orgruntime.backends.trial_files import remove_shared, remove_tree, write_whole

IDLE = 32
"""Shepherds at most that wait for a next trial: 3 MB each, most of them shared. Trials come in bursts, and each that
finds nobody waiting costs a fork."""
MARKS, MARKS_PROMISED = "started-", "every-start-is-marked"
"""Files of the spool: `<attempt> <UTC seconds>` a line, and the word that no attempt can start without one."""
MOST_MARKS = 10_000
"""Lines of a file of marks; then a new one takes over what still runs."""
RECENT = 256
"""Outcomes that a zygote can still write down when its agent is gone: more than a driver leaves unsettled."""


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

    def __init__(self, order: Order) -> None:
        self.order = order
        self.started = time.monotonic()
        self.mark = b"%s %.6f\n" % (order["attempt"].encode(), time.time())
        self.peak_mb = 0.0


class Post:
    """One shepherd as the zygote knows it: two pipes, and a job or none."""

    def __init__(self, pid: int, orders: int, reports: int) -> None:
        self.pid = pid
        self.orders = orders
        self.reports = reports
        self.said = b""
        self.job: Job | None = None


class Marks:
    """The moments at which attempts were started, in one file that is only appended to: 2 µs a trial."""

    def __init__(self, spool: str | None) -> None:
        self.spool = spool
        self.path = ""
        self.fd = -1
        self.lines = 0

    def add(self, mark: bytes, running: Iterable[bytes]) -> None:
        """Before the start. `running` are the marks of what has not ended."""
        if self.spool is None:
            return
        try:
            if self.fd < 0 or self.lines >= MOST_MARKS:
                self._renew(running)
            written = os.write(self.fd, mark)
            self.lines += 1
        except OSError:
            written = 0
        if written != len(mark):
            # From here on a missing mark proves nothing.
            self.remove()
            self._take_back()

    def remove(self) -> None:
        """Nobody needs them any more."""
        if self.fd >= 0:
            os.close(self.fd)
            self.fd = -1
            _unlink(self.path)

    def _renew(self, running: Iterable[bytes]) -> None:
        """The new file is whole before the old one goes."""
        path = os.path.join(str(self.spool), f"{MARKS}{os.getpid()}-{time.monotonic_ns():x}")
        fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_CLOEXEC, 0o600)
        self.lines = 0
        for mark in running:
            self.lines += 1
            os.write(fd, mark)
        self.remove()
        self.path, self.fd = path, fd

    def _take_back(self) -> None:
        _unlink(os.path.join(str(self.spool), MARKS_PROMISED))
        self.spool = None


class Zygote:
    def __init__(self, options: Order) -> None:
        self.root: str = options["root"]
        self.spool: str | None = options.get("spool")
        self.posts: dict[int, Post] = {}
        self.by_pipe: dict[int, Post] = {}
        self.idle: list[Post] = []
        self.trees: dict[str, Order] = {}
        self.marks = Marks(self.spool)
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
        self.fixed = (0, *map(pidfd, options["watch"]))
        for fd in (self.wake, *self.fixed):
            self.poller.register(fd, select.POLLIN)
        gc.collect()
        gc.freeze()

    def serve(self) -> None:
        """Until stdin ends or a watched process is gone."""
        while True:
            for fd, _ in self.poller.poll(self._timeout()):
                if fd == self.wake:
                    drain(self.wake)
                elif fd in self.by_pipe:
                    self._hear(self.by_pipe[fd])
                elif fd != 0 or not self._read_orders():
                    self._end()
                    return
            self._reap()
            if self._busy() and time.monotonic() >= self.next_look:
                self._look()

    def _timeout(self) -> float | None:
        if self.strays:
            return 5.0
        if not self._busy():
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
            elif order["op"] == "forget":
                for tree in order["trees"]:
                    self.trees.pop(tree, None)
            elif order["op"] == "cancel":
                self._tell(order["attempt"], signal.SIGUSR1)
            elif order["op"] == "keep":
                self.keep = True
            elif order["op"] == "heard":
                self.recent.clear()
                self.marks.remove()
        return bool(data)

    def _busy(self) -> bool:
        return any(post.job is not None for post in self.posts.values())

    def _launch(self, order: Order) -> None:
        tree = self.trees.get(order.get("tree", ""), {})
        if not self._busy():
            self.next_look = time.monotonic() + self.look_every
        job = Job(order)
        if "work" not in order:
            self.marks.add(job.mark, (post.job.mark for post in self.posts.values() if post.job is not None))
        post = self._hand_over(order, tree)
        if post is None:
            try:
                post = self._fork(order, tree)
            except OSError as error:
                _say(_lost(order, 0.0, f"the node could not start a process: {error.strerror}"))
                return
        post.job = job

    def _hand_over(self, order: Order, tree: Order) -> Post | None:
        """The order goes to a shepherd that waits for one, if there is any."""
        while self.idle:
            post = self.idle.pop()
            data = json.dumps([order, tree]).encode() + b"\n"
            try:
                while data:
                    data = data[os.write(post.orders, data) :]
                return post
            except BrokenPipeError:
                continue  # It was killed; `_reap` hears of it as well.
        return None

    def _fork(self, order: Order, tree: Order) -> Post:
        parent = os.getpid()
        orders, orders_w = os.pipe()
        reports, reports_w = os.pipe()
        # Held back until the child can hear: by default they would end it.
        signal.pthread_sigmask(signal.SIG_BLOCK, ENDINGS)
        try:
            pid = os.fork()
            if pid == 0:
                try:
                    Shepherd(self.root, self.spool, orders, reports_w).serve(parent, order, tree)
                finally:
                    os._exit(0)
        finally:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, ENDINGS)
            os.close(orders)
            os.close(reports_w)
        post = Post(pid, orders_w, reports)
        self.posts[pid] = self.by_pipe[reports] = post
        self.poller.register(reports, select.POLLIN)
        return post

    def _tell(self, attempt: str, number: int) -> None:
        for post in self.posts.values():
            if post.job is not None and post.job.order["attempt"] == attempt:
                os.kill(post.pid, number)

    def _hear(self, post: Post) -> None:
        data = os.read(post.reports, 1 << 20)
        if not data:
            self._hang_up(post)
            return
        *lines, post.said = (post.said + data).split(b"\n")
        for line in lines:
            if post.job is None:
                continue
            if line.startswith(POINTS.encode()):
                _write(line + b"\n")
                continue
            job, post.job = post.job, None
            self._finish(job, json.loads(line))
            if len(self.idle) < IDLE:
                self.idle.append(post)
            else:
                os.close(post.orders)
                post.orders = -1

    def _hang_up(self, post: Post) -> None:
        """It is dead, or about to be."""
        self.poller.unregister(post.reports)
        del self.by_pipe[post.reports]
        os.close(post.reports)
        if post.orders >= 0:
            os.close(post.orders)
        if post in self.idle:
            self.idle.remove(post)

    def _reap(self) -> None:
        while True:
            try:
                pid, _ = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                self.strays = False
                return
            if pid == 0:
                break
            if pid in self.posts:
                self._bury(self.posts.pop(pid))
        if self.strays:
            self._kill_strays()

    def _bury(self, post: Post) -> None:
        while post.reports in self.by_pipe and self.by_pipe[post.reports] is post:
            self._hear(post)
        job, post.job = post.job, None
        remove_tree(os.path.join(self.root, "work", str(post.pid)))
        if job is None:
            return
        wall_s = time.monotonic() - job.started
        self.strays = True
        self._finish(job, _lost(job.order, wall_s, "the process that watched over the trial was killed"))

    def _finish(self, job: Job, outcome: Order) -> None:
        outcome["peak_memory_mb"] = max(outcome["peak_memory_mb"], job.peak_mb)
        self.recent.append(outcome)
        _say(outcome)

    def _kill_strays(self) -> None:
        """What a killed shepherd left is ours now: every child that is no shepherd, and all below it."""
        table = processes()
        tops = [pid for pid in table.children.get(os.getpid(), []) if pid not in self.posts]
        self.strays = bool(tops)
        for top in tops:
            kill((top, *table.below(top)))

    def _look(self) -> None:
        """Memory and number of processes of each trial, from one pass over the process table for all of them."""
        began = time.monotonic()
        table = processes()
        for post in self.posts.values():
            pid, job = post.pid, post.job
            if job is None:
                continue
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
        for fd in self.fixed:
            self.poller.unregister(fd)
        while self._busy() and time.monotonic() < deadline:
            for post in self.posts.values():
                if post.job is not None:
                    os.kill(post.pid, signal.SIGTERM)
            for fd, _ in self.poller.poll(50):
                if fd in self.by_pipe:
                    self._hear(self.by_pipe[fd])
            drain(self.wake)
            self._reap()
        for pid in self.posts:
            os.kill(pid, signal.SIGKILL)
        self.strays = True
        while self.strays and time.monotonic() < deadline + 1:
            self._reap()
            time.sleep(0.002)
        for outcome in self.recent if self.spool else ():
            write_whole(str(self.spool), outcome["attempt"] + ".json", json.dumps(outcome).encode())
        remove_tree(self.root)
        remove_shared(os.path.dirname(self.root), self.keep)


def _unlink(path: str) -> None:
    """Somebody may have cleared the folder; that is no reason to leave trials alone."""
    try:
        os.unlink(path)
    except OSError:
        return


def _lost(order: Order, wall_s: float, detail: str) -> Order:
    isolation = "strict" if order.get("box") else "none"
    return {
        "attempt": order["attempt"], "ending": "infrastructure", "exit_code": None, "wall_s": wall_s, "cpu_s": 0.0,
        "peak_memory_mb": 0.0, "output": "", "isolation": isolation, "detail": detail,
    }  # fmt: skip


def _say(outcome: Order) -> None:
    _write(json.dumps(outcome).encode() + b"\n")


def _write(data: bytes) -> None:
    try:
        while data:
            data = data[os.write(1, data) :]
    except BrokenPipeError:
        return
