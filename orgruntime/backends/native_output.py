"""Where Ray speaks: its core writes to file descriptors 1 and 2, and its threads print, when they like.

Works on this process's descriptors; does not know Ray. Invariant: within the block nothing reaches what the
descriptors reached before, but for those who hold a copy of one; after it everything is as it was.
"""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator
from pathlib import Path


@contextlib.contextmanager
def native_output_to(path: Path) -> Iterator[None]:
    """Sends descriptors 1 and 2, of this process and of those that it starts, to the end of the file `path`."""
    path.parent.mkdir(parents=True, exist_ok=True)
    log = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
    try:
        with contextlib.ExitStack() as stack:
            for fd in (1, 2):
                stack.enter_context(_diverted(fd, log))
            yield
    finally:
        os.close(log)


@contextlib.contextmanager
def _diverted(fd: int, log: int) -> Iterator[None]:
    try:
        before = os.dup(fd)
    except OSError:
        yield  # It is closed, so nothing can be written to it.
        return
    _flush()
    os.dup2(log, fd)
    try:
        yield
    finally:
        _flush()
        os.dup2(before, fd)
        os.close(before)


def _flush() -> None:
    """What was printed so far belongs where the descriptor leads now."""
    for stream in (sys.stdout, sys.stderr):
        # A stream that is closed, or that nobody reads any more, holds nothing that could be saved.
        with contextlib.suppress(OSError, ValueError):
            stream.flush()
