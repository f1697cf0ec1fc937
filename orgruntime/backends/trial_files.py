"""The files of one trial on its node: the folder it runs in, what must not change, removal. Standard library only.

Works on paths below folders of ours; does not know which files are frozen or why. Invariant: nothing here follows a
symbolic link that a trial made.
"""

from __future__ import annotations

import itertools
import os
import stat
from collections.abc import Sequence
from typing import Any

COMPARED = 2**20
"""Watched files up to this size are also compared byte by byte: change times have the grain of a clock tick."""
Contents = dict[str, tuple[bytes, bool]]
"""Path → what a file holds, and whether it is executable."""
REUSED_FILES, REUSED_BYTES = 64, 2**20
"""Of a folder that is left for the next trial: it waits on the disk until there is one."""
FOLDER_MODE = 0o755


class Folder:
    """In which the trials of one shepherd run, one after the other: each finds the files of its tree, and no others.

    Making a file costs ext4 up to 0.4 ms where many were removed within the last minutes. So a small folder that its
    trial left as it was is written over for the next one, where the caller allows it; any other is removed.
    """

    def __init__(self, path: str) -> None:
        self.path = path
        self._left: tuple[Sequence[str], Sequence[str]] | None = None
        """Folders and files that are there for the next trial to take over."""

    def lay_out(self, base: str, folders: Sequence[str], files: Sequence[str], contents: Contents) -> None:
        """`files` are taken from `contents`, where they are there, or copied from `base`. Raises OSError."""
        over = self._left == (folders, files)
        if not over:
            self.remove()
            for folder in ("", *folders):
                os.mkdir(os.path.join(self.path, folder), FOLDER_MODE)
        self._left = None
        for path in files:
            place = os.path.join(self.path, path)
            if path in contents:
                _write(*contents[path], place, over=over)
            else:
                copy(os.path.join(base, path), place, over=over)

    def clear(self, folders: Sequence[str], files: Sequence[str], *, reuse: bool) -> None:
        """After a trial of which no process is left. `reuse`: its files may become the next one's."""
        if reuse and len(folders) + len(files) <= REUSED_FILES and self._is_as_made(set(folders), set(files)):
            self._left = (folders, files)
        else:
            self.remove()

    def remove(self) -> None:
        self._left = None
        remove_tree(self.path)

    def _is_as_made(self, folders: set[str], files: set[str]) -> bool:
        """Whether these and nothing else are there, each under no other name, writable by us and small."""
        below, found, size = [""], 0, 0
        try:
            if os.lstat(self.path).st_mode != stat.S_IFDIR | FOLDER_MODE:
                return False
            while below:
                top = below.pop()
                with os.scandir(os.path.join(self.path, top)) as entries:
                    for entry in entries:
                        path, seen = os.path.join(top, entry.name), entry.stat(follow_symlinks=False)
                        found += 1
                        if path in folders and seen.st_mode == stat.S_IFDIR | FOLDER_MODE:
                            below.append(path)
                        elif path in files and _is_plain(seen):
                            size += seen.st_size
                        else:
                            return False
        except OSError:
            return False
        return found == len(folders) + len(files) and size <= REUSED_BYTES


def _is_plain(seen: os.stat_result) -> bool:
    return seen.st_mode in (stat.S_IFREG | 0o644, stat.S_IFREG | 0o755) and seen.st_nlink == 1


def copy(source: str, target: str, *, over: bool = False) -> None:
    """`over`: a file of ours is there already, and becomes the copy."""
    if os.path.islink(source):
        os.symlink(os.readlink(source), target)
        return
    fd = os.open(source, os.O_RDONLY | os.O_NOFOLLOW)
    out = _opened(target, bool(os.fstat(fd).st_mode & 0o100), over=over)
    while os.sendfile(out, fd, None, 1 << 24):  # None: from its own position (Linux)
        continue
    os.close(fd)
    os.close(out)


