"""The memory of `check` on disk: what was found the last time, and what was read of files that have not changed since.

It lies in the user's own cache folder, never in an org: someone else's folder cannot bring its answers along.
Works on bytes. Invariant: a store is used only where it is this user's, whole, and written by exactly this code; in
every other case, and where nothing can be written, all is read anew and nobody is told.
"""

from __future__ import annotations

import hashlib
import json
import os
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import orgruntime
from orgruntime.api.rechecking import Remembered, as_bytes, from_bytes, remembering
from orgruntime.compiler.filereport import PROGRAM
from orgruntime.orgfile.recall import asking

if TYPE_CHECKING:
    from orgruntime.diagnostics.diagnostic import Findings
    from orgruntime.orgfile.memory import Memory
    from orgruntime.orgfile.source import Source

T = TypeVar("T")

WORTH_KEEPING = 64
"""Files from which on a store is made: below, reading them costs no more than a few hundredths of a second."""
_MOST_FOLDERS = 1_000
"""Folders that are listed to find out whether there are so many; where there are more, so be it."""
_MAGIC = b"orgrun check 5\n"
_ROOMS = ("diagnostics", "model", "diagram", "orgfile", "compiler", "plan", "api")
_BELOW = ("mistune", "yaml")
_MOST_BYTES = 1 << 28
_OLD_S = 30 * 86400.0
_SHA = hashlib.sha256().digest_size


class Store:
    """The memory of one command. `on_disk`: also the one of earlier commands for the same paths and working folder.

    Two files: what was found, which answers by itself where no more than words of roles have changed, and beside it
    what was read of each file, which is opened where that is not so.
    """

    def __init__(self, paths: Sequence[Path], *, on_disk: bool) -> None:
        self._paths = paths
        self.file = _file(paths) if on_disk else None
        self._files = _Files(self.file.with_name(f"{self.file.name}-files") if self.file else None)
        self._found: dict[str, Remembered] | None = None
        self._is_new = False
        self._is_wanted: bool | None = None

    @contextmanager
    def in_use(self) -> Iterator[None]:
        if self._is_wanted is None:
            self._is_wanted = bool(self.file and self.file.exists()) or _are_many(self._paths)
        if not self._is_wanted:
            # What a small org's process looks at again is worth a memory, but no file.
            self._is_wanted = True
            yield
            return
        if self._found is None:
            self._found = _load_found(self.file) if self.file else {}
        self._is_new = False
        with self._files.in_use(), remembering(self):
            yield
        if self._is_new and self.file and (self.file.exists() or _are_many(self._paths)):
            _save(self.file, as_bytes(self._found))

    def get(self, path: str) -> Remembered | None:
        return (self._found or {}).get(path)

    def put(self, path: str, remembered: Remembered) -> None:
        self._found = {**(self._found or {}), path: remembered}
        self._is_new = True


class _Files:
    """What was read of each file, loaded when the first is asked for."""

    def __init__(self, file: Path | None) -> None:
        self._file = file
        self._was_there = False
        self._memory: Memory | None = None

    @contextmanager
    def in_use(self) -> Iterator[None]:
        if self._memory:
            self._memory.renew()
        with asking(self):
            yield
        memory = self._memory
        made = memory.made if memory else 0
        if self._file and memory and made and (self._was_there or made >= WORTH_KEEPING):
            self._was_there = _save(self._file, _joined(memory.used))

    def recall(self, key: str, source: Source, findings: Findings, make: Callable[[Findings], T]) -> T:
        if self._memory is None:
            from orgruntime.orgfile.memory import Memory

            known = _parted(_load(self._file)) if self._file else None
            self._was_there, self._memory = known is not None, Memory(known, as_bytes=self._file is not None)
        return self._memory.recall(key, source, findings, make)


