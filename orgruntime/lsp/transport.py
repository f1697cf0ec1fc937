"""Messages of the protocol over a pair of byte streams: framing, dispatch, and what to do with garbage.

Knows JSON-RPC's frames, nothing of what the messages mean. Invariant: whatever bytes come, the server goes on until the
stream ends or the client says `exit`; what cannot be read is skipped up to the next frame.
"""

from __future__ import annotations

import asyncio
import json
import logging
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

from pygls.lsp.server import LanguageServer

MOST_BODY = 32 << 20
"""Bytes of one message; the largest file that is read has 1 MiB."""
_MOST_HEADER = 4096
_HEADER = re.compile(rb"Content-Length:[ \t]*(\d{1,9})[ \t]*\r?\n(?:[^\r\n]{1,500}\r?\n){0,4}\r?\n", re.IGNORECASE)
_INVALID_PARAMS, _PARSE_ERROR = -32602, -32700

Read = Callable[[], bytes]
Write = Callable[[bytes], None]

logger = logging.getLogger(__name__)


class Frames:
    """Cuts a stream of bytes into message bodies."""

    def __init__(self) -> None:
        self._bytes = bytearray()
        self._wanted: int | None = None

    def feed(self, data: bytes) -> Iterator[bytes]:
        """The bodies that are complete with `data`."""
        self._bytes += data
        while (body := self._next()) is not None:
            yield body

    def _next(self) -> bytes | None:
        while self._wanted is None:
            header = _HEADER.search(self._bytes)
            if header is None:
                # A header may be half there; what is longer than any header is garbage.
                del self._bytes[: max(0, len(self._bytes) - _MOST_HEADER)]
                return None
            self._wanted = int(header[1]) if int(header[1]) <= MOST_BODY else None
            del self._bytes[: header.end()]
        if len(self._bytes) < self._wanted:
            return None
        body = bytes(self._bytes[: self._wanted])
        del self._bytes[: self._wanted]
        self._wanted = None
        return body


def run(server: LanguageServer, read: Read, write: Write) -> int:
    """Serves until the stream ends or the client says `exit`; the exit code.

    `read` blocks and gives some bytes, none at the end. Raises KeyboardInterrupt.
    """
    try:
        asyncio.run(_serve(server, read, write))
    except SystemExit as done:
        return int(done.code or 0)
    except ConnectionError:
        logger.error("the editor is gone")
    return 0


class _Writer:
    """What the protocol writes to. Closing is left to the process, so that the last answer gets out."""

    def __init__(self, write: Write) -> None:
        self._write = write

    def write(self, data: bytes) -> None:
        self._write(data)

    def close(self) -> None:
        """Nothing to do."""


async def _serve(server: LanguageServer, read: Read, write: Write) -> None:
    loop = asyncio.get_running_loop()
    chunks: asyncio.Queue[bytes] = asyncio.Queue()

    def pump() -> None:
        # Ends with the stream, or with the process: a thread that waits for input cannot be called back.
        with suppress(RuntimeError):
            while data := _read(read):
                loop.call_soon_threadsafe(chunks.put_nowait, data)
            loop.call_soon_threadsafe(chunks.put_nowait, b"")

    server.protocol.set_writer(_Writer(write))
    threading.Thread(target=pump, name="lsp-input", daemon=True).start()
    frames = Frames()
    while data := await chunks.get():
        for body in frames.feed(data):
            _dispatch(server, body, write)


def _read(read: Read) -> bytes:
    try:
        return read()
    except (OSError, ValueError):
        return b""


def _dispatch(server: LanguageServer, body: bytes, write: Write) -> None:
    try:
        message = json.loads(body, object_hook=server.protocol.structure_message)
        server.protocol.handle_message(message)
    except ConnectionError:
        raise
    except Exception as error:
        logger.error("a message is skipped: %s", " ".join(f"{type(error).__name__}: {error}".split())[:300])
        _refuse(body, write)


def _refuse(body: bytes, write: Write) -> None:
    """Answers a request that could not be read, so that the client does not wait for it."""
    try:
        message: Any = json.loads(body)
    except (ValueError, RecursionError):
        return _send(write, None, _PARSE_ERROR, "the message is not JSON")
    number = message.get("id") if isinstance(message, dict) else None
    if isinstance(number, int | str) and "method" in message:
        _send(write, number, _INVALID_PARAMS, "the parameters are not those of the method")


def _send(write: Write, number: int | str | None, code: int, message: str) -> None:
    answer = {"jsonrpc": "2.0", "id": number, "error": {"code": code, "message": message}}
    body = json.dumps(answer).encode()
    write(b"Content-Length: %d\r\n\r\n%s" % (len(body), body))
