"""The repository under research as a bare git directory in the run's folder, read and written in-process.

Works on trees, commits and refs through libgit2, which runs no hooks, no filters and no external programs; the
machine's and the user's git configuration are not read, and no attributes are looked up. No work tree ever exists
here: a trial gets a tar of its tree. Does not know what a proposal, a trial or an idea is.

Invariant: every commit lies in a growing file or is reachable from `refs/orgrun/kept` (a chain of merges with an empty
tree: a reference a commit would be thousands of files), from `close` on all are; and equal content with an equal author
and message gives an equal id, because identity and time are constants.
"""

from __future__ import annotations

import ctypes
import os
import shutil
import tarfile
import threading
from collections import OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from operator import itemgetter
from pathlib import Path

import pygit2
from pygit2.enums import ConfigLevel, DiffOption, FileMode, MergeFlag, ObjectType

from orgruntime.backends.git_objects import Entry, GitObjects
from orgruntime.backends.workspace_source import Source, read_source
from orgruntime.model.ids import CommitId, TreeId
from orgruntime.model.manifest import WorkspaceSpec
from orgruntime.runtime.ports import Commit, Conflict, Diff, WorkspaceError

BASE_REF = "refs/orgrun/base"
KEPT_REF = "refs/orgrun/kept"
COMMITS_KNOWN = 4096
"""Commits whose tree is kept in memory."""
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
        self._flushing = threading.Lock()
        self._objects = GitObjects(repository)
        self._is_foreign = True
        """Whether libgit2 has written something since the last flush."""
        self._trees: OrderedDict[str, str] = OrderedDict()
        self._members: OrderedDict[tuple[str, Entry], bytes] = OrderedDict()
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
            return Commit(id=commit, tree=TreeId(self._tree(commit)))

    def paths(self, commit: CommitId) -> list[str]:
        with self._lock:
            return sorted(path for path, _ in self._walk(self._tree(commit)))

    def read(self, commit: CommitId, path: str) -> bytes:
        *folders, name = path.encode("utf-8", "surrogateescape").split(b"/")
        with self._lock:
            tree = self._tree(commit)
            for folder in folders:
                tree = self._objects.tree(tree)[folder].id
            return self._objects.read(self._objects.tree(tree)[name].id, ObjectType.BLOB)

    def commit(self, base: CommitId, files: Mapping[str, bytes], *, message: str, author: str) -> Commit:
        for path in files:
            check_path(path)
        with self._lock:
            blobs = {
                tuple(path.split("/")): (self._objects.add(ObjectType.BLOB, data), None) for path, data in files.items()
            }
            tree = _with_files(self._objects, self._tree(base), blobs)
            return self._record(tree, [base], message, author)

    def flush(self) -> None:
        with self._flushing:
            with self._lock:
                is_foreign, self._is_foreign = self._is_foreign, False
                if self._objects.is_grown:
                    self._seal()
            self._objects.sync()
            if is_foreign:
                _sync_filesystem(Path(self._repo.path))

    def close(self) -> None:
        with self._flushing, self._lock:
            self._seal()
            self._objects.close()
        _sync_filesystem(Path(self._repo.path))

    def diff(self, old: CommitId, new: CommitId) -> Diff:
        """A file that cannot be text counts by its lines all the same, so that a NUL byte hides no change."""
        with self._lock:
            files: dict[str, tuple[int, int]] = {}
            text, size = [], 0
            for path, before, after in sorted(self._changes(self._tree(old), self._tree(new)), key=itemgetter(0)):
                patch = self._patch(path, before, after)
                _, added, removed = patch.line_stats
                files[path] = (added, removed)
                if size <= LARGEST_DIFF:
                    is_program = FileMode.BLOB_EXECUTABLE in {side.mode for side in (before, after) if side}
                    text.append(patch.data.replace(b" 100644\n", b" 100755\n", 1) if is_program else patch.data)
                    size += len(text[-1])
        return Diff(files=files, text=_capped(b"".join(text)))

    def merge(self, base: CommitId, ours: CommitId, theirs: CommitId, *, message: str) -> Commit | Conflict:
        with self._lock:
            trees = [self._shown(self._tree(commit)) for commit in (base, ours, theirs)]
            # Renames are not followed: which file a change lands in must not depend on a similarity score.
            index = self._repo.merge_trees(*trees, flags=MergeFlag(0))
            if index.conflicts:
                sides = (side.path for sides in index.conflicts for side in sides if side is not None)
                return Conflict(paths=tuple(sorted(set(sides))))
            return self._record(str(index.write_tree(self._repo)), [ours, theirs], message, _IDENTITY)

    def branch(self, name: str) -> CommitId | None:
        with self._lock:
            reference = self._repo.references.get(f"refs/heads/{name}")
            return CommitId(str(reference.target)) if reference is not None else None

    def move_branch(self, name: str, commit: CommitId) -> None:
        with self._lock:
            self._tree(commit)
            try:
                self._repo.references.create(f"refs/heads/{name}", self._shown(commit), force=True)
            except (ValueError, pygit2.GitError) as error:
                raise WorkspaceError(f"'{name}' is not a name for a branch") from error

    def pack(self, tree: TreeId) -> bytes:
        """Raises KeyError for an unknown tree."""
        with self._lock:
            files = sorted(self._walk(tree), key=lambda file: file[0])
            whole = b"".join(self._member(path, entry) for path, entry in files) + bytes(2 * tarfile.BLOCKSIZE)
            return whole + bytes(-len(whole) % tarfile.RECORDSIZE)

    def _tree(self, commit: str) -> str:
        """Raises KeyError."""
        tree = self._trees.get(commit)
        if tree is None:
            tree = self._trees[commit] = self._objects.read(commit, ObjectType.COMMIT)[5:45].decode()
            if len(self._trees) > COMMITS_KNOWN:
                self._trees.popitem(last=False)
        return tree

    def _walk(self, tree: str, prefix: str = "") -> Iterator[tuple[str, Entry]]:
        for name, entry in self._objects.tree(tree).items():
            path = prefix + name.decode("utf-8", "surrogateescape")
            if entry.mode == FileMode.TREE:
                yield from self._walk(entry.id, f"{path}/")
            else:
                yield path, entry

    def _changes(self, old: str, new: str, prefix: str = "") -> Iterator[tuple[str, Entry | None, Entry | None]]:
        """Files that differ. Folders that are equal are not looked into."""
        before, after = (self._objects.tree(tree) if tree else {} for tree in (old, new))
        for name in before.keys() | after.keys():
            sides = before.get(name), after.get(name)
            if sides[0] == sides[1]:
                continue
            path = prefix + name.decode("utf-8", "surrogateescape")
            folders = ["" if side is None or side.mode != FileMode.TREE else side.id for side in sides]
            if any(folders):
                yield from self._changes(folders[0], folders[1], f"{path}/")
            one, other = (None if folder else side for side, folder in zip(sides, folders, strict=True))
            if one or other:
                yield path, one, other

    def _shown(self, id: str) -> pygit2.Oid:
        """As libgit2 knows it, which has it from now on."""
        self._objects.show(id)
        self._is_foreign = True
        return pygit2.Oid(hex=id)

    def _patch(self, path: str, old: Entry | None, new: Entry | None) -> pygit2.Patch:
        sides = (self._objects.read(side.id, ObjectType.BLOB) if side is not None else None for side in (old, new))
        return pygit2.Patch.create_from(
            *sides, old_as_path=path, new_as_path=path, flag=DiffOption.FORCE_TEXT, context_lines=3
        )

    def _member(self, path: str, entry: Entry) -> bytes:
        """A file as it stands in a tar. Most files of a tree are those of the tree before."""
        key = (path, entry)
        member = self._members.get(key)
        if member is None:
            data = self._objects.read(entry.id, ObjectType.BLOB)
            info = tarfile.TarInfo(path)
            info.size = len(data)
            info.mode = 0o755 if entry.mode == FileMode.BLOB_EXECUTABLE else 0o644
            member = info.tobuf(tarfile.GNU_FORMAT) + data + bytes(-len(data) % tarfile.BLOCKSIZE)
        if len(member) <= LARGEST_KEPT:
            self._members[key] = member
            self._members.move_to_end(key)
            if len(self._members) > MEMBERS_KEPT:
                self._members.popitem(last=False)
        return member

    def _seal(self) -> None:
        commits = self._objects.fresh_commits()
        if not commits:
            return
        before = self._repo.references.get(KEPT_REF)
        parents = commits if before is None else [str(before.target), *commits]
        kept = self._objects.add(
            ObjectType.COMMIT, _commit_body(self._objects.add_tree({}), parents, "Kept\n", _IDENTITY)
        )
        self._objects.write_down()
        self._objects.seal()
        self._repo.references.create(KEPT_REF, pygit2.Oid(hex=kept), force=True)

    def _record(self, tree: str, parents: Sequence[str], message: str, author: str) -> Commit:
        commit = self._objects.add(ObjectType.COMMIT, _commit_body(tree, parents, message, author))
        self._objects.write_down()
        return Commit(id=CommitId(commit), tree=TreeId(tree))


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


