"""Commands of desks, run as trials are: by a zygote, in the sandbox, ended with all that they started.

Works on folders and command lines; does not know models or worktrees. One zygote serves all the desks of a process
(bubblewrap ties its life to the *thread* that starts it, so no thread of a desk may), and is started when the first
command comes. Invariants: without a sandbox nothing runs unless that was allowed; a command sees no variable of this
process's environment; when `run` returns, no process of the command is left.
"""

from __future__ import annotations

import itertools
import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any

import orgruntime
from orgruntime.backends import bubblewrap
from orgruntime.backends.desk_paths import Fault

AT_ONCE = 4
"""Commands of one process's desks; more wait, and their limit does not run meanwhile."""
MEMORY_MB = 1024
PROCESSES = 128
TEMPORARY_MB = 128
"""Of /tmp and of /dev/shm, beside `MEMORY_MB`: no process's memory."""
LOOK_S = 0.25
"""How often a running command is looked at."""
LONGEST_COMMAND = 100_000
"""The kernel takes 128 KiB a word."""
NICE = 10
"""Desks look around while trials hold the machine."""


@dataclass(frozen=True)
class Ended:
    ending: str
    """As in an outcome of a trial: `exited`, `timeout`, …"""
    exit_code: int | None
    output: str
    detail: str = ""
    cpu_s: float = 0.0


class Abandoned(Exception):
    """The step that this was for is over."""


@dataclass(frozen=True)
class Watched:
    """What ends a command early."""

    stopped: threading.Event
    """Nobody waits for it any more."""
    is_too_much: Callable[[], bool]
    """Whether it has written more than can be kept."""


class Shell:
    """May be used from any thread. Everything that it makes is below `folder`, which must be the caller's own: a zygote
    that outlives this process removes it."""

    def __init__(
        self, folder: str, *, level: str, why: str = "", unsandboxed: bool = False, watch: Sequence[int] = ()
    ) -> None:
        """`level` and `why` are what `bubblewrap.probe` found; the end of a process in `watch` is the zygote's end."""
        self._folder = folder
        self._level, self._why, self._unsandboxed = level, why, unsandboxed
        self._watch = (os.getpid(), *watch)
        self._slots = threading.Semaphore(AT_ONCE)
        self._lock = threading.Lock()
        self._zygote: Zygote | None = None
        self._closed = False

    @property
    def boxed(self) -> bool:
        return self._level == "strict"

    def run(self, work: str, binds: Sequence[str], command: str, limit_s: float, watched: Watched) -> Ended:
        """Runs a bash command in the folder `work`. Raises Fault where no command may run, Abandoned once the step is
        stopped."""
        if not self.boxed and not self._unsandboxed:
            raise Fault(f"commands cannot run here: this machine gives no sandbox ({self._why})")
        if len(command.encode()) > LONGEST_COMMAND or "\0" in command:
            raise Fault(f"a command has at most {LONGEST_COMMAND} bytes, and no NUL", malformed=True)
        while not self._slots.acquire(timeout=LOOK_S):
            if watched.stopped.is_set():
                raise Abandoned
        try:
            zygote = self.start()
            order = {
                "work": work, "env": environment(), "argv": ["nice", "-n", str(NICE), "bash", "-c", command],
                "limit_s": limit_s, "memory_mb": MEMORY_MB, "processes": PROCESSES,
            }  # fmt: skip
            if self.boxed:
                order |= {"box": [*zygote.box, *binds], "tail": bubblewrap.tail_words(()), "seccomp": zygote.filters}
            return _attend(zygote, order, watched)
        finally:
            self._slots.release()

    def start(self) -> Zygote:
        """Starts the zygote, unless it runs."""
        with self._lock:
            if self._closed:
                raise Abandoned
            if self._zygote is None or self._zygote.gone:
                self._zygote = Zygote(os.path.join(self._folder, "agents", "zygote"), self._watch)
            return self._zygote

    def close(self) -> None:
        """Ends every command and the zygote, which removes the folder; waits for that, up to 15 s."""
        with self._lock:
            self._closed = True
        if self._zygote is not None:
            self._zygote.close()
            self._zygote.reader.join(15)


