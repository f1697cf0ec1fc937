"""Grep for desks: asks a process of its own, and ends it when it takes too long.

Works on a worktree's paths. Invariant: whatever the pattern, a search ends within a bounded time and holds up no other
desk.
"""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping
from typing import Any

from orgruntime.backends import grep_program
from orgruntime.backends.desk_paths import Fault
from orgruntime.backends.desk_shell import Abandoned

LOOK_S = 0.25
CPU_S = 5


def search(asked: Mapping[str, Any], stopped: threading.Event) -> dict[str, Any]:
    """The answer to what `grep_program` is asked. Raises Fault, and Abandoned once `stopped` is set."""
    process = subprocess.Popen(
        [sys.executable, "-I", "-S", grep_program.__file__],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env={}, cwd="/",
    )  # fmt: skip
    with process:
        said = _answer(process, json.dumps({**asked, "cpu_s": CPU_S}).encode(), stopped)
    if process.returncode in (-signal.SIGXCPU, -signal.SIGALRM, -signal.SIGKILL):
        raise Fault(f"the search took more than {CPU_S} s and was ended; give a simpler pattern, or a path")
    if process.returncode != 0:
        raise Fault("the search needs too much memory; give a simpler pattern, or a path")
    found: dict[str, Any] = json.loads(said)
    if "error" in found:
        raise Fault(found["error"], malformed=True)
    return found


def _answer(process: subprocess.Popen[bytes], question: bytes, stopped: threading.Event) -> bytes:
    data: bytes | None = question
    while True:
        try:
            return process.communicate(data, timeout=LOOK_S)[0]
        except subprocess.TimeoutExpired:
            data = None  # It goes on sending what it was given first.
            if stopped.is_set():
                process.kill()
                raise Abandoned from None
