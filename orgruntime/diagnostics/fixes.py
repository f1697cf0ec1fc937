"""Edits of a text file that mend a finding, and how they are put in. Knows nothing of markdown or YAML.

Invariant: what no edit covers comes out as it was, byte for byte: byte-order mark, line ends and comments included.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable
from typing import NamedTuple

from orgruntime.diagnostics.pattern import pattern
from orgruntime.diagnostics.span import Span

MARK = "\ufeff"
_LINE_END = pattern(r"\r\n|\r|\n")


class Edit(NamedTuple):
    """`text` takes the place of what stands in `span`. Column 0 of the first line is the byte-order mark."""

    span: Span
    text: str


class Fix(NamedTuple):
    """One remedy as edits that belong together. `is_safe`: what the file means to us stays the same."""

    title: str
    edits: tuple[Edit, ...]
    is_safe: bool = True


def apply(text: str, fixes: Iterable[Fix]) -> tuple[str, tuple[Fix, ...]]:
    """(the new text, the fixes that went in). `text` is the whole file as decoded, with its mark and its line ends.

    Of two fixes that touch the same place the first goes in. New line ends are those of the file's first line.
    """
    starts = [text.startswith(MARK), *(match.end() for match in _LINE_END.finditer(text))]
    first = _LINE_END.search(text)
    line_end = first[0] if first else "\n"
    done: list[Fix] = []
    taken: list[tuple[int, int, str]] = []
    for fix in fixes:
        edits = sorted(_place(edit, starts, len(text), line_end) for edit in fix.edits)
        if edits and not any(_clashes(edit, taken) for edit in edits):
            taken = sorted([*taken, *edits])
            done.append(fix)
    parts, at = [], 0
    for start, end, new in taken:
        parts += [text[at:start], new]
        at = end
    return "".join([*parts, text[at:]]), tuple(done)


def _place(edit: Edit, starts: list[int], size: int, line_end: str) -> tuple[int, int, str]:
    """(start, end, new text) as offsets."""
    span = edit.span
    begin = _offset(span.line, span.column, starts, size)
    end = _offset(span.end_line, span.end_column, starts, size)
    return begin, max(begin, end), edit.text.replace("\n", line_end)


def _offset(line: int, column: int, starts: list[int], size: int) -> int:
    return min(size, max(0, starts[line - 1] + column - 1)) if line <= len(starts) else size


def _clashes(edit: tuple[int, int, str], taken: list[tuple[int, int, str]]) -> bool:
    """Whether an edit overlaps one that is taken, or both insert at one place. `taken` is sorted."""
    start, end, _ = edit
    at = bisect_left(taken, (start, -1, ""))
    overlaps_before = at > 0 and taken[at - 1][1] > start
    return overlaps_before or (at < len(taken) and (taken[at][0] < end or taken[at][0] == start))
