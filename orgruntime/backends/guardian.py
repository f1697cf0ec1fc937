"""Ends what an embedded cluster leaves when its driver is killed. Runs by itself, in a bare interpreter; stdlib only.

Works on one folder: the cluster's own, whose random name each of its processes shows in its command, its environment
or an open file. Does not know Ray. Ray ties its servers to the driver, but not what those started: its agents stay, and
so does the folder. Invariant: nothing happens before the driver's end of the pipe is closed without a word, and then
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
    """Other processes, still running, with the folder's name in their command, their environment or an open file."""
    mark = os.path.realpath(folder)
    pids = map(int, filter(str.isdigit, os.listdir("/proc")))
    return [pid for pid in pids if pid != os.getpid() and any(name in _shown(pid) for name in {folder, mark})]


def _shown(pid: int) -> str:
    """What a process shows. Ray's agents write their titles over their command and over the environment behind it, so
    that only their logs tell where they belong."""
    shown = ""
    try:
        for name in ("cmdline", "environ"):
            with open(f"/proc/{pid}/{name}", "rb") as file:
                shown += os.fsdecode(file.read()) + "\n"
        for name in os.listdir(f"/proc/{pid}/fd"):
            shown += os.readlink(f"/proc/{pid}/fd/{name}") + "\n"
    except OSError:
        return shown
    return shown


def _kill(pid: int) -> None:
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        return


if __name__ == "__main__":
    main()
