"""The files of one trial on its node: a fresh copy, what must not change, removal. Standard library only.

Works on paths below folders of ours; does not know which files are frozen or why. Invariant: nothing here follows a
symbolic link that a trial made.
"""

from __future__ import annotations

import itertools
import os
from typing import Any

COMPARED = 2**20
"""Watched files up to this size are also compared byte by byte: change times have the grain of a clock tick."""


def copy(source: str, target: str) -> None:
    if os.path.islink(source):
        os.symlink(os.readlink(source), target)
        return
    fd = os.open(source, os.O_RDONLY | os.O_NOFOLLOW)
    mode = 0o755 if os.fstat(fd).st_mode & 0o100 else 0o644
    out = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    while os.sendfile(out, fd, None, 1 << 24):  # None: from its own position (Linux)
        continue
    os.close(fd)
    os.close(out)


def signature(path: str) -> tuple[int, ...]:
    seen = os.lstat(path)
    return (seen.st_ino, seen.st_size, seen.st_mtime_ns, seen.st_ctime_ns, seen.st_mode)


def unchanged(path: str, before: tuple[int, ...], original: str) -> bool:
    """Nobody can set a change time, so a file that was rewritten and put back is still seen."""
    try:
        if signature(path) != before:
            return False
        if before[1] > COMPARED or os.path.islink(path):
            return True
        with open(path, "rb") as mine, open(original, "rb") as theirs:
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