class Zygote:
    """The process, its orders and its outcomes. It leaves this process's family at once, so that its kernel parent is
    no thread of ours."""

    def __init__(self, root: str, watch: Sequence[int]) -> None:
        os.makedirs(root, mode=0o700, exist_ok=True)
        self.box = bubblewrap.words(root, TEMPORARY_MB)
        self.filters = bubblewrap.filter_file(root)
        self.gone = False
        self._numbers = itertools.count()
        self._waiting: dict[str, SimpleQueue[dict[str, Any] | None]] = {}
        self._lock = threading.Lock()
        package = str(Path(orgruntime.__file__).parent.parent)
        start = f"import sys; sys.path.insert(0, {package!r}); from orgruntime.backends.zygote import main; main()"
        options = {"root": root, "watch": list(watch), "spool": None}
        orders, self._orders = os.pipe()
        outcomes, outcomes_w = os.pipe()
        try:
            subprocess.run(
                [sys.executable, "-I", "-S", "-c", start, json.dumps(options)],
                stdin=orders, stdout=outcomes_w, env={"PATH": "/usr/bin:/bin", "LANG": "C.UTF-8"}, cwd="/", check=True,
            )  # fmt: skip
        finally:
            os.close(orders)
            os.close(outcomes_w)
        self.reader = threading.Thread(target=self._read, args=(outcomes,), daemon=True, name="desk-shell")
        self.reader.start()

    def launch(self, order: dict[str, Any]) -> tuple[str, SimpleQueue[dict[str, Any] | None]]:
        """The attempt's name, and where its outcome will be: None when the zygote is gone."""
        attempt = f"command {next(self._numbers)}"
        ended = self._waiting[attempt] = SimpleQueue()
        if not self.order({"op": "launch", "attempt": attempt, **order}):
            ended.put(None)
        return attempt, ended

    def order(self, order: dict[str, Any]) -> bool:
        """False when nobody hears it."""
        data = json.dumps(order).encode() + b"\n"
        with self._lock:
            try:
                while data and not self.gone:
                    data = data[os.write(self._orders, data) :]
            except BrokenPipeError:
                return False
        return not data

    def close(self) -> None:
        with self._lock:
            if not self.gone:
                os.close(self._orders)
            self.gone = True

    def _read(self, outcomes: int) -> None:
        with open(outcomes, "rb") as lines:
            for line in lines:
                outcome = json.loads(line)
                self._waiting.pop(outcome["attempt"], SimpleQueue()).put(outcome)
        self.close()
        while self._waiting:
            self._waiting.popitem()[1].put(None)


def _attend(zygote: Zygote, order: dict[str, Any], watched: Watched) -> Ended:
    attempt, ended = zygote.launch(order)
    reason, outcome = "", None
    while True:
        try:
            outcome = ended.get(timeout=LOOK_S)
            break
        except Empty:
            if not reason and (watched.stopped.is_set() or watched.is_too_much()):
                reason = "wrote too much"
                zygote.order({"op": "cancel", "attempt": attempt})
    if watched.stopped.is_set():
        raise Abandoned
    if outcome is None:
        return Ended("infrastructure", None, "", "the process that runs commands is gone")
    ending = reason if reason and outcome["ending"] == "cancelled" else outcome["ending"]
    return Ended(ending, outcome["exit_code"], outcome["output"], outcome["detail"], outcome["cpu_s"])


def environment() -> dict[str, str]:
    """All that a command sees of an environment."""
    return {
        "PATH": f"{os.path.dirname(sys.executable)}:/usr/local/bin:/usr/bin:/bin",
        "HOME": "/tmp",
        "LANG": "C.UTF-8",
        "TERM": "dumb",
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONHASHSEED": "0",
        "OMP_NUM_THREADS": "1",
        "OPENBLAS_NUM_THREADS": "1",
        "MKL_NUM_THREADS": "1",
        "CUDA_VISIBLE_DEVICES": "",
    }
