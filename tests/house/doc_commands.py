"""The commands that the documentation shows: found in fenced `sh` blocks, run as a reader would type them.

A line that ends in `# needs: …` is not run, and neither is a block whose first line is such a comment. Lines that end
in a backslash go on. Blocks of one file run in one folder, in order: a later one can use what an earlier one made.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[2]
NEEDS = re.compile(r"#\s*needs:")
_FENCE = re.compile(r"^(?P<indent> *)```sh *\n(?P<body>.*?)^(?P=indent)``` *$", re.MULTILINE | re.DOTALL)


class Command(NamedTuple):
    line: int
    text: str


def commands_of(markdown: str) -> list[Command]:
    """What is to be run, with its line in the file."""
    found = []
    for fence in _FENCE.finditer(markdown):
        first = markdown.count("\n", 0, fence.start()) + 2
        if not NEEDS.match(fence["body"].strip()):
            found += _of_block(fence["body"], first)
    return found


def _of_block(body: str, first: int) -> list[Command]:
    found, pending, start = [], "", first
    for number, line in enumerate(body.splitlines(), first):
        start = start if pending else number
        pending += line.strip()
        if pending.endswith("\\"):
            pending = pending[:-1]
            continue
        if pending and not pending.startswith("#") and not NEEDS.search(pending):
            found.append(Command(start, pending.removeprefix("$ ")))
        pending = ""
    return found


def run_as_reader(
    command: Command, folder: Path, timeout: float = 240, *, bin_first: Path | None = None
) -> subprocess.CompletedProcess[str]:
    """In bash, with this environment's `orgrun` and `python` in the path, and before them what `bin_first` holds."""
    places = [*filter(None, [bin_first]), Path(sys.executable).parent, os.environ["PATH"]]
    env = {**os.environ, "PATH": os.pathsep.join(map(str, places))}
    env.pop("ANTHROPIC_API_KEY", None)
    return subprocess.run(
        ["bash", "-euo", "pipefail", "-c", command.text],
        cwd=folder, env=env, capture_output=True, text=True, timeout=timeout, check=False,
    )  # fmt: skip


def reader_folder(folder: Path) -> Path:
    """A copy of what a reader has after a clone, by links: what commands write lands in the copy's own folders."""
    for name in ("orgs", "examples", "roles", "docs", "README.md"):
        if (ROOT / name).exists():
            (folder / name).symlink_to(ROOT / name)
    return folder
