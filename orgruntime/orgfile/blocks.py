"""The blocks of a markdown text with their offsets. Knows CommonMark through mistune, and tables; nothing of sections.

mistune's tokens carry no positions; its block state is subclassed to mark each token as it is appended. Invariant: the
blocks are in order and each begins where its text begins; only top-level blocks are given, because nested ones
are parsed from re-indented copies. The seams used are semi-public: a test pins them.
"""

from __future__ import annotations

import re
from typing import Any, NamedTuple

import mistune
from mistune.block_parser import BlockParser
from mistune.core import BlockState

from orgruntime.diagnostics.pattern import pattern


class Block(NamedTuple):
    """`kind` is mistune's: heading, paragraph, list, table, block_code, block_quote, block_html, thematic_break.

    [start, end) are offsets; `end` is where the next block begins, without trailing blank lines.
    """

    kind: str
    start: int
    end: int
    level: int = 0
    """Of a heading."""
    text: str = ""
    """Of a heading: its words as written."""


def parse_blocks(text: str, start: int = 0) -> tuple[Block, ...]:
    """The top-level blocks of text[start:], with offsets into `text`. `text` has `\\n` line ends."""
    body = text[start:]
    markdown = mistune.Markdown(renderer=None, block=_SpanParser(), inline=mistune.InlineParser())
    state = _SpanState()
    state.process(body if body.endswith("\n") else body + "\n")
    markdown.block.parse(state, markdown.block.rules)
    # A quote that a list ends, itself ended by a heading, comes after the list among the tokens: put them in order.
    tokens = sorted((one for one in state.tokens if one["type"] != "blank_line"), key=lambda one: int(one["start"]))
    edges = [token["start"] for token in tokens] + [len(body)]
    blocks = [_block(token, body, edges[i + 1], start) for i, token in enumerate(tokens)]
    return tuple(part for block in blocks for part in _with_tables(block, text))


class _SpanState(BlockState):
    def add_paragraph(self, text: str) -> None:
        before = len(self.tokens)
        super().add_paragraph(text)
        for token in self.tokens[before:]:
            token["start"] = self.cursor

    def append_token(self, token: dict[str, Any]) -> None:
        token.setdefault("start", self.cursor)
        token["approx"] = True
        super().append_token(token)


class _SpanParser(BlockParser):
    state_cls = _SpanState

    def parse_method(self, m: re.Match[str], state: BlockState) -> int | None:
        before = len(state.tokens)
        end = super().parse_method(m, state)
        for token in state.tokens[before:]:
            if token.pop("approx", False) or "start" not in token:
                token["start"] = m.start()
        return end


_RULER = pattern(r"^ {0,3}(?=[^\n]*\|)\|?[ \t]*:?-+:?[ \t]*(?:\|[ \t]*:?-+:?[ \t]*)*\|?[ \t]*$", re.MULTILINE)


def _with_tables(block: Block, text: str) -> tuple[Block, ...]:
    """A paragraph with a ruler of a table in it: the words before the table, and the table.

    mistune's own tables refuse a row with too few or too many cells, and then the whole table is a paragraph: the
    author of the row would be told that there is no table.
    """
    if block.kind != "paragraph":
        return (block,)
    for ruler in _RULER.finditer(text, block.start, block.end):
        if ruler.start() == block.start:
            continue
        header = text.rfind("\n", 0, ruler.start() - 1) + 1
        header = max(header, block.start)
        if "|" not in text[header : ruler.start()]:
            continue
        table = Block("table", header + len(text[header:]) - len(text[header:].lstrip(" ")), block.end)
        before = text[block.start : header].rstrip()
        return (Block("paragraph", block.start, block.start + len(before)), table) if before else (table,)
    return (block,)


_INDENT = pattern(r"[ \t\n]*")


def _block(token: dict[str, Any], body: str, next_start: int, offset: int) -> Block:
    match = _INDENT.match(body, token["start"])
    begin = token["start"] if match is None or token["type"] == "block_code" else match.end()
    begin = min(begin, max(token["start"], next_start - 1))
    end = begin + len(body[begin:next_start].rstrip())
    level = int(token.get("attrs", {}).get("level", 0)) if token["type"] == "heading" else 0
    text = str(token.get("text", "")).strip() if level else ""
    return Block(token["type"], offset + begin, offset + end, level, text)
