"""Which files of a workspace a proposal may change: the one rule, for compiler, driver and nodes. Pure.

Works on relative paths with `/` and on the patterns of `workspace.editable`; reads no disk. Standard library only: its
code travels to nodes by value. Invariant: the driver that refuses a proposal and the node that mounts its tree never
differ.
"""

from __future__ import annotations

import fnmatch
from collections.abc import Iterable


def is_editable(path: str, patterns: Iterable[str]) -> bool:
    """Whether the path is one of the patterns or matches one as a shell glob (`*` crosses folders)."""
    return any(path == pattern or fnmatch.fnmatchcase(path, pattern) for pattern in patterns)
