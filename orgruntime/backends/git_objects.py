"""The objects of a bare git repository: read wherever they lie, written into one file that grows until it is a pack.

Works on ids of 40 hexadecimal digits, kinds and bytes. Does not know refs, merges or files of a workspace. libgit2
makes a file of each object, which takes the driver a millisecond a commit and the disk four changes of a directory an
object; here a commit is one write, and a flush waits for one file.
Invariants: what `write_down` has written survives the process, and what `sync` has returned from, the power; an entry
of a growing file is cleared only when a pack with it is on disk. Each process writes a file of its own, so that one
that was given up and wakes spoils nothing; whoever reads, reads them all.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import struct
import zlib
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import pygit2
from pygit2.enums import FileMode, ObjectType

GROWING = "growing-pack-"
"""Begins the names of the growing files, in the git directory."""
GROWN = 4096
GROWN_BYTES = 8 << 20
"""Objects, and their bytes, that wait in memory and in the growing file for a pack."""
READ_KEPT, LARGEST_KEPT = 256, 64 * 1024
"""Objects read from disk that are kept in memory, and the bytes of the largest one."""

_NAMES = {ObjectType.COMMIT: b"commit", ObjectType.TREE: b"tree", ObjectType.BLOB: b"blob"}
_KINDS = frozenset(map(int, _NAMES))
_CHUNK = 4096
_fdatasync = getattr(os, "fdatasync", os.fsync)
"""macOS has the second only."""


class Entry(NamedTuple):
    """What a tree says of a name."""

    mode: int
    id: str


class _Fresh(NamedTuple):
    kind: ObjectType
    body: bytes
    packed: bytes
    """As it stands in the growing file and in a pack."""


class GitObjects:
    """Not locked: its owner is."""

    def __init__(self, repository: pygit2.Repository) -> None:
        self._repo, self._git_dir = repository, Path(repository.path)
        self._own = self._git_dir / f"{GROWING}{os.urandom(4).hex()}"
        self._others: list[Path] = []
        """Growing files of processes before this one."""
        self._fresh: dict[str, _Fresh] = {}
        self._bytes = 0
        self._waiting: list[bytes] = []
        """Entries that are not in the file yet."""
        self._shown: set[str] = set()
        """Fresh objects that libgit2 has got as well."""
        self._read: OrderedDict[str, tuple[int, bytes]] = OrderedDict()
        self._trees: OrderedDict[str, dict[bytes, Entry]] = OrderedDict()
        self._handle: int | None = None
        self._end = 0
        """Of the own file."""
        self._load()

    @property
    def is_grown(self) -> bool:
        return len(self._fresh) >= GROWN or self._bytes >= GROWN_BYTES

    def fresh_commits(self) -> list[str]:
        """In the order in which they came."""
        return [id for id, one in self._fresh.items() if one.kind == ObjectType.COMMIT]

    def read(self, id: str, kind: ObjectType) -> bytes:
        """Raises KeyError when there is no such object of this kind."""
        found, body = self._found(id)
        if found != kind:
            raise KeyError(id)
        return body

    def tree(self, id: str) -> dict[bytes, Entry]:
        """Name → entry. Not to be changed. Raises KeyError."""
        entries = self._trees.get(id)
        if entries is None:
            entries = self._trees[id] = dict(_entries(self.read(id, ObjectType.TREE)))
            if len(self._trees) > READ_KEPT:
                self._trees.popitem(last=False)
        self._trees.move_to_end(id)
        return entries

    def add(self, kind: ObjectType, body: bytes) -> str:
        """The id, the same for the same kind and bytes. To be written down before anybody hears of it."""
        id = _id(kind, body)
        if id not in self._fresh:
            packed = _head(kind, len(body)) + zlib.compress(body, 1)
            self._keep(id, _Fresh(kind, body, packed))
            self._waiting.append(packed)
        return id

    def add_tree(self, entries: dict[bytes, Entry]) -> str:
        def place(item: tuple[bytes, Entry]) -> bytes:
            return item[0] + b"/" if item[1].mode == FileMode.TREE else item[0]

        lines = (
            b"%o %s\0%s" % (one.mode, name, bytes.fromhex(one.id)) for name, one in sorted(entries.items(), key=place)
        )
        return self.add(ObjectType.TREE, b"".join(lines))

    def write_down(self) -> None:
        """One write(2) for what was added. Raises OSError, and may be asked again."""
        if not self._waiting:
            return
        if self._handle is None:
            self._handle = os.open(self._own, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o644)
            _sync_folder(self._git_dir)
        whole, done = b"".join(self._waiting), 0
        while done < len(whole):
            done += os.pwrite(self._handle, whole[done:], self._end + done)
        self._end += done
        self._waiting.clear()

    def sync(self) -> None:
        """Blocks. May be called without the owner's lock."""
        handle = self._handle
        if handle is not None:
            _fdatasync(handle)

    def show(self, id: str) -> None:
        """Gives libgit2, and with it git itself, a commit with all that it leads to."""
        below = [id]
        while below:
            id = below.pop()
            one = self._fresh.get(id)
            if one is None or id in self._shown:
                continue
            self._repo.write(one.kind, one.body)
            self._shown.add(id)
            below += _leads_to(one)

    def seal(self) -> None:
        """Makes a pack of what is fresh, and begins anew."""
        if not self._fresh:
            return
        folder = self._git_dir / "objects" / "pack"
        pack, index, name = _pack(self._fresh)
        for suffix, content in ((".pack", pack), (".idx", index)):
            # git looks for the index: the pack comes before it.
            _write_whole(folder / f"pack-{name}{suffix}", content)
        _sync_folder(folder)
        if self._handle is not None:
            os.ftruncate(self._handle, 0)
        for other in self._others:
            other.unlink(missing_ok=True)
        self._end = self._bytes = 0
        for gone in (self._fresh, self._shown, self._waiting):
            gone.clear()

    def close(self) -> None:
        """Seals, and leaves no empty file. More may be added afterwards."""
        self.seal()
        handle, self._handle = self._handle, None
        if handle is not None:
            os.close(handle)
            self._own.unlink(missing_ok=True)

    def _found(self, id: str) -> tuple[int, bytes]:
        fresh = self._fresh.get(id)
        if fresh is not None:
            return fresh.kind, fresh.body
        known = self._read.get(id)
        if known is None:
            known = self._on_disk(id)
            if len(known[1]) <= LARGEST_KEPT:
                self._read[id] = known
                if len(self._read) > READ_KEPT:
                    self._read.popitem(last=False)
        else:
            self._read.move_to_end(id)
        return known

    def _on_disk(self, id: str) -> tuple[int, bytes]:
        if len(id) != 40:
            raise KeyError(id)
        try:
            oid = pygit2.Oid(hex=id)
        except ValueError:
            raise KeyError(id) from None
        try:
            kind, body = self._repo.read(oid)
        except KeyError:
            # Whoever only reads may have been overtaken by the process that writes.
            if self._handle is None and not self._waiting:
                self._load()
            if id not in self._fresh:
                raise KeyError(id) from None
            kind, body = self._fresh[id][:2]
        return int(kind), body

    def _load(self) -> None:
        """Takes up what the growing files hold. What stands half written at an end was promised to nobody."""
        self._fresh.clear()
        self._bytes = 0
        self._others = sorted(self._git_dir.glob(f"{GROWING}*"))
        for path in self._others:
            # It may have become a pack just now.
            with contextlib.suppress(FileNotFoundError):
                for one in _whole_entries(path.read_bytes()):
                    self._keep(_id(one.kind, one.body), one)

    def _keep(self, id: str, one: _Fresh) -> None:
        self._fresh[id] = one
        self._bytes += len(one.body)


