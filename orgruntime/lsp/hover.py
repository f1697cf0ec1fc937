"""What a place means: the rule behind a finding, a key, a word of the language, a role, a payload. As markdown.

Invariant: text of an org goes through `inert` or `fenced`, or is a word of the language.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from lsprotocol.types import Hover, MarkupContent, MarkupKind, Range

from orgruntime.compiler import page
from orgruntime.compiler.panel import Panel
from orgruntime.compiler.payloads import conditions
from orgruntime.compiler.rolefile import read_role
from orgruntime.diagnostics.diagnostic import Diagnostic
from orgruntime.lsp.buffer import Buffer
from orgruntime.lsp.front import cursor_at, keys_of
from orgruntime.lsp.front_words import key_at
from orgruntime.lsp.inert import fenced, inert
from orgruntime.lsp.keys import KINDS, Key
from orgruntime.lsp.program import ProgramView, RoleMention
from orgruntime.model.manifest import RoleKind
from orgruntime.model.payload import PayloadType
from orgruntime.model.species import panel_text
from orgruntime.orgfile.source import Reader

_WORD = re.compile(r"[\w/.-]+")


def rule(found: Diagnostic, where: Range) -> Hover:
    """A finding with the page of its rule."""
    words = found.message + (f"\nhelp: {found.help}" if found.help else "")
    return _hover(f"{fenced(words)}\n\n{_page(found.code)}", where)


def key(buffer: Buffer, offset: int, tree: Mapping[str, Key]) -> Hover | None:
    """A key of the front matter, or a word that it takes."""
    for place in keys_of(buffer.text):
        if place.start <= offset <= place.end and (found := key_at(tree, place.path)):
            return _hover(_key_text(".".join(place.path), found), buffer.range(place.start, place.end))
    begin, end = buffer.line_of(offset)
    word = next((one for one in _WORD.finditer(buffer.text, begin, end) if one.start() <= offset <= one.end()), None)
    cursor = cursor_at(buffer.text, word.start()) if word else None
    if word is None or cursor is None or not cursor.is_value:
        return None
    owner = key_at(tree, cursor.path)
    if owner is None or word[0] not in owner.values:
        return None
    return _hover(f"`{word[0]}`: {owner.values[word[0]]}", buffer.range(word.start(), word.end()))


def role(view: ProgramView, mention: RoleMention, read: Reader) -> Hover | None:
    """A role that a program names: who it is, and what its row says."""
    ref = view.resolve(mention)
    if ref is None:
        return None
    file = read_role(ref.path, ref.shown, ref.slug, read)
    row = view.row_of(ref)
    kind = (row.kind if row else None) or file.kind or RoleKind.AGENT
    model = _served_by(row.panel) if row else ""
    facts = [f"{kind}: {KINDS[kind]}", f"model {inert(model)}" if model else "", f"file {inert(ref.source)}"]
    words = "\n\n".join(inert(part) for part in (file.name, file.description) if part)
    return _hover(f"{words}\n\n" + " · ".join(fact for fact in facts if fact), _range(view, mention.start, mention.end))


def _served_by(panel: Panel) -> str:
    behind = panel.fallback.text if panel.fallback else None
    return panel_text([node.text for node in panel.names], panel.choice, panel.shares, behind)


def payload(view: ProgramView, offset: int) -> Hover | None:
    """A payload with its fields and conditions."""
    mention = view.payload_at(offset)
    found = view.payloads.get(mention.name) if mention else None
    return _hover(_payload_text(found), _range(view, mention.start, mention.end)) if mention and found else None


def _payload_text(found: PayloadType) -> str:
    lines = [f"**{found.name}**" + (", built in" if found.builtin else ""), "", "| field | type | |", "|---|---|---|"]
    for one in found.fields:
        meaning = inert(one.meaning) + ("" if one.required else " (may be absent)")
        lines.append(f"| `{one.name}` | {one.type} | {meaning} |")
    words = ", ".join(inert(word) for word in conditions(found))
    return "\n".join(lines) + (f"\n\n`when`: {words}" if words else "")


def _key_text(path: str, found: Key) -> str:
    values = "\n".join(f"* `{word}`" + (f": {doc}" if doc else "") for word, doc in found.values.items())
    inner = ", ".join(f"`{name}`" for name in found.keys)
    parts = [f"**{path}**", found.doc, values, f"Keys: {inner}" if inner else ""]
    return "\n\n".join(part for part in parts if part)


def _page(code: str) -> str:
    try:
        return page(code)
    except KeyError:
        return ""


def _range(view: ProgramView, start: int, end: int) -> Range:
    return view.buffer.range(start, end)


def _hover(text: str, where: Range) -> Hover:
    return Hover(MarkupContent(MarkupKind.Markdown, text), where)
