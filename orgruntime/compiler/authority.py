"""What roles ask for and what the program grants. Grants nothing by itself, and reports nothing.

Invariant: a role gets no tool that `program.md` does not name; absent `tools` means the org's default set, never all.
"""

from __future__ import annotations

from collections.abc import Collection
from functools import lru_cache, partial

from orgruntime.compiler.dialects import Renamed, called_here, canonical_tool, grant_for, renamed
from orgruntime.compiler.fields import Fields
from orgruntime.compiler.words import Unclear
from orgruntime.model.manifest import RoleKind
from orgruntime.model.tools import ABLATE, BUILT_IN, SERVER_PREFIX, plain_name, server_of
from orgruntime.orgfile.tree import MapNode, ScalarNode

DEFAULT_TOOLS = ("Read", "Grep", "Edit", "Ledger")
"""Granted where the program has no `tools:`. None of them leaves the worktree, starts a process or spends anything."""


def bind_tools(parent: Fields) -> tuple[str, ...]:
    """The org's set: what every role gets, and the most that a role can get. By the names that tools have here."""
    nodes = parent.words("tools", comma_string=True)
    return DEFAULT_TOOLS if nodes is None else tuple(dict.fromkeys(called_here(node.text.strip()) for node in nodes))


def bind_tool_names(parent: Fields) -> Renamed:
    """The entries of `tool_names:`, in order. What roles call a tool is theirs, so any key is known."""
    value = parent.value("tool_names")
    names = [name.text for name, _ in value.entries] if isinstance(value, MapNode) else []
    fields = parent.mapping("tool_names", names)
    found = ((name, fields.read(name, partial(_tool_meant, name))) for name in names) if fields else ()
    return tuple((name.strip().casefold(), tool) for name, tool in found if tool is not None)


def _tool_meant(name: str, tool: str) -> str:
    """A tool by its name here. The names of tools that are here stay theirs."""
    if name.strip() in BUILT_IN:
        raise Unclear(f"`{name}` is a tool here, and roles that ask for it mean that one", "take the entry out")
    if tool == "*":
        raise Unclear("`*` is no tool", "write the name of one")
    if plain_name(tool) != tool:
        raise Unclear(f"`{tool}` is a part of a tool", f"write `{plain_name(tool)}`; roles say which part they ask for")
    return called_here(tool)


def translated(asked: tuple[ScalarNode, ...] | None, names: Renamed) -> tuple[ScalarNode, ...] | None:
    """What is asked for or denied, by the names of the program."""
    if not asked or not names:
        return asked
    return tuple(node._replace(text=renamed(node.text.strip(), names)) for node in asked)


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
    return grants if asked is None else _granted(tuple(node.text.strip() for node in asked), grants)


@lru_cache(maxsize=256)
def _granted(asked: tuple[str, ...], grants: tuple[str, ...]) -> tuple[str, ...]:
    """Remembered, since many roles of an org ask for the same tools."""
    if "*" in asked:
        return grants
    given = (grant_for(name, grants) for name in asked)
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
