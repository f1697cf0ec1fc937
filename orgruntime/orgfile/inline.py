"""Links, code spans and plain words inside one block, with exact offsets. Knows nothing of blocks or roles.

Invariant: the pieces are in order, do not overlap, and cover the text.
"""

from __future__ import annotations

import re
from enum import StrEnum
from typing import NamedTuple

from orgruntime.diagnostics.pattern import pattern


class PieceKind(StrEnum):
    TEXT = "text"
    LINK = "link"
    CODE = "code"


class Piece(NamedTuple):
    """`text` is what a reader sees; `href` the target of a link as it is written; [start, end) offsets of the whole."""

    kind: PieceKind
    text: str
    start: int
    end: int
    href: str = ""
    href_start: int = 0


_INLINE = pattern(
    r"(?P<ticks>`+)(?P<code>[^`]|[^`].*?[^`])(?P=ticks)(?!`)"
    r"|(?<!\\)(?<!!)\[(?P<label>(?:\\.|[^\[\]\\])*)\]\([ \t]*(?:<(?P<angled>[^<>\n]*)>|(?P<href>[^\s()<>]*))"
    r"(?:[ \t]+(?:\"[^\"\n]*\"|'[^'\n]*'))?[ \t]*\)",
    re.DOTALL,
)


def pieces(text: str, start: int, end: int) -> tuple[Piece, ...]:
    """The pieces of text[start:end]."""
    found: list[Piece] = []
    at = start
    for match in _INLINE.finditer(text, start, end):
        if match.start() > at:
            found.append(Piece(PieceKind.TEXT, text[at : match.start()], at, match.start()))
        found.append(_piece(match))
        at = match.end()
    if at < end:
        found.append(Piece(PieceKind.TEXT, text[at:end], at, end))
    return tuple(found)


def links(text: str, start: int, end: int) -> tuple[Piece, ...]:
    return tuple(piece for piece in pieces(text, start, end) if piece.kind is PieceKind.LINK)


def _piece(match: re.Match[str]) -> Piece:
    if match["code"] is not None:
        return Piece(PieceKind.CODE, match["code"].strip(), match.start(), match.end())
    group = "href" if match["href"] is not None else "angled"
    return Piece(PieceKind.LINK, match["label"], match.start(), match.end(), match[group], match.start(group))
