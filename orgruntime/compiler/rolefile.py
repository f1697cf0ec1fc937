"""Role files: anybody's is read, and each repair is said. Knows the shapes in the wild, nothing of the program.

Invariant: the slug comes from the path and exists however broken the file is, so that references to it still resolve.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path

from orgruntime.compiler.fields import Fields, split_commas
from orgruntime.compiler.keys import HINTS
from orgruntime.compiler.text_rules import judge_text
from orgruntime.diagnostics.codes import (
    EMPTY_ROLE,
    FOREIGN_KEY,
    LIKELY_TYPO,
    WRONG_TYPE,
)
from orgruntime.diagnostics.diagnostic import Findings
from orgruntime.diagnostics.nearest import edit_distance, nearest
from orgruntime.diagnostics.span import Span
from orgruntime.model.manifest import RoleKind
from orgruntime.orgfile.document import Document, parse_document
from orgruntime.orgfile.memory import recall
from orgruntime.orgfile.source import Reader, Source, read_source
from orgruntime.orgfile.tree import ListNode, MapNode, Node, ScalarNode

OUR_KEYS = ("name", "description", "tools", "model", "title", "org", "metadata")
"""Keys of a role file that are used."""

_WILD = (
    "color", "disallowedTools", "permissionMode", "maxTurns", "skills", "mcpServers", "hooks", "memory", "background",
    "effort", "isolation", "initialPrompt", "license", "compatibility", "allowed-tools", "target", "infer", "handoffs",
    "agents", "argument-hint", "mcp-servers", "disable-model-invocation", "user-invocable", "mode", "temperature",
    "steps", "permission", "hidden", "disable", "prompt", "display_name", "mcp_servers", "max_turns", "timeout_mins",
    "reportsTo", "slug", "docs", "version", "author", "tags", "category",
)  # fmt: skip
"""Keys that role files of other programs have. Known, so that they are not taken for slips of ours."""

_REPAIRED = (*OUR_KEYS, *_WILD)
_EXAMPLES = re.compile(r"<example>|\\n")


@dataclass(frozen=True)
class FileReport:
    """What a markdown file of the org is: `program`, `role` or `not-a-role`, and why."""

    path: str
    kind: str
    slug: str | None
    why: str


@dataclass(frozen=True)
class RoleFile:
    slug: str
    shown: str
    """Path as it is shown in diagnostics."""
    name: str
    description: str = ""
    body: str = ""
    tools: tuple[ScalarNode, ...] | None = None
    """Asked for; None where the file does not say."""
    model: tuple[ScalarNode, ...] = ()
    hints: Fields | None = None
    kind: RoleKind | None = None
    sha256: str = ""
    text: str = ""
    has_front_matter: bool = False
    broken: bool = False
    document: Document | None = field(default=None, repr=False, compare=False)
    """The whole file; None where its bytes are no text."""


def read_role(path: Path, shown: str, slug: str, findings: Findings, read: Reader = read_source) -> RoleFile:
    """The role in a file. What cannot be read is reported, and the role is still there."""
    source = read(path, shown, findings)
    if source is None:
        return RoleFile(slug, shown, slug, broken=True)
    return recall(f"role {slug}", source, findings, lambda own: role_of(source, slug, own))


def role_of(source: Source, slug: str, findings: Findings) -> RoleFile:
    """The role in a text: a function of path and bytes alone, so that it can be remembered."""
    judge_text(source, findings)
    document = parse_document(source, findings, repair=_REPAIRED)
    front = document.front or MapNode(source.span(0, 0), ())
    _report_foreign(front, findings)
    hints = _hints(front, findings)
    return RoleFile(
        slug=slug,
        shown=source.file,
        name=_text(front.get("name")) or document.title or slug,
        description=_description(front, document),
        body=document.body,
        tools=_list(front, "tools", findings),
        model=_list(front, "model", findings) or (),
        hints=hints,
        kind=hints.choice("kind", RoleKind) if hints else None,
        sha256=source.sha256,
        text=source.text,
        has_front_matter=document.front is not None,
        broken=document.front_is_broken,
        document=document,
    )


def report_empty(role: RoleFile, findings: Findings) -> None:
    """An agent without words cannot work."""
    if not role.body and not role.broken:
        end = role.text.count("\n") + 1
        message = f"the role `{role.slug}` has no words below its front matter"
        findings.add(
            EMPTY_ROLE, Span(role.shown, end, 1, end, 2), message, "say what the role sees, does and hands off"
        )


def slug_of(relative: str) -> str:
    """`team/analyst.md` is `team/analyst`; `analyst/AGENTS.md` is `analyst`."""
    slug = relative.removesuffix(".md")
    return slug.removesuffix("/AGENTS") if slug.endswith("/AGENTS") else slug


def _hints(front: MapNode, findings: Findings) -> Fields | None:
    """What stands under `org:`, or under `metadata.org` where a format allows no other place."""
    node = front.get("org")
    metadata = front.get("metadata")
    if node is None and isinstance(metadata, MapNode):
        node = metadata.get("org")
    if node is None:
        return None
    if not isinstance(node, MapNode):
        findings.add(WRONG_TYPE, node.span, "`org` must be a mapping, such as `{kind: experiment}`")
        return None
    return Fields(node, "org", HINTS, findings)


def _report_foreign(front: MapNode, findings: Findings) -> None:
    """Keys that nothing here reads. One that is nearly ours is a likely slip; the rest belong to other programs."""
    foreign: list[ScalarNode] = []
    for name, _ in front.entries:
        if name.text in OUR_KEYS:
            continue
        near = nearest(name.text, ("name", "description", "tools", "model", "org"))
        if name.text not in _WILD and near and edit_distance(name.text.casefold(), near) <= min(2, len(near) - 2):
            message = f"the key `{name.text}` is not read"
            findings.add(LIKELY_TYPO, name.span, message, f"did you mean `{near}`?")
        else:
            foreign.append(name)
    if foreign:
        names = ", ".join(f"`{name.text}`" for name in foreign)
        findings.add(FOREIGN_KEY, foreign[0].span, f"not read here: {names}")


def _description(front: MapNode, document: Document) -> str:
    """Text before the first example or literal `\\n`; else the title, else the first paragraph."""
    text = _text(front.get("description"))
    if text:
        return _EXAMPLES.split(text)[0].strip() or text
    return _text(front.get("title")) or " ".join(document.lead().split())


def _text(node: Node | None) -> str:
    return node.text.strip() if isinstance(node, ScalarNode) and not node.is_null else ""


def _list(front: MapNode, key: str, findings: Findings) -> tuple[ScalarNode, ...] | None:
    node = front.get(key)
    if isinstance(node, ScalarNode):
        return None if node.is_null else split_commas(node)
    if isinstance(node, ListNode):
        return tuple(item for item in node.items if isinstance(item, ScalarNode) and not item.is_null)
    if node is not None and key == "tools":
        names = [
            ScalarNode(name.span, name.text) for name, value in node.entries if _text(value) not in ("false", "deny")
        ]
        return tuple(names)
    return None