def _sync_filesystem(folder: Path) -> None:
    """syncfs(2): one call for all the small files that libgit2 makes. Elsewhere than on Linux, all filesystems."""
    syncfs = getattr(ctypes.CDLL(None, use_errno=True), "syncfs", None)
    if syncfs is None:
        os.sync()
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        if syncfs(handle) != 0:
            raise OSError(ctypes.get_errno(), "syncfs failed")
    finally:
        os.close(handle)


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
    objects = GitObjects(repository)
    files: dict[tuple[str, ...], tuple[str, int | None]] = {}
    for file in source.files():
        mode = FileMode.BLOB_EXECUTABLE if file.executable else FileMode.BLOB
        files[tuple(file.path.split("/"))] = (str(repository.create_blob(file.data)), mode)
    tree = _with_files(objects, None, files)
    commit = objects.add(ObjectType.COMMIT, _commit_body(tree, [], f"Imported from {source.name}\n", _IDENTITY))
    objects.write_down()
    objects.close()
    repository.references.create(BASE_REF, pygit2.Oid(hex=commit))


def _commit_body(tree: str, parents: Sequence[str], message: str, author: str) -> bytes:
    lines = [f"tree {tree}", *(f"parent {parent}" for parent in parents)]
    lines += [f"author {_plain(author) or _IDENTITY} <{_MAIL}> 0 +0000", f"committer {_IDENTITY} <{_MAIL}> 0 +0000"]
    text = message.replace("\0", "\ufffd").lstrip("\n")
    return "\n".join([*lines, "", text]).encode("utf-8", "replace")


