"""A markdown file as a document: front matter, sections, tables, list items. Knows markdown, nothing of roles.

Invariant: every node points back at its exact place in the source.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

from orgruntime.diagnostics.diagnostic import Findings
from orgruntime.diagnostics.pattern import pattern
from orgruntime.diagnostics.span import Span
from orgruntime.orgfile import reading_rules
from orgruntime.orgfile.frontmatter import cut
from orgruntime.orgfile.recall import recall
from orgruntime.orgfile.repair import Tolerance
from orgruntime.orgfile.source import Source
from orgruntime.orgfile.tree import MapNode

if TYPE_CHECKING:
    from orgruntime.orgfile.blocks import Block

MAX_STRICT = 256 * 1024
"""Characters of a file whose sections are read. Markdown costs up to 4 s a megabyte; a program has 20,000 at most."""


class Cell(NamedTuple):
    """[start, end) are offsets of the trimmed text."""

    text: str
    start: int
    end: int


class Table(NamedTuple):
    header: tuple[Cell, ...]
    rows: tuple[tuple[Cell, ...], ...]
    start: int
    end: int


class Section(NamedTuple):
    """A second-level heading and what stands below it, up to the next heading of its level or above."""

    title: str
    heading: Block
    blocks: tuple[Block, ...]
    end: int


@dataclass(frozen=True)
class Document:
    source: Source
    front: MapNode | None
    front_is_broken: bool
    body_start: int
    body_end: int
    indent: int = 0
    """Columns by which every line of the file is indented."""

    @cached_property
    def blocks(self) -> tuple[Block, ...]:
        """Parsed when they are asked for: of most role files only the front matter and the words are wanted."""
        # Many checks ask for the blocks of no file, and mistune takes longer to import than a file to read.
        from orgruntime.orgfile.blocks import parse_blocks  # noqa: PLC0415  # see above

        text, start = self.source.text[: self.body_end], self.body_start
        kind = f"blocks {start} {self.body_end}"
        return recall(kind, self.source, Findings(), lambda _: parse_blocks(text, start))

    @property
    def body(self) -> str:
        """Everything below the front matter, without blank lines around it."""
        text = self.source.text[self.body_start : self.body_end]
        return "\n".join(line[self.indent :] for line in text.split("\n")).strip() if self.indent else text.strip()

    @property
    def title(self) -> str | None:
        """The text of the first top-level heading."""
        return next((block.text for block in self.blocks if block.level == 1), None)

    def lead(self) -> str:
        """The first paragraph before any section, on one line a line of the file; empty where there is none."""
        for block in self.blocks:
            if block.level >= 2:
                break
            if block.kind == "paragraph":
                return self.source.text[block.start : block.end]
        return ""

    def sections(self) -> tuple[Section, ...]:
        found: list[Section] = []
        for i, block in enumerate(self.blocks):
            if block.level != 2:
                continue
            inside: list[Block] = []
            for later in self.blocks[i + 1 :]:
                if 0 < later.level <= 2:
                    break
                inside.append(later)
            end = inside[-1].end if inside else block.end
            found.append(Section(block.text, block, tuple(inside), end))
        return tuple(found)

    def text_of(self, section: Section) -> str:
        """What stands below the section's heading, as markdown."""
        begin = section.blocks[0].start if section.blocks else section.end
        return self.source.text[begin : section.end].strip()

    def heading_span(self, section: Section) -> Span:
        return self.source.span(section.heading.start, section.heading.end)

    def table(self, block: Block) -> Table:
        """The cells of a table block."""
        lines = list(_lines(self.source.text, block.start, block.end))
        rows = [_cells(self.source.text, start, end) for start, end in lines]
        return Table(rows[0], tuple(rows[2:]), block.start, block.end)

    def items(self, block: Block) -> tuple[Cell, ...]:
        """The top-level items of a list block; nested text belongs to its item."""
        text = self.source.text
        line_start = text.rfind("\n", 0, block.start) + 1
        marks = [
            mark for mark in _MARKER.finditer(text, line_start, block.end) if _is_top(mark, block.start - line_start)
        ]
        ends = [match.start() for match in marks[1:]] + [block.end]
        return tuple(_trimmed(text, mark.end(), end) for mark, end in zip(marks, ends, strict=True))


def parse_document(source: Source, findings: Findings, *, tolerance: Tolerance | None = None) -> Document:
    """Reads a file. Faults of the front matter go to `findings`; `tolerance` as in `frontmatter.cut`."""
    front = cut(source, findings, tolerance=tolerance)
    if tolerance is None and len(source.text) > MAX_STRICT:
        span = source.span(MAX_STRICT, MAX_STRICT + 1)
        findings.put(span, reading_rules.unreadable_file.too_long(source.file, MAX_STRICT))
        return Document(source, front.tree, front.broken, min(front.body, MAX_STRICT), MAX_STRICT)
    return Document(source, front.tree, front.broken, front.body, front.end, front.indent)


_MARKER = pattern(r"^(?P<indent>[ \t]*)(?:\d{1,9}[.)]|[-*+])(?:[ \t]+|(?=\n|$))", re.MULTILINE)
_CELL_END = pattern(r"(?<!\\)\|")


def _is_top(mark: re.Match[str], first_indent: int) -> bool:
    """Nested items are indented to the text of the first item, at least two columns more than its marker."""
    return len(mark["indent"].expandtabs(4)) <= first_indent + 1


def _lines(text: str, start: int, end: int) -> list[tuple[int, int]]:
    found: list[tuple[int, int]] = []
    while start < end:
        stop = text.find("\n", start, end)
        stop = end if stop < 0 else stop
        if text[start:stop].strip():
            found.append((start, stop))
        start = stop + 1
    return found


def _cells(text: str, start: int, end: int) -> tuple[Cell, ...]:
    line = text[start:end].rstrip()
    begin = start + len(line) - len(line.lstrip())
    end = start + len(line)
    if text[begin:end].startswith("|"):
        begin += 1
    if text[begin:end].endswith("|") and not text[begin:end].endswith("\\|"):
        end -= 1
    bars = [match.start() for match in _CELL_END.finditer(text, begin, end)]
    starts, ends = [begin, *(bar + 1 for bar in bars)], [*bars, end]
    return tuple(_trimmed(text, a, b) for a, b in zip(starts, ends, strict=True))


def _trimmed(text: str, start: int, end: int) -> Cell:
    raw = text[start:end]
    begin = start + len(raw) - len(raw.lstrip())
    stop = max(begin, start + len(raw.rstrip()))
    return Cell(text[begin:stop], min(begin, end), min(stop, end) if stop > begin else min(begin, end))
