"""Nodes of front matter by their shape alone. Knows no key, and reports nothing."""

from __future__ import annotations

from orgruntime.orgfile.tree import ListNode, Node, ScalarNode


def split_commas(node: ScalarNode) -> tuple[ScalarNode, ...]:
    """The parts of a comma string, each with its span. Commas in parentheses do not part: `Bash(git log, git diff)`."""
    parts: list[ScalarNode] = []
    depth, begin = 0, 0
    for at, char in enumerate(node.text + ","):
        depth += (char == "(") - (char == ")")
        if char == "," and (depth <= 0 or at == len(node.text)):
            raw = node.text[begin:at]
            start = begin + len(raw) - len(raw.lstrip())
            if word := raw.strip():
                inner = None if node.inner is None else 0
                parts.append(ScalarNode(node.part(start, start + len(word)), word, node.plain, inner))
            begin = at + 1
    return tuple(parts)


def kind_of(node: Node) -> str:
    if isinstance(node, ScalarNode):
        return "empty" if node.is_null else "one value"
    return "a list" if isinstance(node, ListNode) else "a mapping"
