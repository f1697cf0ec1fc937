"""The repository under research as a bare git directory in the run's folder, read and written in-process.

Works on trees, commits and refs through libgit2, which runs no hooks, no filters and no external programs; the
machine's and the user's git configuration are not read, and no attributes are looked up. No work tree ever exists
here: a trial gets a tar of its tree. Does not know what a proposal, a trial or an idea is.

Invariant: once `flush` has returned, every object that `commit` or `merge` returned before is reachable from
`refs/orgrun/kept` (a chain of merges with an empty tree: a reference a commit would be thousands of files); and equal
content with an equal author and message gives an equal id, because identity and time are constants.
"""

from __future__ import annotations

import ctypes
import os
import shutil
import tarfile
import threading
from collections import OrderedDict
from collections.abc import Iterable, Mapping
from pathlib import Path

import pygit2
from pygit2.enums import ConfigLevel, DiffOption, FileMode, MergeFlag, ObjectType

from orgruntime.backends.workspace_source import Source, read_source
from orgruntime.model.ids import CommitId, TreeId
from orgruntime.model.manifest import WorkspaceSpec
from orgruntime.runtime.ports import Commit, Conflict, Diff, WorkspaceError

BASE_REF = "refs/orgrun/base"
KEPT_REF = "refs/orgrun/kept"
MEMBERS_KEPT, LARGEST_KEPT = 256, 64 * 1024
"""Packed files that are kept in memory, and the bytes of the largest one."""
OBJECTS_CACHED = 1 << 20
"""Bytes of commits and trees that libgit2 keeps; left alone it would keep every trial's, up to 256 MiB."""
LARGEST_DIFF = 200_000
"""Bytes of a diff's text; what is cut is said in its last line."""

_IDENTITY = "orgruntime"
_MAIL = "orgruntime@localhost"
_TRUNCATED = "\n… the rest of the diff is not shown\n"


