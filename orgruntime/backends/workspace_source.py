"""Where a workspace comes from: a plain folder, or the HEAD of a local git repository, as a list of regular files.

Works on the reader's file system and on git objects; writes nothing and runs nothing of the source (no hooks, no
filters, no git). Does not know where the files go.

Invariant: what is yielded lies inside the source. A link out of it, a special file, a submodule or an unreadable
file refuses the whole source with one sentence; nothing is left out in silence but the names in `SKIPPED`.
"""

from __future__ import annotations

import os
import posixpath
import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pygit2
from pygit2.enums import FileMode, FileStatus, ObjectType, RepositoryOpenFlag

from orgruntime.runtime.ports import WorkspaceError

SKIPPED = frozenset({".git", "__pycache__", ".venv", ".orgrun"})
SKIPPED_SUFFIX = ".pyc"
LARGEST_SOURCE = 512 * 1024 * 1024
"""Bytes. Every node unpacks the tree and every trial gets a copy: larger data belongs in the set-up command."""

_LARGE_FILE_POINTER = b"version https://git-lfs.github.com/spec/"


@dataclass(frozen=True)
class SourceFile:
    path: str
    data: bytes
    executable: bool


@dataclass(frozen=True)
class Source:
    name: str
    files: Callable[[], Iterator[SourceFile]]
    """Raises WorkspaceError as it goes."""
    notice: str = ""


def read_source(source: Path) -> Source:
    """Raises WorkspaceError: no such folder, or a git repository with nothing committed."""
    if not source.is_dir():
        raise WorkspaceError(f"workspace.source: there is no folder {source}; give a folder or a local git repository")
    if (source / ".git").exists() or _is_bare(source):
        return _from_repository(source)
    return Source(name=source.name, files=lambda: _folder_files(source))


def _is_bare(source: Path) -> bool:
    return (source / "HEAD").is_file() and (source / "objects").is_dir() and (source / "refs").is_dir()


def _folder_files(root: Path) -> Iterator[SourceFile]:
    total = 0
    found = False
    for folder, folders, names in os.walk(root, onerror=_refuse_unreadable):
        folders[:] = sorted(name for name in folders if name not in SKIPPED)
        for name in [*folders, *sorted(names)]:
            path = Path(folder, name)
            if name in SKIPPED or name.endswith(SKIPPED_SUFFIX) or (path.is_dir() and not path.is_symlink()):
                continue
            relative = _plain_text(path.relative_to(root).as_posix())
            total += _checked_size(root, path, relative)
            _check_total(total)
            found = True
            yield _read_file(path, relative)
    if not found:
        raise WorkspaceError(f"workspace.source: {root} holds no file")


def _refuse_unreadable(error: OSError) -> None:
    raise WorkspaceError(f"workspace.source: {error.filename} cannot be read: {error.strerror}") from error


def _checked_size(root: Path, path: Path, relative: str) -> int:
    """The size of a regular file, or of the file inside the source that a link names."""
    try:
        target = path.resolve(strict=True)
        found = target.stat()
    except (OSError, RuntimeError) as error:
        raise WorkspaceError(f"workspace.source: {relative} is a link to nothing; remove it") from error
    if path.is_symlink():
        if not target.is_relative_to(root.resolve()):
            raise WorkspaceError(
                f"workspace.source: {relative} is a link that leaves the folder; copy the file instead"
            )
        if stat.S_ISDIR(found.st_mode):
            raise WorkspaceError(f"workspace.source: {relative} is a link to a folder; copy the folder instead")
    if not stat.S_ISREG(found.st_mode):
        raise WorkspaceError(f"workspace.source: {relative} is not a regular file; remove it")
    return found.st_size


