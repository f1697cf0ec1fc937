"""The diagram inside a program: a Mermaid block between two marker comments, drawn from the manifest, never a source.

Works on a document and a manifest. Invariant: what `find_diagram` finds where `drawn` was put is what `drawn` said.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from orgruntime.diagnostics.pattern import pattern
from orgruntime.diagram.graph import drawing_of, mermaid
from orgruntime.model.manifest import Manifest
from orgruntime.orgfile.document import Document

BEGIN, END = "<!-- orgrun:graph -->", "<!-- /orgrun:graph -->"
_WORD = "orgrun:graph"
_MARKER = pattern(rf"^ {{0,3}}<!--[ \t]*(?P<end>/?){_WORD}[ \t]*-->[ \t]*$", re.MULTILINE)


class Diagram(NamedTuple):
    """[start, end): from the first marker to the end of the second; `end` is None where there is no second one."""

    start: int
    end: int | None
    text: str = ""


def find_diagram(document: Document) -> Diagram | None:
    """The first one in the document. Markers in code blocks are examples and do not count."""
    text = document.source.text
    code = [(block.start, block.end) for block in document.blocks if block.kind == "block_code"]
    begin: re.Match[str] | None = None
    for mark in _MARKER.finditer(text, document.body_start):
        if any(start <= mark.start() < end for start, end in code):
            continue
        if not mark["end"]:
            begin = begin or mark
        elif begin is not None:
            return Diagram(begin.start(), mark.end(), text[begin.start() : mark.end()])
    return Diagram(begin.start(), None) if begin else None


def may_be_drawn(document: Document) -> bool:
    """False where `find_diagram` surely finds none, at the time of one search."""
    return _WORD in document.source.text


def drawn(manifest: Manifest) -> str:
    """The diagram of a compiled org with its markers, without a line end after it."""
    return f"{BEGIN}\n```mermaid\n{mermaid(drawing_of(manifest))}```\n{END}"
