"""What the front matter of a role file says of other roles. Knows the keys of the dialects, resolves no name.

Invariant: every entry of such a key gives one hint, also one that names nothing.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from orgruntime.compiler.called import ASKED, agent_of, scalars
from orgruntime.compiler.rolefile import RoleFile
from orgruntime.importer.foreign import Hint, Way
from orgruntime.orgfile.tree import ListNode, MapNode, Node, ScalarNode

OWN = "org.hands_off_to:"
MOST_QUOTED = 100
"""Characters of a place that are quoted."""

_CALL = re.compile(r"(?:Agent|Task)\s*\((?P<names>[^()]*)\)\Z")
_PATTERN = re.compile(r"[*?\[\]{}]")
_ANY = "it is a pattern and names no single role"


def front_hints(slug: str, shown: str, file: RoleFile) -> tuple[Hint, ...]:
    """The hints of `org.hands_off_to:` and of the keys that other programs have for it."""
    front = file.document.front if file.document else None
    if front is None:
        return ()
    found = [hint_at(node, slug, shown, Way.HANDS, OWN) for node in file.hints.hands_off_to]
    for key, read in _READERS.items():
        node = front.get(key)
        if node is not None:
            found += read(slug, shown, node)
    for node in file.tools or ():
        found += _calls(slug, shown, node)
    return tuple(found)


def one_line(text: str, most: int = MOST_QUOTED) -> str:
    """Words of a file on one line: control, invisible and direction characters become blanks."""
    line = " ".join("".join(char if char.isprintable() else " " for char in text).split())
    return line if len(line) <= most else line[: most - 1].rstrip() + "…"


def hint_at(node: ScalarNode, slug: str, shown: str, way: Way, origin: str, *, incoming: bool = False) -> Hint:
    """A hint whose name is the text of one value."""
    name = one_line(node.text)
    why = _ANY if _PATTERN.search(name) else "" if name else "it names nothing"
    return Hint(slug, name, way, origin, shown, node.span.line, name, incoming=incoming, why_not=why)


def _handoffs(slug: str, shown: str, node: Node) -> Iterator[Hint]:
    for item in node.items if isinstance(node, ListNode) else (node,):
        target = agent_of(item)
        if target is not None and not target.is_null:
            yield hint_at(target, slug, shown, Way.HANDS, "handoffs:")
        else:
            why = "the handoff names no agent"
            yield Hint(slug, "", Way.HANDS, "handoffs:", shown, item.span.line, "", why_not=why)


def _asked(origin: str) -> Callable[[str, str, Node], Iterator[Hint]]:
    def read(slug: str, shown: str, node: Node) -> Iterator[Hint]:
        for item in scalars(node):
            yield hint_at(item, slug, shown, Way.ASKS, origin)

    return read


def _reports(slug: str, shown: str, node: Node) -> Iterator[Hint]:
    for item in scalars(node):
        yield hint_at(item, slug, shown, Way.ASKS, "reportsTo:", incoming=True)


def _permitted(slug: str, shown: str, node: Node) -> Iterator[Hint]:
    """`permission: {task: {"*": deny, reviewer: allow}}`: who may be called."""
    task = node.get("task") if isinstance(node, MapNode) else None
    for name, value in task.entries if isinstance(task, MapNode) else ():
        if isinstance(value, ScalarNode) and value.text != "deny":
            yield hint_at(name, slug, shown, Way.ASKS, "permission.task:")


def _calls(slug: str, shown: str, node: ScalarNode) -> Iterator[Hint]:
    call = _CALL.match(node.text.strip())
    for word in call["names"].split(",") if call else ():
        yield hint_at(ScalarNode(node.span, word.strip()), slug, shown, Way.ASKS, "tools:")


_READERS: dict[str, Callable[[str, str, Node], Iterator[Hint]]] = {
    "handoffs": _handoffs,
    **{key: _asked(f"{key}:") for key in ASKED},
    "permission": _permitted,
    "reportsTo": _reports,
}
