"""A desk's worktree and tools for tests: a small tree, a shell that is as this machine allows."""

from __future__ import annotations

import functools
import io
import os
import tarfile
import tempfile
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from orgruntime.backends import bubblewrap
from orgruntime.backends.desk_shell import Shell
from orgruntime.backends.desk_tools import Ran, Tools
from orgruntime.backends.desk_trees import Trees
from orgruntime.backends.worktree import Worktree
from orgruntime.model.dialogue import ToolUse
from orgruntime.model.ids import TreeId
from orgruntime.model.step import StepLimits

FILES: dict[str, str] = {
    "train.py": "RATE = 0.1\nSTEPS = 10\nprint(RATE * STEPS)\n",
    "eval.py": "FROZEN\n",
    "data/names.txt": "anna\nberta\n",
    "src/model.py": "WIDTH = 16\n",
    "src/judge.py": "FROZEN\n",
    ".gitignore": "runs/\n",
}
EDITABLE = ("train.py", "src/model.py", "src/new_*.py")
TREE = TreeId("a" * 40)


def packed(files: Mapping[str, str | bytes]) -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as tar:
        for path, content in sorted(files.items()):
            data = content.encode() if isinstance(content, str) else content
            member = tarfile.TarInfo(path)
            member.size = len(data)
            tar.addfile(member, io.BytesIO(data))
    return stream.getvalue()


@functools.cache
def level() -> tuple[str, str]:
    with tempfile.TemporaryDirectory() as folder:
        return bubblewrap.probe(folder)


class Desk:
    """What one step works with. `boxed` False is a machine without a sandbox on which commands were allowed."""

    def __init__(
        self, folder: Path, *, boxed: bool = True, files: Mapping[str, str | bytes] = FILES,
        editable: tuple[str, ...] = EDITABLE, **limits: Any,
    ) -> None:  # fmt: skip
        self.folder = folder / "office"
        self.trees = Trees(str(self.folder / "trees"), boxed=boxed)
        self.tree = self.trees.take(TREE, editable, packed(files))
        self.limits = StepLimits(**limits)
        self.stopped = threading.Event()
        self.shell = Shell(
            str(self.folder), level="strict" if boxed else "none", why="none here", unsandboxed=not boxed
        )
        self.worktree = Worktree(self.tree, str(self.folder / "seats" / "s"), self.limits.written_bytes)
        self.tools = Tools(self.worktree, self.shell, self.limits, self.stopped)

    @property
    def top(self) -> Path:
        return Path(self.worktree.top)

    def use(self, name: str, **fields: Any) -> Ran:
        return self.tools.use(ToolUse(id="u", name=name, input=fields))

    def says(self, name: str, **fields: Any) -> str:
        """Of a use that succeeds."""
        ran = self.use(name, **fields)
        assert not ran.result.is_error, ran.result.text
        return ran.result.text

    def fails(self, name: str, **fields: Any) -> str:
        ran = self.use(name, **fields)
        assert ran.result.is_error, ran.result.text
        assert not ran.changes or name == "Bash"
        return ran.result.text

    def left(self) -> list[int]:
        """Processes that work below the folder or show it."""
        return [pid for pid in map(int, filter(str.isdigit, os.listdir("/proc"))) if self._is_ours(pid)]

    def _is_ours(self, pid: int) -> bool:
        try:
            cwd = os.readlink(f"/proc/{pid}/cwd")
        except OSError:
            return False
        return cwd.startswith(str(self.folder))

    def close(self) -> None:
        self.shell.close()
        self.worktree.remove()
