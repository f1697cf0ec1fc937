"""What roles ask for and what the program grants. Grants nothing by itself, and reports nothing.

Invariant: a role gets no tool that `program.md` does not name; absent `tools` means the org's default set, never all.
"""

from __future__ import annotations

from orgruntime.compiler.dialects import canonical_tool, grant_for
from orgruntime.compiler.fields import Fields
from orgruntime.compiler.rolefile import RoleFile
from orgruntime.orgfile.tree import ScalarNode

DEFAULT_TOOLS = ("Read", "Grep", "Edit")
"""Granted where the program has no `tools:`. None of them leaves the worktree or starts a process."""


def bind_tools(parent: Fields) -> tuple[str, ...]:
    """The org's set: what every role gets, and the most that a role can get."""
    nodes = parent.words("tools", comma_string=True)
    return DEFAULT_TOOLS if nodes is None else tuple(dict.fromkeys(node.text.strip() for node in nodes))


def asked(file: RoleFile) -> tuple[ScalarNode, ...] | None:
    """The tools that a role file asks for, `org.tools` before `tools`; None where it does not say."""
    return file.tools if file.hints.tools is None else file.hints.tools


def given(row: tuple[ScalarNode, ...]) -> tuple[str, ...]:
    """The tools of a row of the program, which grants them whatever the org's set is. `*` grants none."""
    return tuple(dict.fromkeys(node.text for node in row if node.text != "*"))


def granted(asked: tuple[ScalarNode, ...] | None, grants: tuple[str, ...]) -> tuple[str, ...]:
    """The tools of a role: what it asks for and is granted. `*` asks for all that is granted."""
    if asked is None or any(node.text.strip() == "*" for node in asked):
        return grants
    given = (grant_for(node.text.strip(), grants) for node in asked)
    return tuple(dict.fromkeys(name for name in given if name is not None))


def held_back(tools: tuple[str, ...], denied: tuple[ScalarNode, ...]) -> tuple[str, ...]:
    """The tools of a role without those that its own file denies it."""
    names = {canonical_tool(node.text.strip()) for node in denied}
    return tuple(tool for tool in tools if "*" not in names and canonical_tool(tool.split("(")[0]) not in names)
