"""Unified diffs of texts, in-process. Works on bytes through libgit2, whose cost is bounded whatever the texts are.

Knows nothing of files. Invariant: equal texts give no diff.
"""

from __future__ import annotations

from typing import NamedTuple

import pygit2
from pygit2.enums import DiffOption


class TextDiff(NamedTuple):
    added: int
    removed: int
    text: str
    """Hunks with three lines of context, below the two names."""


def unified(old: str, new: str, old_name: str, new_name: str) -> TextDiff:
    """The lines in which two texts differ. A name of `/dev/null` stands for a text that is not there."""
    if old == new:
        return TextDiff(0, 0, "")
    # The patch reads these two buffers when it is printed and does not keep them alive: they must outlive it here.
    before, after = old.encode(), new.encode()
    patch = pygit2.Patch.create_from(before, after, flag=DiffOption.FORCE_TEXT)
    _, added, removed = patch.line_stats
    hunks = bytes(patch.data).decode("utf-8", "replace")
    body = hunks[hunks.index("@@") :] if "@@" in hunks else ""
    return TextDiff(added, removed, f"--- {old_name}\n+++ {new_name}\n{body}")
