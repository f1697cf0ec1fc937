"""Paths that a model gives, made plain; and the faults that go back to it. Standard library and the rule of editable
files only.

Works on text; reads no disk. Invariant: what `located` returns names a place below the top of a worktree, and stays
there as long as no symbolic link is in the worktree.
"""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Callable, Sequence

from orgruntime.model.editable import is_editable
from orgruntime.runtime.toolspecs import WORKSPACE

LONGEST_PATH, LONGEST_NAME = 1000, 255
"""Bytes."""
MOST_ALTERNATIVES = 64

_UNSAFE = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")


class Fault(Exception):
    """What a model did wrong with a tool: one sentence for it. `malformed`: the input was none that the tool takes."""

    def __init__(self, sentence: str, *, malformed: bool = False) -> None:
        super().__init__(sentence)
        self.malformed = malformed


def located(given: str) -> str:
    """The path relative to the top of the worktree, with `/`; empty for the top itself. Raises Fault."""
    if _UNSAFE.search(given):
        raise Fault("the path holds a control character or is no Unicode", malformed=True)
    path = given
    if path.startswith("/"):
        if path != WORKSPACE and not path.startswith(WORKSPACE + "/"):
            raise Fault(
                f"{shortened(given)} is outside of the workspace; give a path below {WORKSPACE}, or a relative one"
            )
        path = path[len(WORKSPACE) + 1 :]
    parts: list[str] = []
    for part in path.split("/"):
        if part == "..":
            if not parts:
                raise Fault(f"{shortened(given)} leads outside of the workspace")
            parts.pop()
        elif part not in ("", "."):
            parts.append(part)
    found = "/".join(parts)
    if len(found.encode()) > LONGEST_PATH or any(len(part.encode()) > LONGEST_NAME for part in parts):
        raise Fault(f"the path is too long: at most {LONGEST_PATH} bytes, {LONGEST_NAME} a name", malformed=True)
    return found


def is_plain(path: str) -> bool:
    """Whether `located` would give back this relative path as it is."""
    try:
        return located(path) == path
    except Fault:
        return False


def may_change(path: str, editable: Sequence[str]) -> bool:
    """Whether a proposal can hold the path: an editable one, and none that git itself reads."""
    git = any(part.lower().startswith(".git") for part in path.split("/"))
    return path != "" and is_plain(path) and not git and "\\" not in path and is_editable(path, editable)


def shortened(text: str, most: int = 200) -> str:
    return text if len(text) <= most else text[: most - 1] + "…"


def matcher(pattern: str) -> Callable[[str], bool]:
    """Tells whether a path matches a pattern: `*` stays within a name, `**` crosses folders, `{a,b}` is either. Raises
    Fault for a pattern that is too much."""
    if len(pattern) > LONGEST_PATH:
        raise Fault("the pattern is too long", malformed=True)
    patterns = [tuple(one.strip("/").split("/")) for one in _alternatives(pattern)]

    def matching(path: str) -> bool:
        parts = tuple(path.split("/"))
        return any(_matching(parts, one) for one in patterns)

    return matching


def _alternatives(pattern: str) -> list[str]:
    waiting, done = [pattern], []
    while waiting:
        one = waiting.pop()
        braces = re.search(r"\{([^{}]*)\}", one)
        if braces is None:
            done.append(one)
        else:
            waiting += [one[: braces.start()] + word + one[braces.end() :] for word in braces[1].split(",")]
        if len(waiting) + len(done) > MOST_ALTERNATIVES:
            raise Fault("the pattern has too many alternatives", malformed=True)
    return done


def _matching(parts: tuple[str, ...], pattern: tuple[str, ...]) -> bool:
    """Row by row over the parts of the pattern, so that the work is their product at most."""
    reached = {0}
    for wanted in pattern:
        if wanted == "**":
            reached = set(range(min(reached), len(parts) + 1))
        else:
            # What fnmatch makes of a `*` never goes back, so no pattern is catastrophic.
            reached = {at + 1 for at in reached if at < len(parts) and fnmatch.fnmatchcase(parts[at], wanted)}
        if not reached:
            return False
    return len(parts) in reached
