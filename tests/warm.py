"""Processes of `orgrun` that need not import anything: children of one warm server, which a test process keeps.

A child is a process like any other (own arguments, folder, environment, streams, session; real signals and exit codes),
but `/proc` shows the command line and the environment of the server. Where a test is about the start of the command
itself, or reads those, it starts `sys.executable` as ever.
"""

from __future__ import annotations

import contextlib
import fcntl
import functools
import json
import os
import select
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any

SERVER = Path(__file__).with_name("warm_server.py")
LONGEST = 50
Stream = int | IO[Any] | None


class Orgrun:
    """One command, with the part of `subprocess.Popen` that tests use."""

    stdin: IO[bytes] | None = None
    stdout: IO[bytes] | None = None
    stderr: IO[bytes] | None = None

    def __init__(
        self, *words: object, cwd: Path | None = None, env: Mapping[str, str] | None = None, session: bool = False,
        stdin: Stream = subprocess.DEVNULL, stdout: Stream = None, stderr: Stream = None,
        server: str = "",
    ) -> None:  # fmt: skip
        self.returncode: int | None = None
        request = {
            "words": [str(word) for word in words], "cwd": str(cwd or Path.cwd()),
            "env": dict(os.environ if env is None else env), "session": session,
        }  # fmt: skip
        body = json.dumps(request).encode() + b"\n"
        self._link = socket.socket(socket.AF_UNIX)
        self._link.connect(server or _server())
        with contextlib.ExitStack() as given:
            theirs = [self._passed(name, stream, given) for name, stream in (("stdin", stdin), ("stdout", stdout))]
            theirs.append(theirs[1] if stderr == subprocess.STDOUT else self._passed("stderr", stderr, given))
            sent = socket.send_fds(self._link, [body], theirs)
            if rest := body[sent:]:  # Nothing, sent to a command that has ended, would be a broken pipe.
                self._link.sendall(rest)
        self._answers = self._link.makefile("rb")
        self.pid = int(self._answers.readline())

    def _passed(self, name: str, stream: Stream, given: contextlib.ExitStack) -> int:
        """The descriptor that the command gets; what was made for it alone is closed here once it has it."""
        if stream == subprocess.PIPE:
            reading, writing = os.pipe()
            mine, theirs = (writing, reading) if name == "stdin" else (reading, writing)
            setattr(self, name, os.fdopen(mine, "wb" if name == "stdin" else "rb"))
        elif stream == subprocess.DEVNULL:
            theirs = os.open(os.devnull, os.O_RDWR)
        elif stream is None:
            return ("stdin", "stdout", "stderr").index(name)
        else:
            return stream if isinstance(stream, int) else stream.fileno()
        given.callback(os.close, theirs)
        return theirs

    def poll(self) -> int | None:
        if self.returncode is None and select.select([self._link], [], [], 0)[0]:
            self._ended()
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        if self.returncode is None:
            if not select.select([self._link], [], [], timeout)[0]:
                raise subprocess.TimeoutExpired(f"orgrun (process {self.pid})", timeout or 0)
            self._ended()
        assert self.returncode is not None
        return self.returncode

    def communicate(self, timeout: float | None = None) -> tuple[str, str]:
        """What it still says on the streams that are pipes, and its end."""
        said = {"stdout": b"", "stderr": b""}

        def read(name: str) -> None:
            if (stream := getattr(self, name)) is not None:
                with stream:
                    said[name] = stream.read()

        readers = [threading.Thread(target=read, args=(name,)) for name in said]
        for reader in readers:
            reader.start()
        self.wait(timeout)
        for reader in readers:
            reader.join(timeout)
        return said["stdout"].decode(), said["stderr"].decode()

    def _ended(self) -> None:
        self.returncode = int(self._answers.readline())
        self._answers.close()
        self._link.close()

    def send_signal(self, number: int) -> None:
        if self.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, number)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)

    def terminate(self) -> None:
        self.send_signal(signal.SIGTERM)


def run(*words: object, cwd: Path, env: Mapping[str, str], timeout: float) -> subprocess.CompletedProcess[str]:
    """As `subprocess.run` with the output captured."""
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        process = Orgrun(*words, cwd=cwd, env=env, stdout=out, stderr=err)
        try:
            code = process.wait(timeout)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            raise
        said = []
        for stream in (out, err):
            stream.seek(0)
            said.append(stream.read().decode())
    return subprocess.CompletedProcess(["orgrun", *map(str, words)], code, *said)


def write_command(folder: Path) -> Path:
    """`folder/orgrun`: a program for shells that does the same."""
    program = folder / "orgrun"
    program.write_text(
        f"#!{sys.executable} -IS\nimport sys\nsys.path.insert(0, {str(SERVER.parent)!r})\n"
        f"import warm\nwarm.passed_on({_server()!r})\n"
    )
    program.chmod(0o755)
    return program


def passed_on(server: str) -> None:
    """This process's command, on its streams; ends as the command does."""
    process = Orgrun(*sys.argv[1:], stdin=0, server=server)
    code = process.wait()
    if code < 0:
        os.kill(os.getpid(), -code)
    sys.exit(code)


@functools.cache
def _server() -> str:
    """Where the server listens that all processes of one run of the tests share. It ends when the last of them ends:
    each keeps a connection on which it asks for nothing."""
    run = os.environ.get("PYTEST_XDIST_TESTRUNUID") or f"{os.getpid()}-{time.time_ns()}"
    # A socket's path holds 107 bytes.
    place = tempfile.gettempdir() if len(tempfile.gettempdir()) <= LONGEST else "/tmp"
    folder = Path(place, f"warm-{run}")
    folder.mkdir(mode=0o700, exist_ok=True)
    path = str(folder / "socket")
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not os.path.exists(path):
            _start(path)
        member = socket.socket(socket.AF_UNIX)
        member.connect(path)
        # Open until this process ends, however it does.
        member.detach()
    return path


def _start(path: str) -> None:
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(path)
        listener.listen(64)
        listener.set_inheritable(True)
        words = [sys.executable, str(SERVER), str(listener.fileno()), str(Path(path).parent)]
        threads = {f"{library}_NUM_THREADS": "1" for library in ("OMP", "OPENBLAS")}
        # No object that wants the server to end before this process.
        os.posix_spawn(
            sys.executable, words, {**os.environ, **threads}, setsid=True,
            file_actions=[(os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0)],
        )  # fmt: skip