@cache
def compiler_hash() -> bytes:
    """Of everything that an entry's meaning rests on: the rooms' sources and the versions below them.

    A source counts by its place, size and time, as it does where Python asks whether its bytecode is still good.
    """
    package = os.path.dirname(orgruntime.__file__)
    made = [sys.version, orgruntime.__version__]
    below = [found.origin for name in _BELOW if (found := find_spec(name)) and found.origin]
    for room in _ROOMS:
        for folder, _, names in os.walk(os.path.join(package, room)):
            below += [os.path.join(folder, name) for name in names if name.endswith(".py")]
    for file in below:
        stat = os.stat(file)
        made.append(f"{file} {stat.st_size} {stat.st_mtime_ns}")
    return hashlib.sha256(os.fsencode("\0".join(sorted(made)))).digest()


def _file(paths: Sequence[Path]) -> Path | None:
    """One store for the same paths seen from the same folder, because places in findings begin as the paths do."""
    try:
        asked = "\0".join([os.getcwd(), *map(str, paths)])
        root = os.environ.get("ORGRUN_CACHE") or os.path.join(
            os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache"), "orgrun"
        )
    except OSError:
        return None
    return Path(root, f"check-{hashlib.sha256(os.fsencode(asked)).hexdigest()[:32]}") if os.path.isabs(root) else None


def _are_many(paths: Sequence[Path]) -> bool:
    """Whether so many markdown files lie below the paths, or below the `roles/` of an org, that a memory pays."""
    files = folders = 0
    for path in paths:
        org = path.parent if path.name == PROGRAM else path
        for _, _, names in os.walk(org / "roles" if (org / PROGRAM).exists() else path):
            files += sum(name.endswith(".md") for name in names)
            folders += 1
            if files >= WORTH_KEEPING or folders > _MOST_FOLDERS:
                return True
    return False


def _load_found(file: Path) -> dict[str, Remembered]:
    content = _load(file)
    with suppress(LookupError, TypeError, ValueError):
        return from_bytes(content) if content else {}
    return {}


def _load(file: Path) -> bytes | None:
    """What was saved, or None where there is no file that can be trusted."""
    try:
        with file.open("rb") as opened:
            stat = os.fstat(opened.fileno())
            if stat.st_uid != os.geteuid() or stat.st_mode & 0o022 or stat.st_size > _MOST_BYTES:
                return None
            content = opened.read()
    except OSError:
        return None
    head = _MAGIC + compiler_hash()
    body = content[len(head) + _SHA :]
    is_whole = content.startswith(head) and content[len(head) : len(head) + _SHA] == hashlib.sha256(body).digest()
    return body if is_whole else None


def _save(file: Path, body: bytes) -> bool:
    """Whether it was written. Whoever writes last wins; a reader sees one content or the other, whole."""
    beside = file.with_name(f".{file.name}.{os.getpid()}")
    try:
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        beside.unlink(missing_ok=True)
        handle = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with open(handle, "wb") as opened:
            opened.write(_MAGIC + compiler_hash() + hashlib.sha256(body).digest() + body)
        beside.replace(file)
        _forget_old(file.parent)
    except OSError:
        with suppress(OSError):
            beside.unlink(missing_ok=True)
        return False
    return True


def _joined(entries: dict[str, bytes]) -> bytes:
    index = json.dumps([(key, len(entry)) for key, entry in entries.items()])
    return b"\n".join((index.encode(), b"".join(entries.values())))


def _parted(body: bytes | None) -> dict[str, bytes] | None:
    """The entries of `_joined`, or None."""
    if body is None:
        return None
    index, _, entries = body.partition(b"\n")
    found: dict[str, bytes] = {}
    at = 0
    with suppress(ValueError, TypeError):
        for key, size in json.loads(index):
            found[key] = entries[at : at + size]
            at += size
        return found if at == len(entries) else None
    return None


def _forget_old(folder: Path) -> None:
    for other in folder.iterdir():
        if other.name.startswith(("check-", ".check-")) and time.time() - other.stat().st_mtime > _OLD_S:
            other.unlink(missing_ok=True)
