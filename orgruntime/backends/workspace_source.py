"""Where a workspace comes from: a plain folder, or the HEAD of a local git repository, as a list of regular files.

Knows which of the two a path is; how their files are read is `source_files`' business. Does not know where the files
go. Invariant: a workspace is imported as committed, or whole, and what was left out of it is said.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pygit2
from pygit2.enums import FileStatus, RepositoryOpenFlag

from orgruntime.backends.source_files import Reading, SourceFile, folder_files, tree_files
from orgruntime.runtime.ports import WorkspaceError

LARGEST_SOURCE = 512 * 1024 * 1024
"""Bytes. Every node unpacks the tree and every trial gets a copy: larger data belongs in the set-up command."""


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
    if (source / ".git").exists() or is_bare(source):
        return _from_repository(source)
    return Source(name=source.name, files=lambda: folder_files(source, _reading()))


def is_bare(source: Path) -> bool:
    """Whether the folder is itself a git directory."""
    return (source / "HEAD").is_file() and (source / "objects").is_dir() and (source / "refs").is_dir()


def uncommitted(repository: pygit2.Repository) -> list[str]:
    """Paths of the work tree that differ from HEAD, new ones included, ignored ones left out."""
    if repository.is_bare:
        return []
    return sorted(path for path, state in repository.status().items() if state != FileStatus.IGNORED)


def _reading() -> Reading:
    return Reading("workspace.source", WorkspaceError, LARGEST_SOURCE, "fetch large data in the set-up command")


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
    return Source(name=source.resolve().name, files=lambda: _tree_files(tree), notice=_notice(repository))


def _tree_files(tree: pygit2.Tree) -> Iterator[SourceFile]:
    if len(tree) == 0:
        raise WorkspaceError("workspace.source: its HEAD holds no file")
    yield from tree_files(tree, _reading())


def _notice(repository: pygit2.Repository) -> str:
    changed = uncommitted(repository)
    if not changed:
        return ""
    shown = ", ".join(changed[:3]) + (f" and {len(changed) - 3} more" if len(changed) > 3 else "")
    return f"the workspace was imported as committed; changes that are not committed are left out: {shown}"