class GitWorkspace:
    """Implements `ports.Workspace`. Safe to call from several threads."""

    def __init__(self, repository: pygit2.Repository, *, notice: str = "") -> None:
        self._repo = repository
        self._lock = threading.RLock()
        self._unkept: dict[pygit2.Oid, None] = {}
        self._members: OrderedDict[tuple[str, pygit2.Oid, int], bytes] = OrderedDict()
        self._base: Commit | None = None
        self.notice = notice
        """What a person should know about the import, one sentence; empty when there is nothing to say."""

    @classmethod
    def create(cls, git_dir: Path, spec: WorkspaceSpec) -> GitWorkspace:
        """Imports `spec.source`, a folder or the HEAD of a local git repository, into a new directory `git_dir`.
        Appears whole or not at all. Raises WorkspaceError."""
        if git_dir.exists():
            raise WorkspaceError(f"{git_dir} exists already; open it, or choose another folder")
        _quiet_libgit2()
        source = read_source(Path(spec.source))
        unfinished = git_dir.with_name(git_dir.name + ".unfinished")
        shutil.rmtree(unfinished, ignore_errors=True)
        try:
            _initial_import(unfinished, source)
            unfinished.rename(git_dir)
        except OSError as error:
            raise WorkspaceError(f"{git_dir} cannot be written: {error.strerror or error}") from error
        finally:
            shutil.rmtree(unfinished, ignore_errors=True)
        workspace = cls(_opened(git_dir), notice=source.notice)
        workspace.flush()
        return workspace

    @classmethod
    def open(cls, git_dir: Path) -> GitWorkspace:
        """The workspace that `create` left in `git_dir`. Raises WorkspaceError."""
        return cls(_opened(git_dir))

    def base(self) -> Commit:
        if self._base is None:
            self._base = self.get(CommitId(str(self._repo.references[BASE_REF].target)))
        return self._base

    def get(self, commit: CommitId) -> Commit:
        with self._lock:
            found = self._commit(commit)
            return Commit(id=CommitId(str(found.id)), tree=TreeId(str(found.tree_id)))

    def paths(self, commit: CommitId) -> list[str]:
        with self._lock:
            return sorted(path for path, _ in _walk(self._repo, self._commit(commit).tree))

    def read(self, commit: CommitId, path: str) -> bytes:
        with self._lock:
            entry = self._commit(commit).tree[path]
            if not isinstance(entry, pygit2.Blob):
                raise KeyError(path)
            return bytes(entry.data)

    def commit(self, base: CommitId, files: Mapping[str, bytes], *, message: str, author: str) -> Commit:
        for path in files:
            check_path(path)
        with self._lock:
            parent = self._commit(base)
            blobs = {path: self._repo.create_blob(data) for path, data in files.items()}
            tree = _with_files(self._repo, parent.tree, {tuple(path.split("/")): blob for path, blob in blobs.items()})
            return self._record(tree, [parent.id], message, author)

    def flush(self) -> None:
        with self._lock:
            self._keep()
        handle = os.open(self._repo.path, os.O_RDONLY)
        try:
            _sync_filesystem(handle)
        finally:
            os.close(handle)

    def diff(self, old: CommitId, new: CommitId) -> Diff:
        """A file that cannot be text counts by its lines all the same, so that a NUL byte hides no change."""
        with self._lock:
            changes = self._repo.diff(
                self._commit(old).tree, self._commit(new).tree, flags=DiffOption.FORCE_TEXT, context_lines=3
            )
            files: dict[str, tuple[int, int]] = {}
            text, size = [], 0
            for patch in changes:
                _, added, removed = patch.line_stats
                files[patch.delta.new_file.path] = (added, removed)
                if size <= LARGEST_DIFF:
                    text.append(patch.data)
                    size += len(text[-1])
        return Diff(files=files, text=_capped(b"".join(text)))

    def merge(self, base: CommitId, ours: CommitId, theirs: CommitId, *, message: str) -> Commit | Conflict:
        with self._lock:
            commits = [self._commit(commit) for commit in (base, ours, theirs)]
            # Renames are not followed: which file a change lands in must not depend on a similarity score.
            index = self._repo.merge_trees(*(commit.tree for commit in commits), flags=MergeFlag(0))
            if index.conflicts:
                sides = (side.path for sides in index.conflicts for side in sides if side is not None)
                return Conflict(paths=tuple(sorted(set(sides))))
            return self._record(index.write_tree(self._repo), [commits[1].id, commits[2].id], message, _IDENTITY)

    def branch(self, name: str) -> CommitId | None:
        with self._lock:
            reference = self._repo.references.get(f"refs/heads/{name}")
            return CommitId(str(reference.target)) if reference is not None else None

    def move_branch(self, name: str, commit: CommitId) -> None:
        with self._lock:
            target = self._commit(commit).id
            try:
                self._repo.references.create(f"refs/heads/{name}", target, force=True)
            except (ValueError, pygit2.GitError) as error:
                raise WorkspaceError(f"'{name}' is not a name for a branch") from error

    def pack(self, tree: TreeId) -> bytes:
        """Raises KeyError for an unknown tree."""
        with self._lock:
            root = self._object(tree, pygit2.Tree)
            files = sorted(_walk(self._repo, root), key=lambda file: file[0])
            whole = b"".join(self._member(path, entry) for path, entry in files) + bytes(2 * tarfile.BLOCKSIZE)
            return whole + bytes(-len(whole) % tarfile.RECORDSIZE)

    def _commit(self, commit: CommitId) -> pygit2.Commit:
        return self._object(commit, pygit2.Commit)

    def _object(self, oid: str, kind: type) -> pygit2.Object:
        try:
            found = self._repo[pygit2.Oid(hex=oid)] if len(oid) == 40 else None
        except ValueError:
            found = None
        if not isinstance(found, kind):
            raise KeyError(oid)
        return found

    def _member(self, path: str, entry: pygit2.Blob) -> bytes:
        """A file as it stands in a tar. Most files of a tree are those of the tree before."""
        key = (path, entry.id, entry.filemode)
        member = self._members.get(key)
        if member is None:
            info = tarfile.TarInfo(path)
            info.size = entry.size
            info.mode = 0o755 if entry.filemode == FileMode.BLOB_EXECUTABLE else 0o644
            head = info.tobuf(tarfile.GNU_FORMAT)
            member = head + entry.data + bytes(-entry.size % tarfile.BLOCKSIZE)
        if len(member) <= LARGEST_KEPT:
            self._members[key] = member
            self._members.move_to_end(key)
            if len(self._members) > MEMBERS_KEPT:
                self._members.popitem(last=False)
        return member

    def _keep(self) -> None:
        commits = list(self._unkept)
        if not commits:
            return
        before = self._repo.references.get(KEPT_REF)
        parents = commits if before is None else [before.target, *commits]
        empty = self._repo.TreeBuilder().write()
        kept = _write_commit(self._repo, empty, parents, "Kept\n", _IDENTITY)
        self._repo.references.create(KEPT_REF, kept, force=True)
        self._unkept.clear()

    def _record(self, tree: pygit2.Oid, parents: list[pygit2.Oid], message: str, author: str) -> Commit:
        commit = _write_commit(self._repo, tree, parents, message, author)
        self._unkept[commit] = None
        return Commit(id=CommitId(str(commit)), tree=TreeId(str(tree)))


