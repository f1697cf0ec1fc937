"""What was said in the steps of language models: one file a step, the record that a step is resumed from and the
transcript that people read.

Works on lines of JSON, one an answered ask. Knows nothing of tools, models or roles. Invariants: a line is on disk
before `add` returns, so before anyone acts on it; a line that a death tore is as if it had never been written; the file
is for its owner's eyes only, and what has the shape of a key is taken out of the texts in it.
"""

from __future__ import annotations

import asyncio
import json
import os
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from orgruntime.model.ids import InquiryId
from orgruntime.runtime.redaction import REDACTED

VERSION = 1
LARGEST = 64 << 20
"""Bytes of one step's file; its limits end a step long before."""
WRITERS = 4
"""Threads that wait for the disk: steps that are recorded at the same time do not wait for each other."""

Line = dict[str, Any]


class Transcripts:
    """The files `<inquiry>.<visit>.jsonl` below `folder`, which is made on first use. One a run."""

    def __init__(
        self, folder: Path, secrets: Callable[[], Sequence[str]] = tuple, now: Callable[[], float] = time.time
    ) -> None:
        """`secrets`: the keys of this run, which are taken out wherever they might turn up."""
        self.folder = folder
        self._secrets, self._now = secrets, now
        self._writers = ThreadPoolExecutor(WRITERS, thread_name_prefix="transcripts")

    def open(self, inquiry: InquiryId, visit: int) -> Journal:
        """The record of one step, as far as it goes. To be closed."""
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        path = self.folder / f"{inquiry}.{visit}.jsonl"
        return Journal(path, self._encoded, self._writers)

    def close(self) -> None:
        self._writers.shutdown(wait=True)

    def _encoded(self, line: Line) -> bytes:
        text = json.dumps({"t": round(self._now(), 3), **line}, ensure_ascii=True, separators=(",", ":"))
        for secret in self._secrets():
            if len(secret) >= 8:
                text = text.replace(json.dumps(secret)[1:-1], REDACTED)
        return text.encode() + b"\n"


class Journal:
    """One step's file. Lines stay on disk; in memory is only where they begin."""

    def __init__(self, path: Path, encoded: Callable[[Line], bytes], writers: ThreadPoolExecutor) -> None:
        self._encoded, self._writers = encoded, writers
        self._fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        self._in_order = asyncio.Lock()
        self._in_use = threading.Lock()
        """Held while the file is written: a step that is cancelled closes it after the last write, not within."""
        self._places: dict[tuple[str, int], tuple[int, int]] = {}
        self._size = 0
        self._load()

    @property
    def is_full(self) -> bool:
        return self._size >= LARGEST

    def line(self, kind: str, number: int = 0) -> Line | None:
        """The newest line of a kind with a number, if there is one."""
        place = self._places.get((kind, number))
        if place is None:
            return None
        found: Line = json.loads(os.pread(self._fd, place[1], place[0]))
        return found

    def has(self, kind: str, number: int = 0) -> bool:
        return (kind, number) in self._places

    async def add(self, kind: str, number: int = 0, **fields: Any) -> None:
        """Appends a line; returns once it is on disk. Raises OSError when the disk refuses."""
        data = self._encoded({"kind": kind, "k": number, **fields})
        async with self._in_order:
            await asyncio.get_running_loop().run_in_executor(self._writers, self._append, data)
            self._places[kind, number] = (self._size, len(data))
            self._size += len(data)

    def close(self) -> None:
        with self._in_use:
            if self._fd >= 0:
                os.close(self._fd)
                self._fd = -1

    def _append(self, data: bytes) -> None:
        with self._in_use:
            if self._fd < 0:
                return
            view = memoryview(data)
            try:
                while view:
                    view = view[os.write(self._fd, view) :]
                os.fdatasync(self._fd)
            except OSError:
                os.ftruncate(self._fd, self._size)
                raise

    def _load(self) -> None:
        """Reads up to the first line that is torn, and cuts the file there."""
        with open(os.dup(self._fd), "rb") as file:
            file.seek(0)
            for data in file:
                place = _kind_of(data)
                if place is None:
                    break
                self._places[place] = (self._size, len(data))
                self._size += len(data)
        if os.fstat(self._fd).st_size != self._size:
            os.ftruncate(self._fd, self._size)


def read_lines(path: Path, offset: int = 0) -> tuple[list[Line], int]:
    """The whole lines from `offset` on, and where the next one will begin. For readers beside the run."""
    with path.open("rb") as file:
        file.seek(offset)
        data = file.read()
    whole = data[: data.rfind(b"\n") + 1]
    lines = []
    for raw in whole.splitlines():
        try:
            line = json.loads(raw)
        except ValueError:
            continue
        if isinstance(line, dict):
            lines.append(line)
    return lines, offset + len(whole)


def _kind_of(data: bytes) -> tuple[str, int] | None:
    """(kind, number) of a whole line."""
    if not data.endswith(b"\n"):
        return None
    try:
        line = json.loads(data)
        return str(line["kind"]), int(line["k"])
    except (ValueError, KeyError, TypeError):
        return None
