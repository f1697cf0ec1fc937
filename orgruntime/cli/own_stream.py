"""A stream for what the command says itself, while Ray's own words on the same descriptor go elsewhere.

Works on file descriptors. Invariant: what is written here reaches the reader at once and in order, whatever the
descriptor leads to meanwhile.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from typing import TextIO


@contextlib.contextmanager
def own_stream(stream: TextIO) -> Iterator[TextIO]:
    """A line-buffered copy of `stream` on a descriptor of its own; `stream` itself where it is no file."""
    try:
        stream.flush()
        fd = os.dup(stream.fileno())
    except (OSError, ValueError):
        yield stream
        return
    copy = os.fdopen(fd, "w", 1, encoding=stream.encoding, errors=stream.errors)
    try:
        yield copy
    finally:
        # Of a reader that has left, the write that failed has told.
        with contextlib.suppress(OSError):
            copy.close()
