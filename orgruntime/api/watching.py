"""Check again when something has changed: by polling, which works on every file system and needs no service.

Works on names, times and sizes. Knows nothing of what is checked. Invariant: after any change of a markdown, schema or
settings file the next poll looks again; what is looked at besides (a workspace, the environment) is seen later, because
every so often all is looked at again.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Protocol

from orgruntime.api.settings import SETTINGS, settings_file
from orgruntime.compiler import library_root
from orgruntime.model.payload_schema import SUFFIX

POLL_S = 0.25
AGAIN_S, AGAIN_SHARE = 2.0, 20
"""Without a change, all is looked at again after 2 s, or 20 times as long as a look takes: at most 5 % of a core."""
_MOST = 50_000
"""Files and folders that are watched below one path."""


class Clock(Protocol):
    def monotonic(self) -> float: ...
    def sleep(self, seconds: float, /) -> None: ...


def watch(
    paths: Sequence[Path], look: Callable[[], str], beside: Sequence[Path] = (), clock: Clock = time
) -> Iterator[str]:
    """What `look` says: once at the beginning, then whenever a file changed or it says something else. Never ends.

    `beside`: further files to watch, such as a baseline.
    """
    last, seen, looked_at, took = "", None, 0.0, 0.0
    while True:
        now = stamps(paths, beside)
        changed = now != seen
        if changed or clock.monotonic() - looked_at > max(AGAIN_S, AGAIN_SHARE * took):
            began = clock.monotonic()
            text = look()
            looked_at = clock.monotonic()
            took, seen = looked_at - began, now
            if changed or text != last:
                last = text
                yield text
        clock.sleep(POLL_S)


def stamps(paths: Sequence[Path], beside: Sequence[Path] = ()) -> dict[str, tuple[int, int, int]]:
    """(inode, time, size) of each folder, markdown, schema and settings file of the paths, shared roles included."""
    found: dict[str, tuple[int, int, int]] = {}
    for path in paths:
        folder = path if path.is_dir() else path.parent
        _walk(folder, found)
        library = library_root(folder)
        if library is not None:
            _walk(library, found)
        settings = settings_file(path)
        for file in (path, *beside, *((settings,) if settings else ())):
            _note(str(file), found)
    return found


def _walk(folder: Path, found: dict[str, tuple[int, int, int]]) -> None:
    waiting = [str(folder)]
    while waiting and len(found) < _MOST:
        name = waiting.pop()
        _note(name, found)
        try:
            with os.scandir(name) as entries:
                for entry in entries:
                    if entry.is_dir(follow_symlinks=False):
                        waiting += [] if entry.name.startswith((".", "__")) else [entry.path]
                    elif entry.name.endswith((".md", SUFFIX)) or entry.name == SETTINGS:
                        _note(entry.path, found)
        except OSError:
            continue


def _note(name: str, found: dict[str, tuple[int, int, int]]) -> None:
    try:
        stat = os.stat(name)
    except (OSError, ValueError):
        return
    found[name] = (stat.st_ino, stat.st_mtime_ns, stat.st_size)
