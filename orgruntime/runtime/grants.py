"""What of a tool a role was granted: all of it, or what a pattern in parentheses leaves, as in `Bash(git log *)`.

Works on one use at a time. Does not know roles or models. Invariant: a narrow grant never grants more than its pattern
says; a pattern that nothing here can enforce grants nothing.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from orgruntime.model.dialogue import ToolUse
from orgruntime.model.editable import is_editable
from orgruntime.model.tools import plain_name
from orgruntime.runtime.toolspecs import WORKSPACE

SHELL_SIGNS = re.compile(r"[;&|<>$`\n\r(){}\\]")
"""What makes one command of Bash into another one, or into two."""
_PATTERN = re.compile(r"[^()]+\((?P<pattern>.*)\)", re.DOTALL)
_PATHS = ("Read", "Grep", "Glob", "Edit", "Write")


@dataclass(frozen=True)
class Grants:
    """`narrow`: tools of which only uses that fit a pattern are granted."""

    whole: frozenset[str]
    narrow: dict[str, tuple[str, ...]] = field(default_factory=dict)

    @property
    def names(self) -> frozenset[str]:
        return self.whole | self.narrow.keys()

    def refusal(self, use: ToolUse) -> str:
        """Why a use of a granted tool is outside its patterns; empty when it is not."""
        patterns = self.narrow.get(use.name, ())
        if use.name in self.whole or any(_fits(use, pattern) for pattern in patterns):
            return ""
        return f"of {use.name} only {' and '.join(f'`{pattern}`' for pattern in patterns)} is granted to you"


def grants_of(tools: Sequence[str]) -> Grants:
    """Of the tools of a role, as it was compiled."""
    whole, narrow = set(), dict[str, tuple[str, ...]]()
    for tool in tools:
        name, found = plain_name(tool), _PATTERN.fullmatch(tool.strip())
        if found is None or found["pattern"].strip() in ("", "*"):
            whole.add(name)
        else:
            narrow[name] = (*narrow.get(name, ()), found["pattern"].strip())
    return Grants(frozenset(whole), {name: patterns for name, patterns in narrow.items() if name not in whole})


def _fits(use: ToolUse, pattern: str) -> bool:
    if use.name == "Bash":
        return _is_command(str(use.input.get("command", "")), pattern)
    return use.name in _PATHS and is_editable(named_path(use) or ".", (pattern.removeprefix("./"),))


def _is_command(command: str, pattern: str) -> bool:
    """`git log` is that command, `git log *` and `git log:*` with whatever words follow it. One simple command only."""
    if SHELL_SIGNS.search(command.strip()):
        return False
    words, wanted = command.split(), pattern.replace(":*", " *").split()
    if wanted[-1:] == ["*"]:
        return words[: len(wanted) - 1] == wanted[:-1]
    return words == wanted


def named_path(use: ToolUse) -> str | None:
    """The path that a tool of the desk names, below the workspace and in its simplest form; None where it names none.
    A path outside begins with `/` or `..`."""
    given = use.input.get("file_path", use.input.get("path"))
    if not isinstance(given, str):
        return None
    path = posixpath.normpath(posixpath.join(WORKSPACE, given))
    if path == WORKSPACE:
        return "."
    return path.removeprefix(f"{WORKSPACE}/")
