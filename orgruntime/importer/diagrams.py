"""Mermaid flowcharts in the words of an organization, read as hints: a diagram is a source for an import alone.

Works on fenced blocks; knows nodes and arrows, no shapes and no styles. Invariant: an arrow gives a hint where one of
its ends is a role, once; an arrow between things that are no roles is none.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from orgruntime.importer.foreign import Fate, Hint, Way
from orgruntime.importer.gather import Gatherer
from orgruntime.importer.hints import one_line
from orgruntime.importer.names import Match, Names
from orgruntime.orgfile.document import Document

_BLOCK = re.compile(r"^[ \t]*(?P<fence>`{3,}|~{3,})[ \t]*mermaid[ \t]*\n(?P<text>.*?)^[ \t]*(?P=fence)", re.M | re.S)
_HEAD = re.compile(r"\s*(?:%%[^\n]*\n\s*)*(?:graph|flowchart)\b[^\n;]*[\n;]")
_NODE = re.compile(
    r"[ \t]*(?P<id>\w+(?:-(?![-.>])\w+)*)(?:[\[({>]+[\"']?(?P<label>[^\]})\"'\n]+)[\"']?[\])}]+)?(?::::\w+)?[ \t]*"
)
_ARROW = re.compile(r"<?(?:-{2,}|={2,}|-\.+-?)(?:[^->|=\n&]+(?:-{2,}|={2,}|\.+-))?>[ \t]*(?:\|[^|\n]*\|)?")
_ORIGIN = "a Mermaid diagram"
_MOST_BYTES, _MOST_FILES = 256 * 1024, 500
"""Of a file that is no role and is looked through for diagrams; how many such files."""


@dataclass(frozen=True)
class _Arrow:
    """`source` and `target` are ids; `start` is an offset of the block's text."""

    source: str
    target: str
    start: int


def diagram_hints(shown: str, document: Document, names: Names) -> Iterator[Hint]:
    """The hints of the diagrams in one file."""
    text = document.source.text
    for block in _BLOCK.finditer(text):
        head = _HEAD.match(block["text"])
        if head is None:
            continue
        labels, arrows = _parsed(block["text"], head.end())
        for arrow in arrows:
            line = document.source.place(block.start("text") + arrow.start)[0]
            hint = _hint(shown, line, arrow, labels, names)
            if hint is not None:
                yield hint


def beside_roles(gatherer: Gatherer, names: Names) -> Iterator[Hint]:
    """The hints of the diagrams in markdown that is no role: a read-me that shows who works with whom."""
    left = [one.path for one in gatherer.fates.values() if one.fate is Fate.LEFT and one.path.endswith(".md")]
    for relative in left[:_MOST_FILES]:
        document = gatherer.document(relative, _MOST_BYTES)
        found = list(diagram_hints(relative, document, names)) if document else []
        if found:
            gatherer.read(relative, "the arrows of its diagram are hints; its words are not carried over")
            yield from found


def _parsed(text: str, start: int) -> tuple[dict[str, str], list[_Arrow]]:
    """(id → label, arrows) of a flowchart."""
    labels: dict[str, str] = {}
    arrows: list[_Arrow] = []
    for line in re.compile(r"[^\n;]+").finditer(text, start):
        at, before = line.start(), tuple[str, ...]()
        while True:
            group, at = _group(text, at, line.end(), labels)
            arrows += [_Arrow(one, other, line.start()) for one in before for other in group]
            arrow = _ARROW.match(text, at, line.end())
            if not group or arrow is None:
                break
            at, before = arrow.end(), group
    return labels, arrows


def _group(text: str, at: int, end: int, labels: dict[str, str]) -> tuple[tuple[str, ...], int]:
    """The ids of `A & B`, and where they end."""
    found: list[str] = []
    while node := _NODE.match(text, at, end):
        found.append(node["id"])
        if node["label"]:
            labels.setdefault(node["id"], re.split(r"<br */?>", node["label"])[0].strip())
        at = node.end()
        if not text.startswith("&", at):
            break
        at += 1
    return tuple(found), at


def _hint(shown: str, line: int, arrow: _Arrow, labels: dict[str, str], names: Names) -> Hint | None:
    source, target = (_role(one, labels, names) for one in (arrow.source, arrow.target))
    called = [one_line(labels.get(one, one)) for one in (arrow.source, arrow.target)]
    quote = f"{called[0]} → {called[1]}"
    if source.slug:
        return Hint(source.slug, called[1], Way.HANDS, _ORIGIN, shown, line, quote, slug=target.slug)
    if target.slug:
        return Hint(target.slug, called[0], Way.HANDS, _ORIGIN, shown, line, quote, incoming=True)
    return None


def _role(id: str, labels: dict[str, str], names: Names) -> Match:
    """By its label, else by its id."""
    found = names.find(labels[id]) if id in labels else Match(None)
    return found if found.slug else names.find(id)
