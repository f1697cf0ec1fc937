"""What the words of a role say of other roles: lists below headings such as "Who you hand off to".

Works on blocks, never on lines of the raw text, so that a heading in a code block is none. Knows how roles are called,
nothing of edges. Invariant: every item of a list that is about handoffs gives a hint; one that names no known role
gives it with the words that stand where the name should be.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from orgruntime.importer.foreign import Hint, Way
from orgruntime.importer.hints import one_line
from orgruntime.importer.mentions import guess, mentions
from orgruntime.importer.names import Names
from orgruntime.orgfile.blocks import Block
from orgruntime.orgfile.document import Document

_HANDS = re.compile(
    r"(who|whom) you hand (work |things )?off to|hand ?offs?( to| targets)?|handing off( to)?|next (agents?|roles?)"
)
_ASKS = re.compile(
    r"integrat(ion|es) with (the )?other (agents|roles)|who you (coordinate|work|collaborate) with|who you delegate to"
    r"|your direct reports|direct reports|delegat(es|ion) to|works with|related agents"
)
_LOOSE_HANDS = re.compile(r"hand ?off (notes|process|protocol)")
_LOOSE_ASKS = re.compile(
    r"(team |agent )?collaboration( patterns)?|collaborates? with|collaborative workflows|delegation( examples)?"
    r"|coordination( and workflow integration)?|working with other (agents|roles)"
)
"""Loose: headings below which only an item that names a role is about handoffs."""
_NUMBERED = re.compile(r"^[\d.)\s]+")
_NESTED = re.compile(r"\n\s*(?:[-*+]|\d{1,9}[.)])\s+")
_MOST_LABEL = 80


@dataclass(frozen=True)
class _Sort:
    """What a list is about. `strict`: an item without a known role is reported."""

    way: Way
    strict: bool


def prose_hints(slug: str, shown: str, document: Document, names: Names) -> tuple[Hint, ...]:
    """The hints in the words of one role, in order."""
    found: list[Hint] = []
    for heading, sort, start, end in _items(document):
        found += _of_item(_Item(slug, shown, document, heading, sort, start, end), names)
    return tuple(found)


@dataclass(frozen=True)
class _Item:
    slug: str
    shown: str
    document: Document
    heading: str
    sort: _Sort
    start: int
    end: int

    def hint(self, name: str, at: int, slug: str | None = None) -> Hint:
        text = self.document.source.text
        line = text[text.rfind("\n", 0, at) + 1 : self.document.source.line_end(at)]
        place = self.document.source.place(at)[0]
        words = one_line(name)
        why = "" if words else "it names nothing"
        return Hint(
            self.slug, words, self.sort.way, self.heading, self.shown, place, one_line(line), slug=slug, why_not=why
        )


def _items(document: Document) -> Iterator[tuple[str, _Sort, int, int]]:
    """(heading, sort, start, end) of each item below a heading, or a line that ends in a colon, about handoffs."""
    section: tuple[int, str, _Sort] | None = None
    label: tuple[str, _Sort] | None = None
    for block in document.blocks:
        if block.level:
            if section and block.level <= section[0]:
                section = None
            sort = _sort_of(block.text)
            section = (block.level, one_line(block.text), sort) if sort else section
            label = None
            continue
        about = label or (section[1:] if section else None)
        if block.kind in ("list", "table") and about:
            for start, end in _parts(document, block):
                yield *about, start, end
        elif block.kind == "paragraph" and section and label is None:
            # Whole sentences: what they name counts, what they do not name is no fault of theirs.
            yield section[1], _Sort(section[2].way, strict=False), block.start, block.end
        label = _label(document, block)


def _sort_of(heading: str) -> _Sort | None:
    words = _NUMBERED.sub("", re.sub(r"[^\w\s-]", " ", heading.replace("&", " and "))).casefold()
    words = " ".join(words.replace("-", " ").split())
    sorts = ((_HANDS, Way.HANDS, True), (_ASKS, Way.ASKS, True), (_LOOSE_HANDS, Way.HANDS, False))
    for pattern, way, strict in (*sorts, (_LOOSE_ASKS, Way.ASKS, False)):
        if pattern.fullmatch(words):
            return _Sort(way, strict)
    return None


def _label(document: Document, block: Block) -> tuple[str, _Sort] | None:
    """`Integration with other agents:` in front of a list is its heading."""
    if block.kind != "paragraph":
        return None
    last = document.source.text[block.start : block.end].rsplit("\n", 1)[-1].strip()
    if len(last) > _MOST_LABEL or not last.rstrip("*_ ").endswith(":"):
        return None
    sort = _sort_of(last.strip("*_: "))
    return (one_line(last.strip("*_: ")), sort) if sort else None


def _parts(document: Document, block: Block) -> Iterator[tuple[int, int]]:
    """The items of a list, each line of a nested list by itself; the rows of a table, without header."""
    if block.kind == "table":
        for row in document.table(block).rows:
            yield row[0].start, row[-1].end
        return
    for item in document.items(block):
        marks = [(0, 0), *((mark.start(), mark.end()) for mark in _NESTED.finditer(item.text))]
        ends = [mark[0] for mark in marks[1:]] + [len(item.text)]
        for (_, begin), end in zip(marks, ends, strict=True):
            yield item.start + begin, item.start + end


def _of_item(item: _Item, names: Names) -> list[Hint]:
    text = item.document.source.text[item.start : item.end]
    found = mentions(text, names, item.slug)
    if not found and item.sort.strict:
        name, at = guess(text)
        return [item.hint(name, item.start + at)]
    return [item.hint(one.name, item.start + one.start, one.slug) for one in found]