def _write(data: bytes, executable: bool, target: str, *, over: bool) -> None:
    out = _opened(target, executable, over=over)
    while data:
        data = data[os.write(out, data) :]
    os.close(out)


def _opened(target: str, executable: bool, *, over: bool) -> int:
    fd = os.open(target, os.O_WRONLY | os.O_NOFOLLOW | (os.O_TRUNC if over else os.O_CREAT | os.O_EXCL), 0o600)
    os.fchmod(fd, 0o755 if executable else 0o644)
    return fd


def signature(path: str) -> tuple[int, ...]:
    seen = os.lstat(path)
    return (seen.st_ino, seen.st_size, seen.st_mtime_ns, seen.st_ctime_ns, seen.st_mode)


def unchanged(path: str, before: tuple[int, ...], original: str | bytes) -> bool:
    """`original`: its path, or what it holds. Nobody can set a change time, so a file that was rewritten and put back
    is still seen."""
    try:
        if signature(path) != before:
            return False
        if before[1] > COMPARED or os.path.islink(path):
            return True
        with open(path, "rb") as mine:
            if isinstance(original, bytes):
                return mine.read() == original
            with open(original, "rb") as theirs:
                return mine.read() == theirs.read()
    except OSError:
        return False


def write_whole(folder: str, name: str, data: bytes) -> None:
    """Appears whole or not at all to whoever outlives this process; after a power cut perhaps not at all."""
    path = os.path.join(folder, name)
    with open(path + ".tmp", "wb") as file:
        file.write(data)
    os.rename(path + ".tmp", path)


def remove_shared(folder: str, keep: bool) -> None:
    """The node's folder, when no other zygote works in it."""
    if keep:
        return
    try:
        os.rmdir(folder)
    except OSError:
        return
    remove_tree(os.path.dirname(folder))


def remove_tree(top: str) -> None:
    """Removes a folder however deep it is and whatever in it is closed to us; what cannot be removed is left. Folders
    are moved up beside `top` before they are looked into, so that no path grows and no call nests. Safe beside a
    process that swaps folders for links meanwhile: every folder is held open by itself."""
    waiting, number = [top], 0
    while waiting:
        place = waiting.pop()
        fd = _held(place)
        if fd is None:
            _done(os.unlink, place)
            continue
        gone = 1
        while gone:
            gone = 0
            for entry in _some(fd):
                if not entry.is_dir(follow_symlinks=False):
                    gone += _done(os.unlink, entry.name, dir_fd=fd)
                    continue
                _close(_held(entry.name, fd))
                if _done(os.rename, entry.name, f"{top}.{number}", src_dir_fd=fd):
                    waiting.append(f"{top}.{number}")
                    gone, number = gone + 1, number + 1
        os.close(fd)
        _done(os.rmdir, place)


def _held(folder: str, above: int | None = None) -> int | None:
    """A descriptor of the folder, opened to us; None for what is no folder."""
    flags = os.O_NOFOLLOW | os.O_DIRECTORY
    try:
        try:
            fd = os.open(folder, os.O_RDONLY | flags, dir_fd=above)
        except PermissionError:
            bare = os.open(folder, os.O_PATH | flags, dir_fd=above)
            os.chmod(f"/proc/self/fd/{bare}", 0o700)
            os.close(bare)
            fd = os.open(folder, os.O_RDONLY | flags, dir_fd=above)
    except OSError:
        return None
    if os.fstat(fd).st_mode & 0o700 != 0o700:
        _done(os.fchmod, fd, 0o700)
    return fd


def _some(fd: int) -> list[os.DirEntry[str]]:
    """A folder may hold millions."""
    try:
        with os.scandir(fd) as entries:
            return list(itertools.islice(entries, 1000))
    except OSError:
        return []


def _close(fd: int | None) -> None:
    if fd is not None:
        os.close(fd)


def _done(function: Any, *arguments: Any, **more: Any) -> bool:
    try:
        function(*arguments, **more)
    except OSError:
        return False
    return True
