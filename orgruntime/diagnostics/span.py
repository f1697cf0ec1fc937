"""A place in a text file. Knows nothing of what stands there.

Invariant: lines and columns count from 1, columns in Unicode code points; the end is exclusive,
so a span of one character has `end_column == column + 1`.
"""

from __future__ import annotations

from typing import NamedTuple


class Span(NamedTuple):
    """`file` is the path as it is shown to people, with `/`."""

    file: str
    line: int = 1
    column: int = 1
    end_line: int = 1
    end_column: int = 1

    def part(self, start: int, end: int) -> Span:
        """The characters [start, end) of a one-line span, counted from its first character."""
        return Span(self.file, self.line, self.column + start, self.line, self.column + end)
