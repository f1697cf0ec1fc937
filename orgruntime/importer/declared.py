"""What a role file asks for, in its own words: model, tools, kind, limits, and what nothing here reads.

Pure. Invariant: every key of the front matter is a hint, a name, or in one of these lists.
"""

from __future__ import annotations

from dataclasses import replace

from orgruntime.compiler.rolefile import RoleFile
from orgruntime.importer.foreign import Declared
from orgruntime.importer.hints import one_line
from orgruntime.orgfile.tree import ListNode, MapNode, Node, ScalarNode

_LIMITS = (
    "maxTurns", "max_turns", "steps", "timeout_mins", "effort", "temperature", "isolation", "budgetMonthlyCents",
    "runtime",
)  # fmt: skip
_NAMES = ("name", "description", "title", "display_name", "slug", "org", "metadata", "version", "tags", "category",
          "author", "license", "docs", "schema")  # fmt: skip
_HINTS = ("handoffs", "agents", "subagents", "sub_agents", "reportsTo")
_READ = ("model", "tools", *_NAMES, *_HINTS)


def declared(file: RoleFile) -> Declared:
    """What the role's own front matter says."""
    front = file.document.front if file.document else None
    tools = None if file.tools is None else tuple(one_line(node.text, 60) for node in file.tools)
    entries = front.entries if front else ()
    return Declared(
        model=tuple(one_line(node.text, 60) for node in file.model),
        tools=tools,
        kind=str(file.kind or ""),
        limits=_limits(entries),
        others=tuple(one_line(name.text, 40) for name, _ in entries if name.text not in (*_READ, *_LIMITS)),
    )


def with_company(own: Declared, settings: MapNode) -> Declared:
    """The settings of a company's file for this role; where both speak of the model, the company's comes last."""
    adapter = settings.get("adapter")
    config = adapter.get("config") if isinstance(adapter, MapNode) else None
    model = config.get("model") if isinstance(config, MapNode) else None
    named = (one_line(model.text, 60),) if isinstance(model, ScalarNode) and not model.is_null else ()
    others = [one_line(name.text, 40) for name, _ in settings.entries if name.text not in _LIMITS]
    return replace(
        own,
        model=tuple(dict.fromkeys((*own.model, *named))),
        limits=(*own.limits, *_limits(settings.entries)),
        others=tuple(dict.fromkeys((*own.others, *others))),
    )


def title_of(file: RoleFile) -> str:
    return _word(file, "title")


def own_names(file: RoleFile) -> tuple[str, ...]:
    """Further names that the file gives itself, former ones included."""
    words = [_word(file, key) for key in ("display_name", "slug")]
    return tuple(filter(None, (*words, *(one_line(node.text) for node in file.hints.was))))


def _word(file: RoleFile, key: str) -> str:
    node = file.document.front.get(key) if file.document and file.document.front else None
    return one_line(node.text) if isinstance(node, ScalarNode) and not node.is_null else ""


def _limits(entries: tuple[tuple[ScalarNode, Node], ...]) -> tuple[str, ...]:
    return tuple(f"{name.text}: {_short(value)}" for name, value in entries if name.text in _LIMITS)


def _short(node: Node) -> str:
    if isinstance(node, ScalarNode):
        return one_line(node.text, 40)
    return f"{len(node.items)} values" if isinstance(node, ListNode) else f"{len(node.entries)} keys"
