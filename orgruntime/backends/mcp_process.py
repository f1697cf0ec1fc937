"""A tool server's process and its lines: started in the sandbox of trials, bounded, ended with all that it started.

Works on a command and a folder that it may read; does not know what the lines mean beyond their being messages of the
protocol. Invariants: the process sees no variable of this one's environment, nothing but the org's folder, and no
network; a line, its memory and the number of its processes are bounded; when the streams are closed, nothing of it is
left.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass

import anyio
from mcp.client._transport import TransportStreams
from mcp.shared.message import SessionMessage
from mcp_types import jsonrpc_message_adapter

from orgruntime.backends import bubblewrap
from orgruntime.backends.desk_shell import environment
from orgruntime.backends.processes import processes

LONGEST_LINE = 4 << 20
"""Bytes of one message. A server that sends a longer one is ended."""
MEMORY_MB = 1024
PROCESSES = 64
LOOK_S = 1.0


@dataclass(frozen=True)
class Box:
    """How servers are started here."""

    folder: str
    """Of the org; what a server may read, and where it works."""
    sandbox: tuple[str, ...] = ()
    """The words before a server's own; none: without a sandbox, which was allowed."""
    filters: str | None = None


def box_of(folder: str, scratch: str, *, boxed: bool) -> Box:
    """`scratch` is a folder of ours for the sandbox's few files."""
    if not boxed:
        return Box(folder)
    words = [word.replace("{work}", folder) for word in bubblewrap.words(scratch, temporary_mb=64)]
    words += ["--ro-bind", folder, bubblewrap.WORKSPACE, *bubblewrap.tail_words(())]
    return Box(folder, tuple(words), bubblewrap.filter_file(scratch))


@contextlib.asynccontextmanager
async def streams(box: Box, command: Sequence[str]) -> AsyncGenerator[TransportStreams, None]:
    """The transport of one server. Raises OSError when it cannot be started."""
    process = await _started(box, command)
    heard, incoming = anyio.create_memory_object_stream[SessionMessage | Exception](0)
    outgoing, told = anyio.create_memory_object_stream[SessionMessage](0)

    async def listen() -> None:
        assert process.stdout is not None
        async with heard:
            # A line that is too long is a ValueError of the reader.
            with contextlib.suppress(ValueError, OSError, anyio.BrokenResourceError, anyio.ClosedResourceError):
                while line := await process.stdout.readline():
                    with contextlib.suppress(ValueError):  # What is no message is a server's chatter.
                        message = SessionMessage(jsonrpc_message_adapter.validate_json(line, by_name=False))
                        await heard.send(message)
        _end(process)

    async def speak() -> None:
        assert process.stdin is not None
        async with told:
            async for message in told:
                text = message.message.model_dump_json(by_alias=True, exclude_unset=True)
                with contextlib.suppress(OSError):
                    process.stdin.write(text.encode() + b"\n")
                    await process.stdin.drain()

    try:
        async with incoming, outgoing, anyio.create_task_group() as tasks:
            tasks.start_soon(listen)
            tasks.start_soon(speak)
            tasks.start_soon(_watch, process)
            try:
                yield incoming, outgoing
            finally:
                tasks.cancel_scope.cancel()
    finally:
        _end(process)
        with anyio.CancelScope(shield=True):
            await process.wait()


async def _started(box: Box, command: Sequence[str]) -> asyncio.subprocess.Process:
    words = [sys.executable if command[0] in ("python", "python3") else command[0], *command[1:]]
    # bwrap reads the filter to its end, so each start opens it anew.
    fds = [os.open(box.filters, os.O_RDONLY)] if box.filters is not None else []
    if box.sandbox:
        words = [*box.sandbox, *(("--seccomp", str(fds[0])) if fds else ()), "--", *words]
    try:
        # The loop's thread is the kernel's parent of the sandbox, which ends with it.
        return await asyncio.create_subprocess_exec(
            *words, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL,
            env=environment(), cwd=box.folder, pass_fds=fds, limit=LONGEST_LINE, start_new_session=True,
        )  # fmt: skip
    finally:
        for fd in fds:
            os.close(fd)


async def _watch(process: asyncio.subprocess.Process) -> None:
    """Ends a server that takes too much."""
    while process.returncode is None:
        await asyncio.sleep(LOOK_S)
        table = await asyncio.to_thread(processes)
        below = table.below(process.pid)
        if len(below) > PROCESSES or sum(table.rss_mb[pid] for pid in below) > MEMORY_MB:
            _end(process)


def _end(process: asyncio.subprocess.Process) -> None:
    if process.returncode is None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
