"""The memory of `check` on disk: what was read of files that have not changed since.

It lies in the user's own cache folder, never in an org: someone else's folder cannot bring its answers along.
Works on bytes. Invariant: a store is used only where it is this user's, whole, and written by exactly this code; in
every other case, and where nothing can be written, all is read anew and nobody is told.
"""

from __future__ import annotations

import hashlib
import io
import os
import pickle
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from typing import Any

import mistune
import yaml

import orgruntime
from orgruntime.orgfile.memory import Memory

WORTH_KEEPING = 64
"""Files from which on a store is made: below, reading them costs no more than a few hundredths of a second."""
_MAGIC = b"orgrun check 1\n"
_ROOMS = ("diagnostics", "model", "diagram", "orgfile", "compiler")
_MOST_BYTES = 1 << 28
_OLD_S = 30 * 86400.0
_SHA = hashlib.sha256().digest_size


class Store:
    """The memory of one command. `on_disk`: also the one of earlier commands for the same paths and working folder."""

    def __init__(self, paths: Sequence[Path], *, on_disk: bool) -> None:
        self.file = _file(paths) if on_disk else None
        self._was_there = False
        self._memory: Memory | None = None

    @contextmanager
    def in_use(self) -> Iterator[None]:
        if self._memory is None:
            known = _load(self.file) if self.file else None
            self._was_there, self._memory = known is not None, Memory(known)
        with self._memory.in_use():
            yield
        if self.file and self._memory.made and (self._was_there or self._memory.made >= WORTH_KEEPING):
            self._was_there = _save(self.file, self._memory.used)


@cache
def compiler_hash() -> bytes:
    """Of everything that an entry's meaning rests on: the rooms' sources and the versions below them."""
    made = hashlib.sha256(f"{sys.version} {mistune.__version__} {yaml.__version__}".encode())
    package = Path(orgruntime.__file__).parent
    for room in _ROOMS:
        for file in sorted((package / room).rglob("*.py")):
            made.update(f"\0{file.relative_to(package).as_posix()}\0".encode() + file.read_bytes())
    return made.digest()


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
    with suppress(pickle.PickleError, EOFError, ValueError, TypeError, KeyError, IndexError):
        found = _Plain(io.BytesIO(body)).load()
        if isinstance(found, dict) and all(type(k) is str and type(v) is bytes for k, v in found.items()):
            return found
    return None


def _save(file: Path, entries: dict[str, bytes]) -> bool:
    """Whether the store was written. Whoever writes last wins; a reader sees one store or the other, whole."""
    body = pickle.dumps(entries, protocol=5)
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


class _Plain(pickle.Unpickler):
    """Text and bytes only."""

    def find_class(self, module: str, name: str) -> Any:
        raise pickle.UnpicklingError(f"{module}.{name} has no place in a store")
