"""What roles ask for and what the program grants. Grants nothing by itself, and reports nothing.

Invariant: a role gets no tool that `program.md` does not name; absent `tools` means the org's default set, never all.
"""

from __future__ import annotations

from collections.abc import Collection

from orgruntime.compiler.dialects import called_here, canonical_tool, grant_for
from orgruntime.compiler.fields import Fields
from orgruntime.model.manifest import RoleKind
from orgruntime.model.tools import ABLATE, SERVER_PREFIX, plain_name, server_of
from orgruntime.orgfile.tree import ScalarNode

DEFAULT_TOOLS = ("Read", "Grep", "Edit", "Ledger")
"""Granted where the program has no `tools:`. None of them leaves the worktree, starts a process or spends anything."""


def bind_tools(parent: Fields) -> tuple[str, ...]:
    """The org's set: what every role gets, and the most that a role can get. By the names that tools have here."""
    nodes = parent.words("tools", comma_string=True)
    return DEFAULT_TOOLS if nodes is None else tuple(dict.fromkeys(called_here(node.text.strip()) for node in nodes))


def given(row: tuple[ScalarNode, ...]) -> tuple[str, ...]:
    """The tools of a row of the program, which grants them whatever the org's set is. `*` grants none."""
    return tuple(dict.fromkeys(called_here(node.text) for node in row if node.text != "*"))


def granted_to(kind: RoleKind, asked: tuple[ScalarNode, ...] | None, grants: tuple[str, ...]) -> tuple[str, ...]:
    """As `granted`, for an agent. A verifier is code: it gets what it can use, and only where it asks for it."""
    if kind is RoleKind.AGENT:
        return granted(asked, grants)
    usable = kind is RoleKind.VERIFIER and asked is not None and any(node.text.strip() == ABLATE for node in asked)
    return (ABLATE,) if usable and ABLATE in grants else ()


def granted(asked: tuple[ScalarNode, ...] | None, grants: tuple[str, ...]) -> tuple[str, ...]:
    """The tools of a role: what it asks for and is granted. `*` asks for all that is granted."""
    if asked is None or any(node.text.strip() == "*" for node in asked):
        return grants
    given = (grant_for(node.text.strip(), grants) for node in asked)
    return tuple(dict.fromkeys(name for name in given if name is not None))


def held_back(tools: tuple[str, ...], denied: tuple[ScalarNode, ...]) -> tuple[str, ...]:
    """The tools of a role without those that its own file denies it."""
    names = {canonical_tool(node.text.strip()) for node in denied}
    return tuple(tool for tool in tools if not _is_denied(tool, names)) if names else tools


def _is_denied(tool: str, names: Collection[str]) -> bool:
    """One tool of a server cannot be taken out of a grant of all of them, so that the whole grant is held back."""
    if "*" in names or canonical_tool(plain_name(tool)) in names:
        return True
    server = server_of(tool)
    whole = f"{SERVER_PREFIX}{server}"
    return server is not None and (
        whole in names or (tool == whole and any(server_of(name) == server for name in names))
    )
