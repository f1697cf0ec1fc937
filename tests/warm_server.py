"""A process that has imported what commands import, and forks a child for each command that a test starts.

Works on a listening socket and on the descriptors that come with a request; knows nothing of tests. Invariants: a child
is as a fresh `python -m orgruntime.cli.main` in all but its imports: its own arguments, folder, environment, streams,
session, signal handlers and end; the server has one thread when it forks, and ends with the process that started it.

Ray, the model client, the graph engine and the language server's library are imported once here (8 s of CPU on a slow
machine) instead of once a command. Nothing of Ray is started, and the modules that hold secrets for the life of a
process stay out. A picture is drawn once, which leaves the fonts in memory (half a second of CPU).
"""

from __future__ import annotations

import atexit
import contextlib
import gc
import importlib
import io
import json
import os
import selectors
import shutil
import signal
import socket
import sys
import threading
import traceback
from dataclasses import dataclass
from typing import Any

HEAVY = (
    "orgruntime.cli.main", "orgruntime.backends.langgraph_engine", "orgruntime.backends.role_graph",
    "orgruntime.backends.anthropic_model", "orgruntime.backends.search_model", "orgruntime.api.checking",
    "orgruntime.api.running", "orgruntime.api.wiring", "orgruntime.api.reports", "orgruntime.lsp.serving",
    "orgruntime.backends.git_workspace", "orgruntime.backends.ray_desks", "orgruntime.backends.ray_executor",
    "orgruntime.report.page", "orgruntime.report.results", "orgruntime.ledger.audit",
    "anthropic", "optuna", "ray", "pygit2", "rich.console", "rich.live", "matplotlib.figure",
    "matplotlib.backends.backend_svg", "matplotlib.patheffects", "PIL.PngImagePlugin",
)  # fmt: skip
MOST = 1 << 16
"""Bytes that are read at once of a request."""
IMPORTED: dict[str, str] = {}
"""What the imports have set in the environment."""


@dataclass
class Request:
    words: list[str]
    cwd: str
    env: dict[str, str]
    session: bool
    streams: list[int]


def serve(listener: socket.socket) -> Request | None:
    """Forks for each request until the last client is gone. Returns in a child, with its request; None in the end."""
    children: dict[int, socket.socket] = {}
    with selectors.DefaultSelector() as ready:
        ready.register(listener, selectors.EVENT_READ)
        wake = ready.register(_ends_of_children(), selectors.EVENT_READ).fd
        while True:
            for key, _ in ready.select():
                if key.fd == wake:
                    os.read(wake, 512)
                    tell_of_ends(children)
                elif key.fileobj is listener:
                    ready.register(listener.accept()[0], selectors.EVENT_READ)
                elif isinstance(client := key.fileobj, socket.socket):
                    ready.unregister(client)
                    if (request := receive(client)) is None:
                        client.close()
                        if len(ready.get_map()) == 2:
                            return None
                    elif (child := os.fork()) == 0:
                        signal.set_wakeup_fd(-1)
                        return request
                    else:
                        children[child] = client
                        client.sendall(b"%d\n" % child)
                        for stream in request.streams:
                            os.close(stream)


def _ends_of_children() -> int:
    """A descriptor that can be read whenever a child may have ended."""
    wake, waker = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
    signal.set_wakeup_fd(waker)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    return wake


def receive(client: socket.socket) -> Request | None:
    """What a client asks for, in JSON that ends with a line feed, with three streams; None where it is gone."""
    data, streams, _, _ = socket.recv_fds(client, MOST, 3)
    while data and not data.endswith(b"\n"):
        data += client.recv(MOST)
    return Request(**json.loads(data), streams=streams) if data else None


def tell_of_ends(children: dict[int, socket.socket]) -> None:
    with contextlib.suppress(ChildProcessError):
        while True:
            child, status = os.waitpid(-1, os.WNOHANG)
            if not child:
                return
            with children.pop(child) as asking, contextlib.suppress(OSError):
                asking.sendall(b"%d\n" % os.waitstatus_to_exitcode(status))


def become(request: Request) -> None:
    """In the child: what a fresh process would have found."""
    if request.session:
        os.setsid()
    for number, stream in enumerate(request.streams):
        os.dup2(stream, number)
    os.closerange(3, max(map(int, os.listdir("/proc/self/fd"))) + 1)
    os.chdir(request.cwd)
    os.environ.clear()
    os.environ.update({**IMPORTED, **request.env})
    sys.argv = ["orgrun", *request.words]
    sys.path[0] = request.cwd
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    unbuffered = bool(request.env.get("PYTHONUNBUFFERED"))
    sys.stdin = sys.__stdin__ = opened(0, "r")
    sys.stdout = sys.__stdout__ = opened(1, "w", unbuffered)
    sys.stderr = sys.__stderr__ = opened(2, "w", unbuffered, line_buffering=True, errors="backslashreplace")


def opened(number: int, mode: str, unbuffered: bool = False, **options: Any) -> io.TextIOWrapper:
    """A standard stream as Python opens it."""
    raw = open(number, mode + "b", buffering=0 if unbuffered else -1, closefd=False)  # noqa: SIM115  # as long as the process
    return io.TextIOWrapper(raw, encoding="utf-8", write_through=unbuffered, **options)


def main() -> None:
    before = dict(os.environ)
    for name in HEAVY:
        importlib.import_module(name)
    draw()
    IMPORTED.update({name: value for name, value in os.environ.items() if name not in before})
    listener = socket.socket(fileno=int(sys.argv[1]))
    os.dup2(2, 1)
    gc.collect()
    gc.freeze()
    request = serve(listener)
    if request is not None:
        become(request)
        end(command())
    shutil.rmtree(sys.argv[2])


def draw() -> None:
    """Any picture, with a word in it."""
    from orgruntime.report.canvas import LIGHT, drawing_rules, figure, png_of

    with drawing_rules():
        page = figure(1.0, 1.0, LIGHT)
        page.add_axes((0.5, 0.1, 0.4, 0.8)).set_title("0.5")
        png_of(page)


def command() -> int:
    """Runs `orgrun`; the code that Python would end with."""
    from orgruntime.cli.main import main as orgrun

    try:
        orgrun(prog_name="orgrun")
    except SystemExit as done:
        if done.code is None or isinstance(done.code, int):
            return done.code or 0
        sys.stderr.write(f"{done.code}\n")
    except BaseException:
        traceback.print_exc()
    return 1


def end(code: int) -> None:
    """As Python ends, but for the undoing of some thousand modules, which costs more than most commands."""
    threading._shutdown()  # type: ignore[attr-defined]  # what Python calls at its end
    atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError):
            stream.flush()
    os._exit(code & 0xFF)


if __name__ == "__main__":
    main()
