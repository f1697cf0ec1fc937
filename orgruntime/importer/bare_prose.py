"""Prose as sentences and code lines, each with its line and what led up to it. Knows markdown's shapes, no subject.

Works on one text. Invariant: code in fences is never a sentence and a sentence is never code, and both keep the line
on which they begin.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from itertools import pairwise

from orgruntime.importer.bare_facts import Evidence

QUOTED = 160
"""Characters of a quotation."""


@dataclass(frozen=True)
class Sentence:
    """`text` has single spaces and no emphasis; inline code keeps its backticks. Sentences of one `block` (a paragraph
    or a list item) belong together."""

    file: str
    line: int
    text: str
    block: int
    heading: str = ""
    lead: str = ""
    """The words that lead up to the list that it stands in: `What you cannot do`."""

    @property
    def evidence(self) -> Evidence:
        return Evidence(self.file, self.line, self.text[:QUOTED])


@dataclass(frozen=True)
class CodeLine:
    """One line of a fenced block, or one piece of inline code."""

    file: str
    line: int
    text: str
    heading: str
    before: str
    """The sentence that it stands in, or the last one before the fence."""

    @property
    def evidence(self) -> Evidence:
        return Evidence(self.file, self.line, self.text[:QUOTED])


@dataclass(frozen=True)
class Prose:
    sentences: tuple[Sentence, ...] = ()
    code: tuple[CodeLine, ...] = ()
    title: str = ""
    """The first heading."""

    def __add__(self, other: Prose) -> Prose:
        return Prose(self.sentences + other.sentences, self.code + other.code, self.title)

    def before(self, sentence: Sentence) -> Sentence | None:
        """The sentence before, of the same block."""
        found = self._previous.get(id(sentence))
        return found if found and (found.file, found.block) == (sentence.file, sentence.block) else None

    @cached_property
    def _previous(self) -> dict[int, Sentence]:
        return {id(one): before for before, one in pairwise(self.sentences)}


def read_prose(file: str, text: str) -> Prose:
    """The sentences and code of a markdown text. Blocks are numbered within the file."""
    reader = _Reader(file)
    for number, line in enumerate(text.split("\n"), 1):
        reader.take(number, line)
    reader.end_block()
    return Prose(tuple(reader.sentences), tuple(sorted(reader.code, key=lambda one: one.line)), reader.title)


_FENCE = re.compile(r"\s*(?:[-*+]\s+|\d+[.)]\s+|>\s*)?(?P<fence>```+|~~~+)")
_HEADING = re.compile(r" {0,3}#{1,6}\s+(?P<text>.*?)\s*#*\s*$")
_ITEM = re.compile(r"\s*(?:[-*+]|\d{1,4}[.)])\s+")
_EMPHASIS = re.compile(r"\*{1,3}|(?<![\w`])_{1,2}(?=\w)|(?<=\w)_{1,2}(?![\w`])|^>\s?")
_LABEL = re.compile(r"\s*[*_]{0,3}\w[\w /-]{0,40}[*_]{0,3}:[*_]{0,3}\s")
"""Begins a line such as `Command: ./run.sh`; in a block with two of them, each is a sentence."""
_CODE = re.compile(r"(?P<ticks>`+)(?P<code>.+?)(?P=ticks)(?!`)")
_END = re.compile(r"`[^`]*`|\b(?:e\.g|i\.e|etc|vs|approx|ca|resp)\.|(?P<end>[.!?](?=[\s)\"']|$)[)\"']?|:(?=\s*$))")


@dataclass
class _Reader:
    """The state between two lines."""

    file: str
    sentences: list[Sentence] = field(default_factory=list)
    code: list[CodeLine] = field(default_factory=list)
    title: str = ""
    heading: str = ""
    lead: str = ""
    fence: str = ""
    block: int = 0
    is_item: bool = False
    lines: list[tuple[int, str]] = field(default_factory=list)

    def take(self, number: int, line: str) -> None:
        mark = _FENCE.match(line)
        if self.fence:
            if mark and mark["fence"].startswith(self.fence) and not line[mark.end() :].strip():
                self.fence = ""
            else:
                self._add_code(number, line)
        elif mark:
            self.end_block()
            self.fence = mark["fence"]
        elif heading := _HEADING.match(line):
            self.end_block()
            self.heading = self.lead = _plain(heading["text"])
            self.title = self.title or self.heading
        elif not line.strip():
            self.end_block()
        elif not self.lines and not self.is_item and line.startswith(("    ", "\t")):
            self._add_code(number, line)
        else:
            self._add_prose(number, line)

    def _add_code(self, number: int, line: str) -> None:
        if line.strip():
            before = self.sentences[-1].text if self.sentences else ""
            self.code.append(CodeLine(self.file, number, line.strip(), self.heading, before))

    def _add_prose(self, number: int, line: str) -> None:
        item = _ITEM.match(line)
        if item or line.lstrip().startswith("|"):
            self.end_block()
            self.is_item = True
            line = line[item.end() :] if item else line
        elif not self.lines and not line.startswith(" "):
            self.is_item = False
        self.lines.append((number, line))

    def end_block(self) -> None:
        """What was gathered is a paragraph or an item."""
        if not self.lines:
            return
        self.block += 1
        found = [self._sentence(line, text) for line, text in _sentences(self.lines)]
        self.sentences += found
        for sentence in found:
            self.code += self._inline(sentence)
        if not self.is_item and found:
            self.lead = found[-1].text.rstrip(":") if found[-1].text.endswith(":") else ""
        self.lines.clear()

    def _sentence(self, line: int, text: str) -> Sentence:
        lead = self.lead if self.is_item else ""
        return Sentence(self.file, line, text, self.block, self.heading, lead)

    def _inline(self, sentence: Sentence) -> Iterator[CodeLine]:
        for match in _CODE.finditer(sentence.text):
            yield CodeLine(self.file, sentence.line, match["code"].strip(), self.heading, sentence.text)


def _sentences(lines: list[tuple[int, str]]) -> Iterator[tuple[int, str]]:
    """(line, text) of each sentence of one block."""
    starts, text = [], ""
    for number, line in lines:
        starts.append((len(text), number))
        text += line.strip() + "\n"
    labels = [start for (start, _), (_, line) in zip(starts, lines, strict=True) if _LABEL.match(f"{line}\n")]
    ends = {match.end() for match in _END.finditer(text) if match["end"]}
    cuts = sorted({*ends, *(labels if len(labels) > 1 else ()), len(text)})
    for begin, end in pairwise([0, *cuts]):
        yield from _one(text, begin, end, starts)


def _one(text: str, begin: int, end: int, starts: list[tuple[int, int]]) -> Iterator[tuple[int, str]]:
    words = _plain(text[begin:end])
    if not words:
        return
    begin += len(text[begin:end]) - len(text[begin:end].lstrip())
    yield starts[bisect_right(starts, begin, key=lambda start: start[0]) - 1][1], words


def _plain(text: str) -> str:
    """Without emphasis outside inline code, on one line."""
    parts, at = [], 0
    for match in _CODE.finditer(text):
        parts += [_EMPHASIS.sub("", text[at : match.start()]), match.group()]
        at = match.end()
    return " ".join("".join([*parts, _EMPHASIS.sub("", text[at:])]).split())