def _plain(author: str) -> str:
    """A name that git's commit format can hold."""
    kept = "".join(c for c in author if c.isprintable() and c not in "<>")
    return kept.strip(" .,:;\"'\\")


def _with_files(objects: GitObjects, tree: str | None, files: Mapping[tuple[str, ...], tuple[str, int | None]]) -> str:
    """The tree with blobs replaced or added, of which only what differs is written. A file without a mode keeps that of
    the one in its place. Raises WorkspaceError where a file and a folder would have the same name."""
    entries = dict(objects.tree(tree)) if tree is not None else {}
    below: dict[bytes, dict[tuple[str, ...], tuple[str, int | None]]] = {}
    for path, (blob, mode) in files.items():
        name = path[0].encode()
        old = entries.get(name)
        is_folder = old is not None and old.mode == FileMode.TREE
        if (old is not None and is_folder != (len(path) > 1)) or (len(path) == 1 and name in below):
            raise WorkspaceError(f"{'/'.join(path)!r}: {path[0]!r} cannot be a file and a folder; choose another path")
        if len(path) == 1:
            entries[name] = Entry(mode or (old.mode if old is not None else FileMode.BLOB), blob)
        else:
            below.setdefault(name, {})[path[1:]] = (blob, mode)
    for name, inner in below.items():
        old = entries.get(name)
        if old is not None and old.mode != FileMode.TREE:
            raise WorkspaceError(f"{name.decode()!r} cannot be a file and a folder; choose another path")
        entries[name] = Entry(FileMode.TREE, _with_files(objects, old.id if old is not None else None, inner))
    return objects.add_tree(entries)


def _capped(data: bytes) -> str:
    if len(data) <= LARGEST_DIFF:
        return data.decode("utf-8", "replace")
    room = LARGEST_DIFF - len(_TRUNCATED.encode())
    whole_lines = data[:room].rpartition(b"\n")[0]
    return whole_lines.decode("utf-8", "ignore") + _TRUNCATED
