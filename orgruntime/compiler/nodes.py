"""Nodes of front matter by their shape alone. Knows no key, and reports nothing."""

from __future__ import annotations

from orgruntime.diagnostics.pattern import pattern
from orgruntime.orgfile.tree import ListNode, Node, ScalarNode

_CURLY = pattern(r"[“”„‟‘’‚«]([^“”„‟‘’‚«»]*)[“”‟‘’»]")


def split_commas(node: ScalarNode) -> tuple[ScalarNode, ...]:
    """The parts of a comma string, each with its span. Commas in parentheses do not part: `Bash(git log, git diff)`."""
    parts: list[ScalarNode] = []
    begin = 0
    for at in _commas(node.text):
        raw = node.text[begin:at]
        start = begin + len(raw) - len(raw.lstrip())
        if word := raw.strip():
            inner = None if node.inner is None else 0
            parts.append(ScalarNode(node.part(start, start + len(word)), word, node.plain, inner))
        begin = at + 1
    return tuple(parts)


def _commas(text: str) -> list[int]:
    """Where a text is parted, its end included."""
    if "(" not in text and ")" not in text:
        # So nearly all are, and of a list of 20,000 names each comes here by itself.
        return [at for at, char in enumerate(text) if char == ","] + [len(text)] if "," in text else [len(text)]
    found, depth = [], 0
    for at, char in enumerate(text):
        depth += (char == "(") - (char == ")")
        if char == "," and depth <= 0:
            found.append(at)
    return [*found, len(text)]


def is_thousands(name: str) -> bool:
    """Whether a key is what stands behind the comma of `1,000` in a mapping of one line."""
    return name.isdigit() and len(name) % 3 == 0


def curly(node: ScalarNode) -> str | None:
    """What stands between the quotes of a plain value that a word processor put there."""
    found = _CURLY.fullmatch(node.text) if node.plain else None
    return found[1] if found else None


def kind_of(node: Node) -> str:
    if isinstance(node, ScalarNode):
        return "empty" if node.is_null else "one value"
    return "a list" if isinstance(node, ListNode) else "a mapping"
