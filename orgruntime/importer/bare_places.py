"""Which files of a foreign folder may be read: regular ones that lie in it, links out of it never.

Works on one folder. Invariant: nothing that is quoted in a draft or taken into a history comes from outside the folder,
whatever its links say.
"""

from __future__ import annotations

from pathlib import Path


def is_readable(root: Path, name: Path | str) -> bool:
    """Whether `name`, relative to the folder, is a regular file in it, at the end of any links."""
    try:
        path = (root / name).resolve()
        return path.is_file() and path.is_relative_to(root.resolve())
    except (OSError, RuntimeError, ValueError):
        return False


def read_some(root: Path, name: Path | str, most: int) -> str | None:
    """The first `most` bytes as text, without a byte-order mark; None for what may not or cannot be read."""
    if not is_readable(root, name):
        return None
    try:
        with (root / name).open("rb") as file:
            return file.read(most).decode("utf-8-sig", errors="replace")
    except OSError:
        return None
