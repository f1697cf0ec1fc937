"""The processes of one trial, as the kernel shows them: table, start, kill, output. Standard library only, no threads.

Works on process ids and file descriptors; does not know orders, outcomes or trees. Invariant: one pass over the process
table is one moment for all trials, and its cost does not grow with their number.
"""

from __future__ import annotations

import ctypes
import os
import resource
import signal
from collections.abc import Callable, Sequence

HEAD, TAIL = 16 * 1024, 48 * 1024
"""Bytes of output that are kept."""
LARGEST_FILE = 16 * 2**30
SUBREAPER, DEATH_SIGNAL = 36, 1
"""Options of prctl(2)."""

_libc = ctypes.CDLL(None, use_errno=True)


class Capture:
    """The first and the last bytes of what a trial says."""

    def __init__(self, hear: Callable[[bytes], None] | None = None) -> None:
        """`hear` gets all of it, as it comes."""
        self.hear = hear
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
        if self.hear is not None:
            self.hear(data)
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


def descendants(pid: int) -> list[int]:
    """All below one process, without a look at every other one of the machine. What forks meanwhile may be missed."""
    if not _LISTED:
        return processes().below(pid)
    found: list[int] = []
    stack = [pid]
    while stack:
        children = _children(stack.pop())
        found += children
        stack += children
    return found


_LISTED = os.path.exists(f"/proc/self/task/{os.getpid()}/children")
"""Not every kernel tells the children of a process."""


def _children(pid: int) -> list[int]:
    found: list[int] = []
    try:
        for thread in os.listdir(f"/proc/{pid}/task"):
            with open(f"/proc/{pid}/task/{thread}/children", "rb", buffering=0) as file:
                found += map(int, file.read().split())
    except OSError:
        return found  # It has ended, and its children are its parent's now: for the next look.
    return found


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


def limit_files() -> None:
    """For this process and all that it starts: no dumps, no file beyond `LARGEST_FILE`."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    if hard == resource.RLIM_INFINITY or hard > LARGEST_FILE:
        resource.setrlimit(resource.RLIMIT_FSIZE, (LARGEST_FILE, LARGEST_FILE))


def start(argv: list[str], env: dict[str, str], work: str, out: int) -> int:
    """Starts a command in `work`, in a session of its own; stdout and stderr go to `out`. A command that cannot be
    started says so there and ends with 127.

    Spawned as vfork does it: a fork would share every page of this interpreter with the child, and each that is written
    afterwards is copied, which costs 3 ms of CPU a trial.
    """
    os.chdir(work)
    try:
        outputs = [(os.POSIX_SPAWN_DUP2, out, fd) for fd in (1, 2)]
        return os.posix_spawn(
            _found(argv[0], env), argv, env, file_actions=outputs, setsid=True, setsigdef=_PYTHONS, setsigmask=()
        )
    except OSError as error:
        return _refused(f"cannot run {argv[0]!r}: {error.strerror}\n".encode(), out)
    finally:
        os.chdir("/")


_PYTHONS = (signal.SIGPIPE, signal.SIGXFSZ)
"""Signals that this interpreter ignores and others expect."""


def _found(program: str, env: dict[str, str]) -> str:
    """As a shell would find it."""
    if "/" in program:
        return program
    places = (os.path.join(folder, program) for folder in env.get("PATH", os.defpath).split(":"))
    return next((place for place in places if os.access(place, os.X_OK) and not os.path.isdir(place)), program)


def _refused(words: bytes, out: int) -> int:
    pid = os.fork()
    if pid == 0:
        try:
            os.write(out, words)
        finally:
            os._exit(127)
    return pid


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
