"""The memory of `check` on disk: what was read of files that have not changed since.

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
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import mistune
import yaml

import orgruntime
from orgruntime.compiler.compile import PROGRAM

if TYPE_CHECKING:
    from orgruntime.orgfile.memory import Memory

WORTH_KEEPING = 64
"""Files from which on a store is made: below, reading them costs no more than a few hundredths of a second."""
_MOST_FOLDERS = 1_000
"""Folders that are listed to find out whether there are so many; where there are more, so be it."""
_MAGIC = b"orgrun check 2\n"
_ROOMS = ("diagnostics", "model", "diagram", "orgfile", "compiler")
_MOST_BYTES = 1 << 28
_OLD_S = 30 * 86400.0
_SHA = hashlib.sha256().digest_size


class Store:
    """The memory of one command. `on_disk`: also the one of earlier commands for the same paths and working folder."""

    def __init__(self, paths: Sequence[Path], *, on_disk: bool) -> None:
        self._paths = paths
        self.file = _file(paths) if on_disk else None
        self._was_there = False
        self._memory: Memory | None = None
        self._used_before = False

    @contextmanager
    def in_use(self) -> Iterator[None]:
        memory = self._opened()
        if memory is None:
            yield
            return
        with memory.in_use():
            yield
        if self.file and memory.made and (self._was_there or memory.made >= WORTH_KEEPING):
            self._was_there = _save(self.file, memory.used)

    def _opened(self) -> Memory | None:
        """None at the first use where nothing is remembered and the files are so few that nothing will be."""
        is_wanted = self._used_before or (self.file and self.file.exists()) or _are_many(self._paths)
        if self._memory is None and is_wanted:
            from orgruntime.orgfile.memory import Memory

            known = _load(self.file) if self.file else None
            self._was_there, self._memory = known is not None, Memory(known)
        self._used_before = True
        return self._memory


@cache
def compiler_hash() -> bytes:
    """Of everything that an entry's meaning rests on: the rooms' sources and the versions below them.

    A source counts by its place, size and time, as it does where Python asks whether its bytecode is still good.
    """
    package = os.path.dirname(orgruntime.__file__)
    made = [sys.version, mistune.__version__, yaml.__version__, orgruntime.__version__]
    for room in _ROOMS:
        for folder, _, names in os.walk(os.path.join(package, room)):
            for file in (os.path.join(folder, name) for name in names if name.endswith(".py")):
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


def _load(file: Path) -> dict[str, bytes] | None:
    """The entries, or None where there is no store that can be trusted."""
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
    if not content.startswith(head) or content[len(head) : len(head) + _SHA] != hashlib.sha256(body).digest():
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


def _save(file: Path, entries: dict[str, bytes]) -> bool:
    """Whether the store was written. Whoever writes last wins; a reader sees one store or the other, whole."""
    index = json.dumps([(key, len(entry)) for key, entry in entries.items()])
    body = b"\n".join((index.encode(), b"".join(entries.values())))
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


def _forget_old(folder: Path) -> None:
    for other in folder.iterdir():
        if other.name.startswith(("check-", ".check-")) and time.time() - other.stat().st_mtime > _OLD_S:
            other.unlink(missing_ok=True)
