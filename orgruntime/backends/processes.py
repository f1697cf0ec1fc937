"""The processes of one trial, as the kernel shows them: table, start, kill, output. Standard library only, no threads.

Works on process ids and file descriptors; does not know orders, outcomes or trees. Invariant: one pass over the process
table is one moment for all trials, and its cost does not grow with their number.
"""

from __future__ import annotations

import ctypes
import os
import resource
import signal
from collections.abc import Sequence

HEAD, TAIL = 16 * 1024, 48 * 1024
"""Bytes of output that are kept."""
LARGEST_FILE = 16 * 2**30
SUBREAPER, DEATH_SIGNAL = 36, 1
"""Options of prctl(2)."""

_libc = ctypes.CDLL(None, use_errno=True)


class Capture:
    """The first and the last bytes of what a trial says."""

    def __init__(self) -> None:
        self.head = b""
        self.tail = bytearray()
        self.dropped = 0

    def pump(self, fd: int) -> bool:
        """Takes what is there, at most 1 MiB, so that a flood cannot hold off a deadline. False at the end of the
        stream."""
        for _ in range(16):
            try:
                data = os.read(fd, 65536)
            except BlockingIOError:
                return True
            if not data:
                return False
            self.take(data)
        return True

    def take(self, data: bytes) -> None:
        room = HEAD - len(self.head)
        if room:
            self.head += data[:room]
            data = data[room:]
        self.tail += data
        if len(self.tail) > 4 * TAIL:
            self._trim()

    def text(self) -> str:
        self._trim()
        gap = f"\n[... {self.dropped} bytes left out ...]\n".encode() if self.dropped else b""
        return (self.head + gap + self.tail).decode(errors="replace")

    def _trim(self) -> None:
        extra = len(self.tail) - TAIL
        if extra > 0:
            del self.tail[:extra]
            self.dropped += extra


class Table:
    """The process table at one moment."""

    def __init__(self) -> None:
        self.children: dict[int, list[int]] = {}
        self.rss_mb: dict[int, float] = {}

    def below(self, pid: int) -> list[int]:
        found, stack = [], [pid]
        while stack:
            children = self.children.get(stack.pop(), [])
            found += children
            stack += children
        return found


def processes() -> Table:
    table = Table()
    page_mb = resource.getpagesize() / 2**20
    for name in os.listdir("/proc"):
        if not name.isdigit():
            continue
        try:
            with open(f"/proc/{name}/stat", "rb", buffering=0) as file:
                # The name of the program, in parentheses, may hold anything; what follows the last one is numbers.
                fields = file.read(2048).rpartition(b")")[2].split()
        except OSError:
            continue
        table.children.setdefault(int(fields[1]), []).append(int(name))
        table.rss_mb[int(name)] = int(fields[21]) * page_mb
    return table


def proportional_mb(pid: int, otherwise: float) -> float:
    try:
        with open(f"/proc/{pid}/smaps_rollup", "rb") as file:
            for line in file:
                if line.startswith(b"Pss:"):
                    return int(line.split()[1]) / 1024
    except OSError:
        return otherwise
    return otherwise


def kill(pids: Sequence[int]) -> None:
    # Stopped first: a fork bomb forks faster than a list of its members can be killed.
    for number in (signal.SIGSTOP, signal.SIGKILL) if len(pids) > 4 else (signal.SIGKILL,):
        for pid in pids:
            try:
                os.kill(pid, number)
            except ProcessLookupError:
                continue


def start(argv: list[str], env: dict[str, str], work: str, out: int, state: int) -> int:
    pid = os.fork()
    if pid:
        return pid
    try:
        prctl(DEATH_SIGNAL, signal.SIGKILL)
        os.setsid()
        os.chdir(work)
        os.dup2(out, 1)
        os.dup2(out, 2)
        os.set_inheritable(state, True)
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGPIPE, signal.SIG_DFL)
        signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        if hard == resource.RLIM_INFINITY or hard > LARGEST_FILE:
            resource.setrlimit(resource.RLIMIT_FSIZE, (LARGEST_FILE, LARGEST_FILE))
        os.execvpe(argv[0], argv, env)
    except OSError as error:
        os.write(2, f"cannot run {argv[0]!r}: {error.strerror}\n".encode())
    finally:
        os._exit(127)


def pidfd(pid: int) -> int:
    return os.pidfd_open(pid)


def drain(fd: int) -> None:
    try:
        while os.read(fd, 4096):
            continue
    except BlockingIOError:
        return


def prctl(option: int, value: int) -> None:
    _libc.prctl(option, value, 0, 0, 0)