def _read_file(path: Path, relative: str) -> SourceFile:
    try:
        # Not blocking: a pipe that took the file's place since it was looked at must not hang the import.
        descriptor = os.open(path.resolve(), os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        with os.fdopen(descriptor, "rb") as stream:
            mode = os.fstat(descriptor).st_mode
            data = stream.read(LARGEST_SOURCE + 1) if stat.S_ISREG(mode) else b""
    except OSError as error:
        raise WorkspaceError(f"workspace.source: {relative} cannot be read: {error.strerror}") from error
    return SourceFile(relative, data, executable=bool(mode & stat.S_IXUSR))


def _check_total(size: int) -> None:
    if size > LARGEST_SOURCE:
        limit = LARGEST_SOURCE // 2**20
        raise WorkspaceError(f"workspace.source holds more than {limit} MiB; fetch large data in the set-up command")


def _plain_text(path: str) -> str:
    try:
        path.encode()
    except UnicodeEncodeError as error:
        raise WorkspaceError(f"workspace.source: the name {path!r} is not UTF-8; rename it") from error
    return path


def _from_repository(source: Path) -> Source:
    try:
        repository = pygit2.Repository(str(source), RepositoryOpenFlag.NO_SEARCH)
    except (pygit2.GitError, KeyError) as error:
        raise WorkspaceError(f"workspace.source: {source} looks like a git repository and cannot be opened") from error
    if repository.head_is_unborn:
        raise WorkspaceError(f"workspace.source: {source} has no commit yet; commit the files, or remove its .git")
    try:
        tree = repository.head.peel(pygit2.Tree)
    except (pygit2.GitError, KeyError, ValueError) as error:
        raise WorkspaceError(f"workspace.source: HEAD of {source} cannot be read") from error
    return Source(
        name=source.resolve().name, files=lambda: _tree_files(repository, tree), notice=_uncommitted(repository)
    )


def _uncommitted(repository: pygit2.Repository) -> str:
    if repository.is_bare:
        return ""
    changed = sorted(path for path, state in repository.status().items() if state != FileStatus.IGNORED)
    if not changed:
        return ""
    shown = ", ".join(changed[:3]) + (f" and {len(changed) - 3} more" if len(changed) > 3 else "")
    return f"the workspace was imported as committed; changes that are not committed are left out: {shown}"


def _tree_files(repository: pygit2.Repository, root: pygit2.Tree) -> Iterator[SourceFile]:
    total = 0
    try:
        for path, entry in _entries(root, ""):
            if entry.filemode == FileMode.LINK:
                entry = _linked(root, path, entry)
            if entry.data.startswith(_LARGE_FILE_POINTER):
                raise WorkspaceError(f"workspace.source: {path} is kept in Git LFS; give a plain copy of the folder")
            total += entry.size
            _check_total(total)
            yield SourceFile(path, entry.data, executable=entry.filemode == FileMode.BLOB_EXECUTABLE)
    except (KeyError, pygit2.GitError) as error:
        raise WorkspaceError(
            "workspace.source: objects of its HEAD are missing (a partial clone?); use a full clone"
        ) from error
    if total == 0:
        raise WorkspaceError("workspace.source: its HEAD holds no file")


def _entries(tree: pygit2.Tree, prefix: str) -> Iterator[tuple[str, pygit2.Object]]:
    for entry in tree:
        path = _plain_text(prefix + entry.name)
        if entry.filemode == FileMode.COMMIT:
            raise WorkspaceError(f"workspace.source: {path} is a submodule; copy its files into the repository")
        if entry.type == ObjectType.TREE:
            yield from _entries(entry, path + "/")
        else:
            yield path, entry


def _linked(root: pygit2.Tree, path: str, link: pygit2.Object) -> pygit2.Object:
    """The file of the same tree that a link names, at the end of at most 8 links."""
    where = path
    for _ in range(8):
        target = link.data.decode("utf-8", "replace")
        where = posixpath.normpath(posixpath.join(posixpath.dirname(where), target))
        if target.startswith("/") or where == ".." or where.startswith("../"):
            raise WorkspaceError(f"workspace.source: {path} is a link that leaves the repository; commit a copy")
        try:
            link = root[where]
        except KeyError as error:
            raise WorkspaceError(f"workspace.source: {path} is a link to nothing; remove it") from error
        if link.type != ObjectType.BLOB:
            raise WorkspaceError(f"workspace.source: {path} is a link to a folder; commit a copy")
        if link.filemode != FileMode.LINK:
            return link
    raise WorkspaceError(f"workspace.source: {path} is a link in a circle; remove it")
