"""The two ways in: standard streams, and one connection on the loopback interface. Knows no message.

Invariant: nothing but frames of the protocol reaches the client, whoever prints.
"""

from __future__ import annotations

import logging
import os
import socket
import sys

from orgruntime.lsp.server import OrgServer
from orgruntime.lsp.transport import run

_CHUNK = 1 << 16


def serve_stdio() -> int:
    """Serves the process that started this one; the exit code. What else is printed goes to stderr."""
    _quiet()
    sys.stdout.flush()
    frames = os.dup(1)
    os.dup2(2, 1)
    with os.fdopen(frames, "wb", buffering=0) as out:
        return run(OrgServer(), lambda: os.read(0, _CHUNK), lambda data: _write_all(out.fileno(), data))


def serve_tcp(port: int) -> int:
    """Serves the first client that connects to `port` of 127.0.0.1 (0: a free one); the exit code.

    Says on stderr where it listens. Raises OSError where the port cannot be had.
    """
    _quiet()
    with socket.create_server(("127.0.0.1", port), backlog=1) as listener:
        sys.stderr.write(f"orgrun: listening on 127.0.0.1:{listener.getsockname()[1]}\n")
        sys.stderr.flush()
        client, _ = listener.accept()
    with client:
        return run(OrgServer(), lambda: client.recv(_CHUNK), client.sendall)


def _write_all(target: int, data: bytes) -> None:
    left = memoryview(data)
    while left:
        left = left[os.write(target, left) :]


def _quiet() -> None:
    """One line a fault on stderr, which editors keep as the server's log; tracebacks would help nobody there."""
    logging.basicConfig(stream=sys.stderr, level=logging.ERROR, format="orgrun: %(message)s")
    logging.getLogger("pygls").setLevel(logging.CRITICAL + 1)
    logging.getLogger("asyncio").setLevel(logging.CRITICAL + 1)
