"""The regular files of a folder, or of a tree in a git repository, as paths and bytes.

Works on the reader's file system and on git objects; writes nothing and runs nothing of the source (no hooks, no
filters, no git). Does not know what the files are for: `Reading` says how refusals name the source.

Invariant: what is yielded lies inside the source and has a plain path below it. A link out of it, a special file, a
submodule, an unreadable file or an excess refuses the whole source with one sentence; nothing is left out in silence
but the names in `SKIPPED`.
"""

from __future__ import annotations

import os
import posixpath
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pygit2
from pygit2.enums import FileMode, ObjectType

SKIPPED = frozenset({".git", "__pycache__", ".venv", ".orgrun"})
SKIPPED_SUFFIX = ".pyc"
DEEPEST = 64
"""Folders in folders: deeper trees are made by nobody but an attacker."""

_LARGE_FILE_POINTER = b"version https://git-lfs.github.com/spec/"


@dataclass(frozen=True)
class SourceFile:
    path: str
    data: bytes
    executable: bool


@dataclass(frozen=True)
class Reading:
    """`name` begins each refusal; `error` is raised; at most `largest` bytes in `most` files, else `remedy` is said."""

    name: str
    error: type[Exception]
    largest: int
    remedy: str
    most: int = 100_000

    def refused(self, why: str) -> Exception:
        return self.error(f"{self.name}: {why}")

    def check_total(self, size: int, count: int) -> None:
        if size > self.largest:
            raise self.error(f"{self.name} holds more than {self.largest // 2**20} MiB; {self.remedy}")
        if count > self.most:
            raise self.error(f"{self.name} holds more than {self.most} files; {self.remedy}")


def folder_files(root: Path, reading: Reading) -> Iterator[SourceFile]:
    """Every regular file below `root`, in order of path within each folder. Links to files inside it are followed."""

    def refuse(error: OSError) -> None:
        raise reading.refused(f"{error.filename} cannot be read: {error.strerror}") from error

    total = count = 0
    for folder, folders, names in os.walk(root, onerror=refuse):
        folders[:] = sorted(name for name in folders if name not in SKIPPED)
        for name in [*folders, *sorted(names)]:
            path = Path(folder, name)
            if name in SKIPPED or name.endswith(SKIPPED_SUFFIX) or (path.is_dir() and not path.is_symlink()):
                continue
            relative = plain_text(path.relative_to(root).as_posix(), reading)
            total += _checked_size(root, path, relative, reading)
            count += 1
            reading.check_total(total, count)
            yield _read_file(path, relative, reading)
    if not count:
        raise reading.refused(f"{root} holds no file")


def tree_files(root: pygit2.Tree, reading: Reading, below: str = "") -> Iterator[SourceFile]:
    """Every file of the tree `root` at or below the path `below`; paths are relative to `root`.

    A link to a file of the same tree is that file. Yields nothing where `below` names no folder of the tree.
    """
    total = count = 0
    try:
        start = root[below] if below else root
    except KeyError:
        return
    if not isinstance(start, pygit2.Tree):
        return
    try:
        for path, entry in _entries(start, f"{below}/" if below else "", reading):
            if entry.filemode == FileMode.LINK:
                entry = _linked(root, path, entry, reading)
            total, count = total + entry.size, count + 1
            reading.check_total(total, count)
            if entry.data.startswith(_LARGE_FILE_POINTER):
                raise reading.refused(f"{path} is kept in Git LFS; give a plain copy of the folder")
            yield SourceFile(path, entry.data, executable=entry.filemode == FileMode.BLOB_EXECUTABLE)
    except (KeyError, pygit2.GitError) as error:
        raise reading.refused("objects of its HEAD are missing (a partial clone?); use a full clone") from error


def plain_text(path: str, reading: Reading) -> str:
    """The path itself, where it is UTF-8."""
    try:
        path.encode()
    except UnicodeEncodeError as error:
        raise reading.refused(f"the name {path!r} is not UTF-8; rename it") from error
    return path


def _checked_size(root: Path, path: Path, relative: str, reading: Reading) -> int:
    """The size of a regular file, or of the file inside the source that a link names."""
    try:
        target = path.resolve(strict=True)
        found = target.stat()
    except (OSError, RuntimeError) as error:
        raise reading.refused(f"{relative} is a link to nothing; remove it") from error
    if path.is_symlink():
        if not target.is_relative_to(root.resolve()):
            raise reading.refused(f"{relative} is a link that leaves the folder; copy the file instead")
        if stat.S_ISDIR(found.st_mode):
            raise reading.refused(f"{relative} is a link to a folder; copy the folder instead")
    if not stat.S_ISREG(found.st_mode):
        raise reading.refused(f"{relative} is not a regular file; remove it")
    return found.st_size


def _read_file(path: Path, relative: str, reading: Reading) -> SourceFile:
    try:
        # Not blocking: a pipe that took the file's place since it was looked at must not hang the import.
        descriptor = os.open(path.resolve(), os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        with os.fdopen(descriptor, "rb") as stream:
            mode = os.fstat(descriptor).st_mode
            data = stream.read(reading.largest + 1) if stat.S_ISREG(mode) else b""
    except OSError as error:
        raise reading.refused(f"{relative} cannot be read: {error.strerror}") from error
    return SourceFile(relative, data, executable=bool(mode & stat.S_IXUSR))


def _entries(tree: pygit2.Tree, prefix: str, reading: Reading) -> Iterator[tuple[str, pygit2.Object]]:
    if prefix.count("/") > DEEPEST:
        raise reading.refused(f"its folders are nested more than {DEEPEST} deep")
    for entry in tree:
        path = plain_text(prefix + _checked_name(entry, prefix, reading), reading)
        if entry.filemode == FileMode.COMMIT:
            raise reading.refused(f"{path} is a submodule; copy its files into the repository")
        if entry.type == ObjectType.TREE:
            yield from _entries(entry, path + "/", reading)
        else:
            yield path, entry


def _checked_name(entry: pygit2.Object, prefix: str, reading: Reading) -> str:
    """Objects that git did not write can hold any name: one with a slash in it would be written elsewhere."""
    name = str(entry.name)
    if "/" in name or "\0" in name or name in ("", ".", "..") or name.casefold() == ".git":
        raise reading.refused(f"the name {prefix + name!r} cannot be that of a file")
    return name


def _linked(root: pygit2.Tree, path: str, link: pygit2.Object, reading: Reading) -> pygit2.Object:
    """The file of the same tree that a link names, at the end of at most 8 links."""
    where = path
    for _ in range(8):
        target = link.data.decode("utf-8", "replace")
        where = posixpath.normpath(posixpath.join(posixpath.dirname(where), target))
        if target.startswith("/") or where == ".." or where.startswith("../"):
            raise reading.refused(f"{path} is a link that leaves the repository; commit a copy")
        try:
            link = root[where]
        except KeyError as error:
            raise reading.refused(f"{path} is a link to nothing; remove it") from error
        if link.type != ObjectType.BLOB:
            raise reading.refused(f"{path} is a link to a folder; commit a copy")
        if link.filemode != FileMode.LINK:
            return link
    raise reading.refused(f"{path} is a link in a circle; remove it")
