"""Values of a role file's front matter in all their shapes. Knows nodes and dialects, nothing of files.

Invariant: a part of a value that is not read is a finding, so that no tool, model or denial is lost in silence.
"""

from __future__ import annotations

import re
from functools import lru_cache

from orgruntime.compiler import reading_rules
from orgruntime.compiler.dialects import (
    ALL_TOOLS,
    DENIED_KEYS,
    FOREIGN,
    HELD_BACK,
    KNOWN,
    KNOWN_TOOLS,
    READ,
    TOOL_KEYS,
    TOOL_NAMES,
    is_known,
)
from orgruntime.compiler.model_names import NONE_OF_ITS_OWN
from orgruntime.compiler.nodes import kind_of, split_commas
from orgruntime.diagnostics.diagnostic import Findings
from orgruntime.diagnostics.fixes import Edit, Fix
from orgruntime.diagnostics.nearest import edit_distance
from orgruntime.diagnostics.pattern import pattern
from orgruntime.orgfile.source import Source
from orgruntime.orgfile.tree import ListNode, MapNode, Node, ScalarNode


def text_of(front: MapNode, key: str, findings: Findings) -> str:
    """The words of a key; empty where it is absent, or is no text, which is reported."""
    node = front.get(key)
    if node is None or (isinstance(node, ScalarNode) and node.is_null):
        return ""
    if isinstance(node, ScalarNode):
        return node.text.strip()
    findings.put(node.span, reading_rules.unread_value.no_text(key, kind_of(node)))
    return ""


def models_of(front: MapNode, findings: Findings) -> tuple[ScalarNode, ...]:
    """The models that a file wishes for, in its order; `inherit` and an empty value wish for what the org has."""
    node = front.get("model")
    names = _flat(node, "model", findings) if node is not None else ()
    _report_odd(names, "model", findings)
    return tuple(name for name in names if name.text.casefold() not in NONE_OF_ITS_OWN)


def tools_of(front: MapNode, findings: Findings) -> tuple[ScalarNode, ...] | None:
    """The tools that a file asks for: `*` for all, () for none, None where it does not say."""
    for key in TOOL_KEYS:
        node = front.get(key)
        if node is not None and not (isinstance(node, ScalarNode) and node.is_null):
            return _tools(node, key, findings)
    return None


def denied_of(front: MapNode, findings: Findings) -> tuple[ScalarNode, ...]:
    """The tools that a file holds back from its role: a narrowing, so that it needs no grant."""
    found: list[ScalarNode] = []
    for key in DENIED_KEYS:
        node = front.get(key)
        if node is not None:
            names = _spaced(_flat(node, key, findings), node)
            report_tools(names, key, findings)
            found += names
    for key in (*TOOL_KEYS, HELD_BACK):
        node = front.get(key)
        if isinstance(node, MapNode):
            _report_table(node, key, findings)
            found += [name for name, value in node.entries if _is_denied(value)]
    return tuple(found)


def report_tools(names: tuple[ScalarNode, ...], key: str, findings: Findings) -> None:
    """Names that are nearly a tool's, or more than one."""
    _report_odd(names, key, findings)
    for name in names:
        _report_near_tool(name, findings)


def report_keys(front: MapNode, findings: Findings) -> None:
    """Keys that nothing here reads. One that is nearly known is a likely slip; the rest belong to other programs."""
    foreign: list[ScalarNode] = []
    for name, _ in front.entries:
        if name.text in READ:
            continue
        near = None if name.text in FOREIGN else _near_key(name.text)
        if near is None:
            foreign.append(name)
            continue
        fix = Fix(f"write `{near}`", (Edit(name.span, near),), is_safe=False)
        findings.put(name.span, reading_rules.likely_typo.key(name.text, near, fix))
    if foreign:
        findings.put(foreign[0].span, reading_rules.foreign_key.not_read(name.text for name in foreign))


def report_cut(source: Source, front: MapNode, findings: Findings) -> None:
    """Words behind a `#` that YAML takes for a comment: `Beats method #1 by far`."""
    for key in ("name", "title", "description"):
        node = front.get(key)
        if not isinstance(node, ScalarNode) or not node.plain or node.span.end_line != node.span.line:
            continue
        end = source.starts[node.span.line - 1] + node.span.end_column - 1
        cut = _CUT.match(source.text, end) if source.text[end : end + 1] in (" ", "\t") else None
        if cut and node.text:
            span = source.span(cut.start("words"), cut.end("words"))
            findings.put(span, reading_rules.unread_value.comment(cut["words"], key))


_CUT = pattern(r"[ \t]+(?P<words>#[^\s#][^\n]*)")


def _near_key(key: str) -> str | None:
    """Two slips in a key that is read, one in a key of another program."""
    for known in KNOWN:
        most = min(2, len(known) - 2) if known in READ else 1 if len(known) > 4 else 0
        if abs(len(key) - len(known)) <= most and edit_distance(key.casefold(), known.casefold()) <= most:
            return known
    return None


