"""The outline of a program or role file: keys, sections, rows, handoffs. Knows documents, compiles nothing.

Invariant, which the protocol asks for: a symbol's range holds its selection range and those of its children.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from lsprotocol.types import DocumentSymbol, SymbolKind

from orgruntime.lsp.buffer import Buffer
from orgruntime.lsp.program import ProgramView
from orgruntime.orgfile.blocks import Block
from orgruntime.orgfile.document import Cell, Section
from orgruntime.orgfile.tree import MapNode, ScalarNode

_LINK = re.compile(r"\[([^\[\]\n]*)\]\([^()\n]*\)")
_LONGEST = 100


def program_symbols(view: ProgramView) -> list[DocumentSymbol]:
    """Keys of the front matter; sections with their roles, payloads and handoffs."""
    buffer = view.buffer
    found = front_symbols(buffer)
    for section in view.document.sections():
        children = _rows(buffer, section) + _items(buffer, section)
        found.append(_symbol(buffer, section.title, SymbolKind.Namespace, section.heading, section.end, children))
    return found


def role_symbols(buffer: Buffer) -> list[DocumentSymbol]:
    """Keys of the front matter, and the headings nested by level."""
    headings = [block for block in buffer.document.blocks if block.level]
    return front_symbols(buffer) + _nested(buffer, headings, len(buffer.text.rstrip()))


def front_symbols(buffer: Buffer) -> list[DocumentSymbol]:
    return _keys(buffer, buffer.document.front) if buffer.document.front else []


def _keys(buffer: Buffer, node: MapNode) -> list[DocumentSymbol]:
    found = []
    for name, value in node.entries:
        where, word = buffer.of_span(value.span), buffer.of_span(name.span)
        where.start = word.start
        where.end = max(where.end, word.end)
        detail = _cut(value.text) if isinstance(value, ScalarNode) else None
        children = _keys(buffer, value) if isinstance(value, MapNode) else None
        found.append(DocumentSymbol(name.text or "?", SymbolKind.Property, where, word, detail, children=children))
    return found


def _rows(buffer: Buffer, section: Section) -> list[DocumentSymbol]:
    kind = SymbolKind.Class if section.title.casefold() == "roles" else SymbolKind.Struct
    if section.title.casefold() not in ("roles", "payloads"):
        return []
    found = []
    for block in (one for one in section.blocks if one.kind == "table"):
        for row in buffer.document.table(block).rows:
            named = next((cell for cell in row if cell.text), row[0])
            detail = row[1].text if len(row) > 1 else ""
            found.append(_line(buffer, named, kind, detail))
    return found


def _items(buffer: Buffer, section: Section) -> list[DocumentSymbol]:
    if section.title.casefold() != "workflow":
        return []
    lists = (one for one in section.blocks if one.kind == "list")
    return [_line(buffer, item, SymbolKind.Event, "") for block in lists for item in buffer.document.items(block)]


def _line(buffer: Buffer, cell: Cell, kind: SymbolKind, detail: str) -> DocumentSymbol:
    where = buffer.range(cell.start, max(cell.end, cell.start))
    return DocumentSymbol(_plain(cell.text), kind, where, where, detail or None)


def _nested(buffer: Buffer, headings: Sequence[Block], end: int) -> list[DocumentSymbol]:
    found: list[DocumentSymbol] = []
    at = 0
    while at < len(headings):
        head = headings[at]
        below = at + 1
        while below < len(headings) and headings[below].level > head.level:
            below += 1
        stop = headings[below].start if below < len(headings) else end
        children = _nested(buffer, headings[at + 1 : below], stop)
        found.append(_symbol(buffer, head.text, SymbolKind.String, head, stop, children))
        at = below
    return found


def _symbol(
    buffer: Buffer, name: str, kind: SymbolKind, head: Block, end: int, children: list[DocumentSymbol]
) -> DocumentSymbol:
    where = buffer.range(head.start, max(end, head.end))
    return DocumentSymbol(_plain(name), kind, where, buffer.range(head.start, head.end), children=children)


def _plain(text: str) -> str:
    """Links as their labels, on one line; never empty, which the protocol forbids."""
    words = " ".join(_LINK.sub(r"\1", text).replace("`", "").split())
    return _cut(words) or "?"


def _cut(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= _LONGEST else line[: _LONGEST - 1] + "…"
