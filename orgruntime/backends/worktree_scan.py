"""What lies in a worktree: a walk that follows no link, ends early, and can sweep away what is no plain file.

Works on one folder of ours that hostile commands have written to. Knows no tree, no editable file. Invariant: a swept
folder holds nothing but folders and regular files whose paths `desk_paths.located` would give back, and all of it can
be opened.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Container
from dataclasses import dataclass, field

from orgruntime.backends.desk_paths import is_plain
from orgruntime.backends.trial_files import remove_tree

SLACK = 1 << 16
"""Bytes of blocks that a file may hold beyond its length."""


@dataclass
class Found:
    files: dict[str, os.stat_result] = field(default_factory=dict)
    """Relative path → its status."""
    strays: int = 0
    """Files and folders that are not known."""
    swept: list[str] = field(default_factory=list)
    """What was removed, and what it was."""


def scan(top: str, known: Container[str], *, most: int, sweep: bool = False) -> Found:
    """Everything below `top`, up to about `most` strays. `sweep` removes what is no plain file or folder; without it
    nothing is touched, and what vanishes meanwhile is passed over."""
    if sweep:
        os.chmod(top, 0o700)
    walk = _Walk(top, known, sweep)
    while walk.waiting and walk.found.strays <= most:
        below = walk.waiting.pop()
        try:
            with os.scandir(os.path.join(top, below)) as entries:
                for entry in entries:
                    walk.look(entry, os.path.join(below, entry.name))
                    if walk.found.strays > most:
                        break
        except OSError:
            continue
    return walk.found


def held(status: os.stat_result) -> int:
    """Bytes of a file. A sparse file is as long as it says to whoever reads it; one with hidden blocks fills the
    disk."""
    return max(status.st_size, status.st_blocks * 512 - SLACK)


class _Walk:
    def __init__(self, top: str, known: Container[str], sweep: bool) -> None:
        self.top, self.known, self.sweep = top, known, sweep
        self.found = Found()
        self.waiting = [""]

    def look(self, entry: os.DirEntry[str], path: str) -> None:
        status = entry.stat(follow_symlinks=False)
        plain = is_plain(path)
        if plain and stat.S_ISREG(status.st_mode):
            self._open(entry, status.st_mode, 0o644)
            self.found.files[path] = status
        elif plain and stat.S_ISDIR(status.st_mode):
            self._open(entry, status.st_mode, 0o755)
            self.waiting.append(path)
        elif self.sweep:
            self._remove(entry, status.st_mode, path)
            return
        if path not in self.known:
            self.found.strays += 1

    def _open(self, entry: os.DirEntry[str], mode: int, wanted: int) -> None:
        needed = wanted & 0o700
        if self.sweep and mode & needed != needed:
            os.chmod(entry.path, wanted)

    def _remove(self, entry: os.DirEntry[str], mode: int, path: str) -> None:
        if stat.S_ISDIR(mode):
            # Taken out first: its own path may be as long as a path can be, and what is below it longer.
            os.chmod(entry.path, 0o700)
            os.rename(entry.path, f"{self.top}.swept")
            remove_tree(f"{self.top}.swept")
        else:
            os.unlink(entry.path)
        kinds = {stat.S_IFLNK: "a symbolic link", stat.S_IFIFO: "a pipe", stat.S_IFSOCK: "a socket"}
        name = os.fsencode(path)[:200].decode(errors="replace")
        self.found.swept.append(f"{name} ({kinds.get(stat.S_IFMT(mode), 'a path that no file here may have')})")