def _id(kind: ObjectType, body: bytes) -> str:
    whole = b"%s %d\0%s" % (_NAMES[kind], len(body), body)
    return hashlib.sha1(whole, usedforsecurity=False).hexdigest()


def _leads_to(one: _Fresh) -> list[str]:
    if one.kind == ObjectType.TREE:
        return [entry.id for _, entry in _entries(one.body)]
    if one.kind == ObjectType.COMMIT:
        head = one.body.partition(b"\n\n")[0].decode("utf-8", "replace").split("\n")
        return [line.partition(" ")[2] for line in head if line.startswith(("tree ", "parent "))]
    return []


def _entries(body: bytes) -> Iterator[tuple[bytes, Entry]]:
    at = 0
    while at < len(body):
        space = body.index(b" ", at)
        end = body.index(b"\0", space)
        yield body[space + 1 : end], Entry(int(body[at:space], 8), body[end + 1 : end + 21].hex())
        at = end + 21


def _head(kind: ObjectType, size: int) -> bytes:
    """Of an entry of a pack: the kind in three bits, the size in groups of four and then seven."""
    first, size = (int(kind) << 4) | (size & 15), size >> 4
    out = bytearray()
    while size:
        out.append(first | 0x80)
        first, size = size & 0x7F, size >> 7
    out.append(first)
    return bytes(out)


