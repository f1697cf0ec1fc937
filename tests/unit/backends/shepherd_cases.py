"""A real zygote with one tree, as an agent would hold it."""

from __future__ import annotations

import io
import json
import os
import select
import shutil
import signal
import subprocess
import sys
import tarfile
import textwrap
import time
from pathlib import Path
from typing import Any

import pytest

import orgruntime
from orgruntime.backends import bubblewrap, trial_layout

PACKAGE = str(Path(orgruntime.__file__).parent.parent)
BOXED = pytest.param(
    "strict", marks=pytest.mark.skipif(shutil.which("bwrap") is None, reason="bubblewrap is not installed")
)
FILES = {
    "train.py": "print('hello')\n",
    "eval.py": "FROZEN\n",
    "data/names.txt": "a\n",
    "src/model.py": "",
    "src/judge.py": "FROZEN\n",
}
EDITABLE = ("train.py", "src/model.py")


class Node:
    """A zygote and what it says, as an agent would hold it."""

    def __init__(self, folder: Path, level: str) -> None:
        self.folder, self.level = folder, level
        self.tree, self.spool, self.root = folder / "trees" / "t", folder / "spool", folder / "n" / "agents" / "a"
        for path, text in FILES.items():
            (self.tree / path).parent.mkdir(parents=True, exist_ok=True)
            (self.tree / path).write_text(text)
        self.root.mkdir(parents=True)
        self.spool.mkdir()
        # Ends with the test, as an agent's process would; its id is what the zygote watches.
        self.agent = subprocess.Popen(["/bin/sleep", "600"])
        self.zygote = self._start()
        self.announce("t", self.tree)

    def announce(self, tree: str, base: Path) -> None:
        layout = trial_layout.lay_out(str(base), EDITABLE, sandbox=self.level == "strict")
        parts = {name: getattr(layout, name) for name in ("folders", "files", "watched", "binds")}
        self.order(op="tree", id=tree, base=str(base), **parts)

    def announce_in_memory(self, tree: str) -> None:
        stream = io.BytesIO()
        with tarfile.open(fileobj=stream, mode="w") as tar:
            tar.add(self.tree, ".")
        layout, contents = trial_layout.lay_out_in_memory(stream.getvalue(), EDITABLE)
        parts = {name: getattr(layout, name) for name in ("folders", "files", "watched", "binds")}
        self.order(op="tree", id=tree, base=str(self.folder / "nowhere"), contents=contents, **parts)

    def _start(self) -> subprocess.Popen[bytes]:
        start = f"import sys; sys.path.insert(0, {PACKAGE!r}); from orgruntime.backends.zygote import main; main()"
        options = {"root": str(self.root), "watch": [self.agent.pid], "spool": str(self.spool)}
        argv = [sys.executable, "-I", "-S", "-c", start, json.dumps(options)]
        # Unbuffered: what `select` sees is all there is.
        process = subprocess.Popen(argv, bufsize=0, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        process.wait(30)
        return process

    def order(self, **order: Any) -> None:
        assert self.zygote.stdin is not None
        self.zygote.stdin.write(json.dumps(order).encode() + b"\n")
        self.zygote.stdin.flush()

    def launch(self, attempt: str, code: str | list[str], **changes: Any) -> None:
        argv = code if isinstance(code, list) else [sys.executable, "-c", textwrap.dedent(code)]
        order = {
            "op": "launch", "attempt": attempt, "tree": "t", "argv": argv, "limit_s": 60.0, "memory_mb": None,
            "processes": 512, "env": {"PATH": "/usr/bin:/bin", "MARK": str(self.folder)},
        }  # fmt: skip
        if self.level == "strict":
            order |= {"box": bubblewrap.words(str(self.folder)), "tail": bubblewrap.tail_words(())}
            order["seccomp"] = bubblewrap.filter_file(str(self.folder))
        self.order(**(order | changes))

    def outcome(self, limit_s: float = 120.0) -> dict[str, Any]:
        assert self.zygote.stdout is not None
        ready, _, _ = select.select([self.zygote.stdout], [], [], limit_s)
        assert ready, "no outcome"
        line = self.zygote.stdout.readline()
        assert line, "the zygote is gone"
        found: dict[str, Any] = json.loads(line)
        return found

    def run(self, code: str | list[str], **changes: Any) -> dict[str, Any]:
        self.launch("k.1", code, **changes)
        return self.outcome()

    def zygote_pid(self) -> int:
        return next(
            pid for pid, line in commands() if str(self.root).encode() in line and parent(pid) not in dict(commands())
        )

    def left(self) -> list[int]:
        """Processes with this node's mark in their environment: every process of its trials inherits it."""
        return [pid for pid in pids() if f"MARK={self.folder}".encode() in read(pid, "environ")]

    def close(self) -> None:
        for stream in (self.zygote.stdin, self.zygote.stdout):
            if stream is not None:
                stream.close()
        self.agent.kill()
        self.agent.wait()
        eventually(lambda: not self.root.exists() or not any(str(self.root).encode() in line for _, line in commands()))
        for pid in self.left():
            os.kill(pid, signal.SIGKILL)


def pids() -> list[int]:
    return [int(name) for name in os.listdir("/proc") if name.isdigit()]


def read(pid: int, name: str) -> bytes:
    try:
        return Path(f"/proc/{pid}/{name}").read_bytes()
    except OSError:
        return b""


def commands() -> list[tuple[int, bytes]]:
    """Zygotes and shepherds: they are one program with one command line."""
    return [(pid, line) for pid in pids() if b"zygote import main" in (line := read(pid, "cmdline"))]


def parent(pid: int) -> int:
    """0: it has ended."""
    return int((read(pid, "stat").rpartition(b")")[2].split() or [0, 0])[1])


def eventually(true: Any, limit_s: float = 120.0) -> None:
    deadline = time.monotonic() + limit_s
    while not true():
        assert time.monotonic() < deadline, "it never became true"
        time.sleep(0.02)
