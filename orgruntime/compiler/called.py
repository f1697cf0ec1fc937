"""The roles that a role file of another program names in its front matter: whom it hands work to, asks, reports to.

Works on nodes. Knows the keys of the dialects, resolves no name, and reports nothing. Invariant: what is no single name
(a pattern, an empty value) is none here.
"""

from __future__ import annotations

from typing import NamedTuple

from orgruntime.compiler.nodes import split_commas
from orgruntime.diagnostics.pattern import pattern
from orgruntime.orgfile.tree import ListNode, MapNode, Node, ScalarNode

ASKED = ("agents", "subagents", "sub_agents")
"""Keys of those that a role may call."""
_PATTERN = pattern(r"[*?\[\]{}]")
_OTHERS = frozenset(
    ("agent", "ask", "edit", "plan", "explore", "general-purpose", "general", "build", "default", "inherit", "none",
     "all", "any", "user", "human")
)  # fmt: skip
"""Agents that VS Code, Claude Code and OpenCode bring along, and words that stand for no role."""


class Called(NamedTuple):
    """`key`: where the name stands."""

    key: str
    name: ScalarNode


def called_in(front: MapNode) -> tuple[Called, ...]:
    """Every role that the front matter names, in order of the keys."""
    handoffs = front.get("handoffs")
    targets = [agent_of(item) for item in (handoffs.items if isinstance(handoffs, ListNode) else (handoffs,)) if item]
    found = [Called("handoffs", node) for node in targets if node is not None]
    for key in (*ASKED, "reportsTo"):
        found += [Called(key, node) for node in scalars(front.get(key))]
    return tuple(one for one in found if _is_name(one.name))


def agent_of(item: Node) -> ScalarNode | None:
    """The agent of one handoff: its name alone, or what stands under `agent`."""
    if isinstance(item, MapNode):
        named = next(filter(None, map(item.get, ("agent", "to", "target"))), None)
        return named if isinstance(named, ScalarNode) else None
    return item if isinstance(item, ScalarNode) else None


def scalars(node: Node | None) -> tuple[ScalarNode, ...]:
    """The words of a value: a list, the keys of a mapping, a comma string, or one word. What is no word is empty."""
    if isinstance(node, ScalarNode):
        return () if node.is_null else split_commas(node)
    if isinstance(node, MapNode):
        return tuple(name for name, _ in node.entries)
    items = node.items if node else ()
    return tuple(one if isinstance(one, ScalarNode) and not one.is_null else ScalarNode(one.span, "") for one in items)


def _is_name(node: ScalarNode) -> bool:
    text = node.text.strip()
    return bool(text) and not node.is_null and not _PATTERN.search(text) and text.casefold() not in _OTHERS
