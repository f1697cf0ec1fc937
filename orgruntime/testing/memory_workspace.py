"""A workspace in memory: the fake of `ports.Workspace`, for tests of what stands above it.

Works on dictionaries. Does not write a file, and its ids are its own, not git's.

Invariant: it passes the conformance suite that the real workspace passes. Its merge is by whole lines; edits that
touch without overlapping conflict, as they do in git.
"""

from __future__ import annotations

import difflib
import hashlib
import io
import tarfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from orgruntime.model.base import digest
from orgruntime.model.ids import CommitId, TreeId
from orgruntime.runtime.ports import Commit, Conflict, Diff, WorkspaceError

LARGEST_DIFF = 200_000


@dataclass(frozen=True)
class _File:
    data: bytes
    executable: bool


_Tree = Mapping[str, _File]


class MemoryWorkspace:
    """Implements `ports.Workspace`."""

    def __init__(self, files: Mapping[str, bytes], executable: Iterable[str] = ()) -> None:
        self._trees: dict[TreeId, _Tree] = {}
        self._commits: dict[CommitId, Commit] = {}
        self._branches: dict[str, CommitId] = {}
        runnable = set(executable)
        tree = {path: _File(data, path in runnable) for path, data in files.items()}
        self._base = self._record(tree, [], "the base", "orgruntime")

    def base(self) -> Commit:
        return self._base

    def get(self, commit: CommitId) -> Commit:
        return self._commits[commit]

    def paths(self, commit: CommitId) -> list[str]:
        return sorted(self._tree(commit))

    def read(self, commit: CommitId, path: str) -> bytes:
        return self._tree(commit)[path].data

    def commit(self, base: CommitId, files: Mapping[str, bytes], *, message: str, author: str) -> Commit:
        tree = dict(self._tree(base))
        for path, data in files.items():
            _check_path(path)
            tree[path] = _File(data, path in tree and tree[path].executable)
        folders = {path[:end] for path in tree for end in range(len(path)) if path[end] == "/"}
        if clash := sorted(folders & tree.keys()):
            raise WorkspaceError(f"{clash[0]!r} cannot be a file and a folder; choose another path")
        return self._record(tree, [base], message, author)

    def flush(self) -> None:
        return None

    def close(self) -> None:
        return None

    def diff(self, old: CommitId, new: CommitId) -> Diff:
        before, after = self._tree(old), self._tree(new)
        files: dict[str, tuple[int, int]] = {}
        text: list[str] = []
        for path in sorted({*before, *after}):
            sides = [tree[path].data if path in tree else b"" for tree in (before, after)]
            if sides[0] == sides[1] and (path in before) == (path in after):
                continue
            removed, added = _changed_lines(*sides)
            files[path] = (added, removed)
            text += _unified(path, *sides)
        return Diff(files=files, text="".join(text).encode()[:LARGEST_DIFF].decode("utf-8", "ignore"))

    def merge(self, base: CommitId, ours: CommitId, theirs: CommitId, *, message: str) -> Commit | Conflict:
        trees = [self._tree(commit) for commit in (base, ours, theirs)]
        merged: dict[str, _File] = {}
        conflicts: list[str] = []
        for path in sorted({path for tree in trees for path in tree}):
            try:
                file = _merged_file(*(tree.get(path) for tree in trees))
            except _Conflict:
                conflicts.append(path)
                continue
            if file is not None:
                merged[path] = file
        if conflicts:
            return Conflict(paths=tuple(conflicts))
        return self._record(merged, [ours, theirs], message, "orgruntime")

    def branch(self, name: str) -> CommitId | None:
        return self._branches.get(name)

    def move_branch(self, name: str, commit: CommitId) -> None:
        self._branches[name] = self._commits[commit].id

    def pack(self, tree: TreeId) -> bytes:
        buffer = io.BytesIO()
        with tarfile.open(fileobj=buffer, mode="w", format=tarfile.GNU_FORMAT) as archive:
            for path, file in sorted(self._trees[tree].items()):
                info = tarfile.TarInfo(path)
                info.size, info.mode = len(file.data), 0o755 if file.executable else 0o644
                archive.addfile(info, io.BytesIO(file.data))
        return buffer.getvalue()

    def _tree(self, commit: CommitId) -> _Tree:
        return self._trees[self._commits[commit].tree]

    def _record(self, tree: _Tree, parents: list[CommitId], message: str, author: str) -> Commit:
        message, author = (text.encode("utf-8", "replace").decode() for text in (message, author))
        content = [
            (path, hashlib.sha256(file.data).hexdigest(), file.executable) for path, file in sorted(tree.items())
        ]
        tree_id = TreeId(digest(content)[:40])
        commit = Commit(id=CommitId(digest([tree_id, parents, message, author])[:40]), tree=tree_id)
        self._trees[tree_id] = dict(tree)
        self._commits[commit.id] = commit
        return commit


class _Conflict(Exception):
    pass


def _check_path(path: str) -> None:
    parts = path.split("/")
    strange = any(not c.isprintable() or c == "\\" for c in path)
    if strange or any(part in ("", ".", "..") or part.lower().startswith(".git") for part in parts):
        raise WorkspaceError(f"{path!r} is not a path inside the workspace; give a plain relative path with `/`")


def _merged_file(base: _File | None, ours: _File | None, theirs: _File | None) -> _File | None:
    if ours == theirs or theirs == base:
        return ours
    if ours == base:
        return theirs
    if base is None or ours is None or theirs is None:
        raise _Conflict
    executable = theirs.executable if ours.executable == base.executable else ours.executable
    return _File(_merged_lines(base.data, ours.data, theirs.data), executable)


def _merged_lines(base: bytes, ours: bytes, theirs: bytes) -> bytes:
    old = base.splitlines(keepends=True)
    edits = sorted({*_edits(old, ours), *_edits(old, theirs)}, key=lambda edit: edit[:2])
    for (_, end, _), (start, _, _) in zip(edits, edits[1:], strict=False):
        if start <= end:
            raise _Conflict
    for start, end, new in reversed(edits):
        old[start:end] = new
    return b"".join(old)


def _edits(old: list[bytes], new: bytes) -> list[tuple[int, int, tuple[bytes, ...]]]:
    """(start, end, replacement) of each changed stretch of lines."""
    lines = new.splitlines(keepends=True)
    codes = difflib.SequenceMatcher(None, old, lines, autojunk=False).get_opcodes()
    return [(a, b, tuple(lines[c:d])) for tag, a, b, c, d in codes if tag != "equal"]


def _changed_lines(old: bytes, new: bytes) -> tuple[int, int]:
    before, after = old.splitlines(), new.splitlines()
    same = difflib.SequenceMatcher(None, before, after).get_matching_blocks()
    common = sum(block.size for block in same)
    return len(before) - common, len(after) - common


def _unified(path: str, old: bytes, new: bytes) -> Iterable[str]:
    before, after = (side.decode("utf-8", "replace").splitlines(keepends=True) for side in (old, new))
    return difflib.unified_diff(before, after, fromfile=f"a/{path}", tofile=f"b/{path}")
