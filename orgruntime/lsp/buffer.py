"""The text of one file as the editor holds it, and the way between its positions and ours. Knows no grammar.

The protocol counts lines and characters from 0, characters in the units that client and server agreed on (UTF-16 unless
the client asks for another); a `Source` counts from 1 in code points and has `\\n` line ends and no byte-order mark.
Invariant: every offset, position and span, however far outside the text, is brought to the nearest place inside it.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from lsprotocol.types import Position, Range

from orgruntime.diagnostics.diagnostic import Findings
from orgruntime.diagnostics.span import Span
from orgruntime.orgfile.document import Document, parse_document
from orgruntime.orgfile.source import MAX_FILE_BYTES, Source, decode

BYTE_ORDER_MARK_CHAR = "\ufeff"


@dataclass(frozen=True)
class Buffer:
    """`raw` is the text as the client sent it, `version` the client's number for it; None for a file on disk."""

    path: Path
    raw: str
    encoding: str = "utf-16"
    version: int | None = None

    @cached_property
    def data(self) -> bytes:
        """The bytes that saving would write. Half a surrogate pair, which no file can hold, becomes a `?`."""
        return self.raw.encode("utf-8", errors="replace")

    @property
    def is_too_big(self) -> bool:
        """Whether the compiler would refuse the file; then nothing is offered for it either."""
        return len(self.data) > MAX_FILE_BYTES

    @cached_property
    def source(self) -> Source:
        text = "" if self.is_too_big else self.raw
        return decode(text.encode("utf-8", errors="replace"), self.path.as_posix(), Findings()) or Source(
            self.path.as_posix(), ""
        )

    @cached_property
    def document(self) -> Document:
        """Sections, tables and items, with the front matter where it can be read at all."""
        return parse_document(self.source, Findings())

    @property
    def text(self) -> str:
        return self.source.text

    def position(self, offset: int) -> Position:
        line, column = self.source.place(min(max(offset, 0), len(self.text)))
        return self._position(line - 1, column - 1)

    def offset(self, position: Position) -> int:
        """The offset of a position. One inside a character is taken to its begin."""
        starts = self.source.starts
        if position.line >= len(starts):
            return len(self.text)
        begin = starts[max(position.line, 0)]
        line = self.text[begin : self.source.line_end(begin)]
        left = position.character - self._shift(position.line)
        for column, char in enumerate(line):
            left -= units(char, self.encoding)
            if left < 0:
                return begin + column
        return begin + len(line)

    def range(self, start: int, end: int) -> Range:
        return Range(self.position(start), self.position(end))

    def of_span(self, span: Span) -> Range:
        """The range of a span of this file."""
        return Range(
            self._position(span.line - 1, span.column - 1), self._position(span.end_line - 1, span.end_column - 1)
        )

    def line_of(self, offset: int) -> tuple[int, int]:
        """Begin and end of the line that holds an offset."""
        begin = self.text.rfind("\n", 0, offset) + 1
        return begin, self.source.line_end(offset)

    def _position(self, line: int, column: int) -> Position:
        if column < 0:  # A span's column 0 is the byte-order mark.
            return Position(line, 0)
        starts = self.source.starts
        line = min(line, len(starts) - 1)
        before = self.text[starts[line] : self.source.line_end(starts[line])][:column]
        return Position(line, self._shift(line) + units(before, self.encoding))

    def _shift(self, line: int) -> int:
        """A byte-order mark that the client keeps in its text stands before the first character."""
        return units(BYTE_ORDER_MARK_CHAR, self.encoding) if not line and self._has_mark else 0

    @cached_property
    def _has_mark(self) -> bool:
        return self.raw.startswith(BYTE_ORDER_MARK_CHAR)


def units(text: str, encoding: str) -> int:
    """How long the protocol says a text is: UTF-16 units, UTF-8 bytes, or code points (utf-32)."""
    if encoding == "utf-32":
        return len(text)
    if encoding == "utf-8":
        return len(text.encode("utf-8", errors="replace"))
    return len(text) + sum(char > "\uffff" for char in text)