def _tools(node: Node, key: str, findings: Findings) -> tuple[ScalarNode, ...] | None:
    if isinstance(node, MapNode):
        given = tuple(ScalarNode(name.span, name.text) for name, value in node.entries if not _is_denied(value))
        # `{bash: false}` holds one tool back from the set that a role has anyway.
        return given or (None if node.entries else ())
    names = _spaced(_flat(node, key, findings), node)
    whole = node.text.strip().casefold() if isinstance(node, ScalarNode) else ""
    if whole in ALL_TOOLS:
        return (ScalarNode(node.span, "*"),)
    report_tools(names, key, findings)
    return tuple(ScalarNode(name.span, "*") if name.text.casefold() in ALL_TOOLS else name for name in names)


def _flat(node: Node, key: str, findings: Findings) -> tuple[ScalarNode, ...]:
    """The names of a comma string, a list, a list in a string, or a list of any of these."""
    if isinstance(node, ScalarNode):
        return () if node.is_null else tuple(part for one in split_commas(_unwrapped(node)) for part in _bare(one))
    if isinstance(node, ListNode):
        return tuple(name for item in node.items for name in _flat(item, key, findings))
    findings.put(node.span, reading_rules.unread_value.part(key))
    return ()


_BRACKETS = pattern(r"\[(.*)\]", re.DOTALL)


def _unwrapped(node: ScalarNode) -> ScalarNode:
    """`"[Read, Grep]"`, a list that was put in quotes."""
    text = node.text.strip()
    if not text.startswith("[") or not _BRACKETS.fullmatch(text):
        return node
    return ScalarNode(node.span, text[1:-1], node.plain)


def _bare(node: ScalarNode) -> tuple[ScalarNode, ...]:
    text = node.text.strip().strip("\"'`").strip()
    return (ScalarNode(node.span, text, node.plain, node.inner if text == node.text else None),) if text else ()


_ODD = pattern(r"[\[\]{}\";]|(?:^|\s)-(?:\s|$)|^:|:$")
_GROUP = pattern(r"\([^)]*\)?")


def _report_odd(names: tuple[ScalarNode, ...], key: str, findings: Findings) -> None:
    """Signs of a list that have become part of a name. What stands in parentheses is a pattern and may hold any.

    A name may have spaces (`Microsoft Docs` is a tool of an extension), but not around the name of another tool.
    """
    for name in names:
        if is_odd(name.text, key):
            findings.put(name.span, reading_rules.unread_value.no_name(name.text, key))


def is_odd(name: str, key: str) -> bool:
    """Whether a name holds a sign of a list, or another tool."""
    text = _GROUP.sub("", name) if "(" in name else name
    words = text.casefold().split() if key != "model" else []
    has_sign = not text.isalnum() and _ODD.search(text) is not None
    return has_sign or words == ["and"] or (len(words) > 1 and any(word in KNOWN_TOOLS for word in words))


def _report_table(node: MapNode, key: str, findings: Findings) -> None:
    """A table of tools holds a decision for each."""
    _report_odd(tuple(name for name, _ in node.entries), key, findings)
    for name, value in node.entries:
        _report_near_tool(name, findings)
        if isinstance(value, ListNode) or (isinstance(value, ScalarNode) and value.text.casefold() not in _DECISIONS):
            findings.put(name.span, reading_rules.unread_value.undecided(name.text, key))


_DECISIONS = ("true", "false", "yes", "no", "on", "off", "allow", "ask", "deny")


_WORD = pattern(r"[^\s(]+(?:\([^)]*\))?")


def _spaced(names: tuple[ScalarNode, ...], node: Node) -> tuple[ScalarNode, ...]:
    """`Read Grep Bash(git *)`: Agent Skills part tools by spaces."""
    if not isinstance(node, ScalarNode) or len(names) != 1 or names[0].text.casefold() in ALL_TOOLS:
        return names
    (only,) = names
    parts = [ScalarNode(only.part(m.start(), m.end()), m[0], only.plain) for m in _WORD.finditer(only.text)]
    return tuple(parts) if len(parts) > 1 else names


def _is_denied(value: Node) -> bool:
    """`false`, `deny`, or patterns of which the widest is denied."""
    if isinstance(value, MapNode):
        widest = value.get("*")
        return _is_denied(widest) if widest else bool(value.entries) and all(_is_denied(v) for _, v in value.entries)
    return isinstance(value, ScalarNode) and value.text.strip().casefold() in ("false", "deny", "no", "off")


def _report_near_tool(name: ScalarNode, findings: Findings) -> None:
    text = name.text.split("(")[0].strip()
    if known := near_tool(text):
        findings.put(name.span, reading_rules.likely_typo.tool(text, known))


@lru_cache(maxsize=1024)
def near_tool(text: str) -> str | None:
    """The tool of some program that a name is one slip away from. Other names may be anybody's."""
    if len(text) < 4 or not text.isalpha() or is_known(text):
        return None
    near = (name for name in TOOL_NAMES if len(name) > 3 and edit_distance(text.casefold(), name.casefold()) == 1)
    return next(near, None)
