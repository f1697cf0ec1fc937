"""Ends what an embedded cluster leaves when its driver is killed. Runs by itself, in a bare interpreter; stdlib only.

Works on one folder: the cluster's own, whose random name is in the environment or the command of each of its
processes. Does not know Ray. Ray ties its servers to the driver, but not what those started: its agents stay, and so
does the folder. Invariant: nothing happens before the driver's end of the pipe is closed without a word, and then
only to processes that name the folder.
"""

from __future__ import annotations

import os
import shutil
import signal
import sys
import time

GRACE_S = 3.0
"""For zygotes to end their trials and write down what those used."""
LOOKS = 10
"""Looks in a row, a tenth of a second apart, that find nobody: a process that becomes another program shows no name."""


def main() -> None:
    folder = sys.argv[1]
    os.setsid()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    if os.read(0, 1):
        return
    deadline, quiet = time.monotonic() + GRACE_S, 0
    while quiet < LOOKS:
        left = naming(folder)
        quiet = 0 if left else quiet + 1
        for pid in left if time.monotonic() > deadline else ():
            _kill(pid)
        time.sleep(0.1)
    shutil.rmtree(folder, ignore_errors=True)


def naming(folder: str) -> list[int]:
    """Other processes, still running, with the folder's name in their command or environment."""
    mark = folder.encode()
    return [
        pid for pid in map(int, filter(str.isdigit, os.listdir("/proc"))) if pid != os.getpid() and _names(pid, mark)
    ]


def _names(pid: int, mark: bytes) -> bool:
    for name in ("cmdline", "environ"):
        try:
            with open(f"/proc/{pid}/{name}", "rb") as file:
                if mark in file.read():
                    return True
        except OSError:
            return False
    return False


def _kill(pid: int) -> None:
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        return


if __name__ == "__main__":
    main()