def check_path(path: str) -> None:
    """Raises WorkspaceError for a path that is not a plain relative one, or that git itself would read."""
    parts = path.split("/")
    if not path or any(part in ("", ".", "..") for part in parts) or any(ord(c) < 32 or c in "\\\x7f" for c in path):
        raise WorkspaceError(f"{path!r} is not a path inside the workspace; give a plain relative path with `/`")
    if any(part.lower().startswith(".git") for part in parts):
        raise WorkspaceError(f"{path!r} is a file that git reads; a proposal cannot hold it")
    try:
        path.encode()
    except UnicodeEncodeError as error:
        raise WorkspaceError(f"{path!r} is not a path in UTF-8") from error


def _quiet_libgit2() -> None:
    """Nothing of the machine is read. The owner of a directory does not matter, since nothing in it is executed.
    Objects are not synced one by one (that cost 18 ms a commit): `flush` syncs whatever has come. That a tree's files
    and a commit's tree are there is not read again: they were written, or found, a moment before."""
    for level in (ConfigLevel.SYSTEM, ConfigLevel.XDG, ConfigLevel.GLOBAL, ConfigLevel.PROGRAMDATA):
        pygit2.settings.search_path[level] = ""
    pygit2.settings.owner_validation = False
    pygit2.settings.enable_strict_object_creation(False)
    pygit2.settings.cache_max_size(OBJECTS_CACHED)


def _sync_filesystem(handle: int) -> None:
    """syncfs(2): one call for all the small files of a batch of commits. Elsewhere than on Linux, all filesystems."""
    syncfs = getattr(ctypes.CDLL(None, use_errno=True), "syncfs", None)
    if syncfs is None:
        os.sync()
    elif syncfs(handle) != 0:
        raise OSError(ctypes.get_errno(), "syncfs failed")


def _opened(git_dir: Path) -> pygit2.Repository:
    _quiet_libgit2()
    try:
        repository = pygit2.Repository(str(git_dir), pygit2.enums.RepositoryOpenFlag.NO_SEARCH)
    except (pygit2.GitError, KeyError) as error:
        raise WorkspaceError(f"{git_dir} is not the workspace of a run; start a new run") from error
    if BASE_REF not in repository.references:
        raise WorkspaceError(f"{git_dir} holds no imported workspace; start a new run")
    return repository