def _whole_entries(content: bytes) -> Iterator[_Fresh]:
    """Each entry up to the first that is cut off or is none."""
    at = 0
    while at < len(content):
        start, shift = at, 4
        kind, size = (content[at] >> 4) & 7, content[at] & 15
        while content[at] & 0x80:
            at += 1
            if at == len(content):
                return
            size, shift = size | ((content[at] & 0x7F) << shift), shift + 7
        unpacked = _unpacked(content, at + 1)
        if kind not in _KINDS or unpacked is None or len(unpacked[0]) != size:
            return
        body, at = unpacked
        yield _Fresh(ObjectType(kind), body, content[start:at])


def _unpacked(content: bytes, at: int) -> tuple[bytes, int] | None:
    """What is deflated from there on, and where that ends; None when it is cut off or is none."""
    stream = zlib.decompressobj()
    parts: list[bytes] = []
    try:
        while not stream.eof and at < len(content):
            part = content[at : at + _CHUNK]
            parts.append(stream.decompress(part))
            at += len(part)
    except zlib.error:
        return None
    return (b"".join(parts), at - len(stream.unused_data)) if stream.eof else None


def _pack(objects: dict[str, _Fresh]) -> tuple[bytes, bytes, str]:
    """A pack and its index, both of version 2 (git's Documentation/gitformat-pack), and the name of the two."""
    parts = [struct.pack(">4sLL", b"PACK", 2, len(objects))]
    offset = len(parts[0])
    rows: list[tuple[bytes, int, int]] = []
    for id, one in objects.items():
        rows.append((bytes.fromhex(id), zlib.crc32(one.packed), offset))
        parts.append(one.packed)
        offset += len(one.packed)
    pack = _sealed(b"".join(parts))
    rows.sort()
    index = _sealed(
        struct.pack(">4sL256L", b"\377tOc", 2, *_fanout([row[0][0] for row in rows]))
        + b"".join(row[0] for row in rows)
        + struct.pack(f">{len(rows)}L", *(row[1] for row in rows))
        + struct.pack(f">{len(rows)}L", *(row[2] for row in rows))
        + pack[-20:]
    )
    return pack, index, pack[-20:].hex()


def _fanout(firsts: Sequence[int]) -> list[int]:
    """For each byte, how many of the ids begin with that or a lower one."""
    counts = [0] * 256
    for first in firsts:
        counts[first] += 1
    total = 0
    for byte, count in enumerate(counts):
        total += count
        counts[byte] = total
    return counts


def _sealed(content: bytes) -> bytes:
    return content + hashlib.sha1(content, usedforsecurity=False).digest()


def _write_whole(path: Path, content: bytes) -> None:
    unfinished = path.with_name("tmp_" + path.name)
    with unfinished.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    unfinished.chmod(0o444)
    unfinished.rename(path)


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
