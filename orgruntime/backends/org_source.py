"""Where an org comes from, as bytes: a plain folder, or a commit of a git repository on this machine.

Works through libgit2, which runs no hooks, no filters and no external programs. Does not know what an org is, and
writes only below the folder that it is given.

Invariant: what `RepositoryAt.export` wrote are regular files with the bytes of the commit, whatever the work tree or
the configuration of the repository hold.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pygit2
from pygit2.enums import FileMode, ObjectType, RepositoryOpenFlag

from orgruntime.backends.source_files import Reading, SourceFile, folder_files, tree_files
from orgruntime.backends.workspace_source import is_bare, uncommitted

LARGEST_ORG = 64 * 1024 * 1024
"""Bytes. An org is words; a workspace that comes with it may hold some data."""
MOST_FILES = 10_000


class OrgSourceError(Exception):
    """The source cannot be read: one sentence with place and remedy."""


@dataclass(frozen=True)
class RepositoryAt:
    """A commit of a repository. `top` is the repository's work tree on this machine, where it has one."""

    name: str
    commit: str
    tree: pygit2.Tree
    top: Path | None = None

    def files(self, below: str = "") -> Iterator[SourceFile]:
        """The files at or below a path; their paths are relative to the repository. Raises OrgSourceError."""
        return tree_files(self.tree, _reading(self.name), below)

    def has(self, path: str) -> bool:
        """Whether the commit holds a file or a folder of that path."""
        try:
            return not path or self.tree[path] is not None
        except KeyError:
            return False

    def file(self, path: str) -> bytes | None:
        """The bytes of a regular file; None where the commit has none of that path. Raises OrgSourceError."""
        found = self.tree[path] if path and self.has(path) else None
        try:
            return bytes(found.data) if isinstance(found, pygit2.Blob) and found.filemode != FileMode.LINK else None
        except (KeyError, pygit2.GitError) as error:
            raise OrgSourceError(
                f"{self.name}: {path} is missing in it (a partial clone?); use a full clone"
            ) from error

    def names(self, folder: str = "") -> list[str]:
        """What a folder holds; empty where there is no such folder."""
        found = self.tree if not folder else self.tree[folder] if self.has(folder) else None
        return [str(entry.name) for entry in found] if isinstance(found, pygit2.Tree) else []

    def export(self, below: str, into: Path) -> None:
        """Writes the files at or below a path to the same place below `into`, those that are not there yet.
        Raises OrgSourceError."""
        for file in self.files(below):
            if not (into / file.path).exists():
                write_file(into / file.path, file.data, executable=file.executable)

    def places_of(self, name: str, deepest: int = 3) -> list[str]:
        """Folders at most so deep that hold a file of that name; a look for people, not more than 2,000 entries."""
        found, waiting, looks = [], [("", self.tree, deepest)], 0
        while waiting and looks < 2_000:
            path, tree, left = waiting.pop(0)
            for entry in tree:
                looks += 1
                if isinstance(entry, pygit2.Tree) and left:
                    waiting.append((f"{path}{entry.name}/", entry, left - 1))
                elif entry.name == name:
                    found.append(path.rstrip("/"))
        return found


def plain_files(folder: Path) -> Iterator[SourceFile]:
    """Every file of a folder that is not under git's eyes. Raises OrgSourceError."""
    return folder_files(folder, _reading(str(folder)))


def local_repository(path: Path, ref: str | None) -> tuple[RepositoryAt, str] | None:
    """The commit `ref`, or HEAD, of the repository that holds `path`, and where in it `path` lies, empty for its top.

    None where no repository holds it. Raises OrgSourceError.
    """
    found = _opened(path)
    if found is None:
        return None
    repository, inside = found
    commit = _commit(repository, ref, path)
    if commit is None:
        return None
    top = Path(repository.workdir).resolve() if repository.workdir else None
    return RepositoryAt(str(path), str(commit.id), commit.tree, top), inside


def changed_files(path: Path) -> list[str]:
    """Paths of the repository that holds `path` which are not as committed, relative to its top."""
    found = _opened(path)
    return uncommitted(found[0]) if found else []


def bare_repository(git_dir: Path, commit: str, name: str) -> RepositoryAt:
    """A commit of a bare repository that this process made. `name` is what refusals call it."""
    repository = pygit2.Repository(str(git_dir), RepositoryOpenFlag.NO_SEARCH)
    return RepositoryAt(name, commit, repository[commit].peel(pygit2.Tree))


def write_file(path: Path, data: bytes, *, executable: bool = False) -> None:
    """A new regular file, folders included; never through a link, never over a file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    with os.fdopen(os.open(path, flags, 0o755 if executable else 0o644), "wb") as stream:
        stream.write(data)


def _reading(name: str) -> Reading:
    return Reading(name, OrgSourceError, LARGEST_ORG, "an org is words: keep data out of it", MOST_FILES)


def _opened(path: Path) -> tuple[pygit2.Repository, str] | None:
    """The repository above a path, and the path below its top. A path that is gone from the work tree counts too."""
    there = path.resolve()
    while not there.is_dir():
        if there == there.parent:
            return None
        there = there.parent
    try:
        git_dir = pygit2.discover_repository(str(there))
        if git_dir is None:
            return None
        repository = pygit2.Repository(git_dir, RepositoryOpenFlag.NO_SEARCH)
    except (pygit2.GitError, KeyError, ValueError) as error:
        raise OrgSourceError(f"{path} is in a git repository that cannot be opened: {error}") from error
    if is_bare(there):
        return repository, ""
    if not repository.workdir:
        return None
    inside = Path(os.path.relpath(path.resolve(), Path(repository.workdir).resolve())).as_posix()
    return repository, "" if inside == "." else inside


def _commit(repository: pygit2.Repository, ref: str | None, path: Path) -> pygit2.Commit | None:
    """Raises OrgSourceError for a ref that is none; None where nothing is committed and nothing was asked for."""
    if ref is None and repository.head_is_unborn:
        return None
    try:
        found = repository.revparse_single(ref or "HEAD")
        return found.peel(ObjectType.COMMIT)
    except (KeyError, ValueError, pygit2.GitError) as error:
        raise OrgSourceError(
            f"{path}: its repository has no branch, tag or commit `{ref or 'HEAD'}`; "
            "`git log --oneline` lists the commits"
        ) from error