def _initial_import(git_dir: Path, source: Source) -> None:
    repository = pygit2.init_repository(str(git_dir), bare=True, initial_head="lead")
    files: dict[tuple[str, ...], tuple[pygit2.Oid, int]] = {}
    for file in source.files():
        mode = FileMode.BLOB_EXECUTABLE if file.executable else FileMode.BLOB
        files[tuple(file.path.split("/"))] = (repository.create_blob(file.data), mode)
    tree = _with_modes(repository, None, files)
    commit = _write_commit(repository, tree, [], f"Imported from {source.name}\n", _IDENTITY)
    repository.references.create(BASE_REF, commit)


def _write_commit(
    repository: pygit2.Repository, tree: pygit2.Oid, parents: list[pygit2.Oid], message: str, author: str
) -> pygit2.Oid:
    signature = pygit2.Signature(_plain(author) or _IDENTITY, _MAIL, 0, 0)
    committer = pygit2.Signature(_IDENTITY, _MAIL, 0, 0)
    text = message.replace("\0", "\ufffd").encode("utf-8", "replace").decode()
    return repository.create_commit(None, signature, committer, text, tree, parents)


def _plain(author: str) -> str:
    """A name that git's commit format can hold."""
    kept = "".join(c for c in author if c.isprintable() and c not in "<>")
    return kept.strip(" .,:;\"'\\")


def _walk(repository: pygit2.Repository, tree: pygit2.Tree, prefix: str = "") -> Iterable[tuple[str, pygit2.Object]]:
    for entry in tree:
        if entry.type == ObjectType.TREE:
            yield from _walk(repository, entry, f"{prefix}{entry.name}/")
        else:
            yield prefix + entry.name, entry


def _with_files(
    repository: pygit2.Repository, tree: pygit2.Tree, blobs: Mapping[tuple[str, ...], pygit2.Oid]
) -> pygit2.Oid:
    """`tree` with blobs replaced or added; a replaced file keeps its executable bit."""
    files: dict[tuple[str, ...], tuple[pygit2.Oid, int]] = {}
    for path, blob in blobs.items():
        files[path] = (blob, _mode_at(tree, path))
    return _with_modes(repository, tree, files)


def _mode_at(tree: pygit2.Tree, path: tuple[str, ...]) -> int:
    try:
        mode: int = tree["/".join(path)].filemode
    except KeyError:
        mode = FileMode.BLOB
    return mode


def _with_modes(
    repository: pygit2.Repository, tree: pygit2.Tree | None, files: Mapping[tuple[str, ...], tuple[pygit2.Oid, int]]
) -> pygit2.Oid:
    """Writes the tree objects above the given files, and only those. Raises WorkspaceError where a file and a
    folder would have the same name."""
    builder = repository.TreeBuilder(tree) if tree is not None else repository.TreeBuilder()
    below: dict[str, dict[tuple[str, ...], tuple[pygit2.Oid, int]]] = {}
    for path, (blob, mode) in files.items():
        old = builder.get(path[0])
        is_folder = old is not None and old.type == ObjectType.TREE
        if (old is not None and is_folder != (len(path) > 1)) or (len(path) == 1 and path[0] in below):
            raise WorkspaceError(f"{'/'.join(path)!r}: {path[0]!r} cannot be a file and a folder; choose another path")
        if len(path) == 1:
            builder.insert(path[0], blob, mode)
        else:
            below.setdefault(path[0], {})[path[1:]] = (blob, mode)
    for name, inner in below.items():
        old = builder.get(name)
        if old is not None and old.type != ObjectType.TREE:
            raise WorkspaceError(f"{name!r} cannot be a file and a folder; choose another path")
        builder.insert(name, _with_modes(repository, old, inner), FileMode.TREE)
    return builder.write()


def _capped(data: bytes) -> str:
    if len(data) <= LARGEST_DIFF:
        return data.decode("utf-8", "replace")
    room = LARGEST_DIFF - len(_TRUNCATED.encode())
    whole_lines = data[:room].rpartition(b"\n")[0]
    return whole_lines.decode("utf-8", "ignore") + _TRUNCATED
