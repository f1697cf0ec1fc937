"""The sections of a program: which are read by the compiler, and which are words for the agents.

Invariant: each second-level section is one or the other, and a near miss of a read one is said.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from itertools import takewhile
from typing import NamedTuple

from orgruntime.compiler import reading_rules
from orgruntime.diagnostics.diagnostic import Findings
from orgruntime.diagnostics.nearest import edit_distance
from orgruntime.diagnostics.pattern import pattern
from orgruntime.orgfile.blocks import Block
from orgruntime.orgfile.document import Document, Section
from orgruntime.orgfile.inline import links

READ = ("roles", "workflow", "payloads")
_SENTENCE_END = pattern(r"[.;!?](?=\s)|\n[ \t]*\n|\n(?=[ \t]*(?:[-*+]|\d+[.)]|#+|\|)[ \t])")


class Parts(NamedTuple):
    mission: str
    guidance: dict[str, str]
    roles: Section | None = None
    workflow: Section | None = None
    payloads: Section | None = None


def part_sections(document: Document, findings: Findings) -> Parts:
    """Reserved sections by name, case ignored; all others are guidance. The lead, else `## Mission`, is the mission."""
    reserved: dict[str, Section] = {}
    guidance: dict[str, Section] = {}
    for section in document.sections():
        key = section.title.strip("*_` ").casefold()
        home = reserved if key in READ else guidance
        name = key if key in READ else section.title
        if name in home:
            line = document.heading_span(home[name]).line
            fault = reading_rules.duplicate_section.again(section.title, line)
            findings.put(document.heading_span(section), fault)
            continue
        home[name] = section
        if home is guidance:
            _report_near(document, section, key, findings)
    _report_levels(document, findings)
    words = {title: document.text_of(section) for title, section in guidance.items()}
    mission = document.lead() or next((text for title, text in words.items() if title.casefold() == "mission"), "")
    return Parts(mission, words, reserved.get("roles"), reserved.get("workflow"), reserved.get("payloads"))


def _report_levels(document: Document, findings: Findings) -> None:
    """`# Workflow` and `### Workflow` with role links below them were surely meant to be read."""
    blocks = document.blocks
    for at, block in enumerate(blocks):
        key = block.text.strip("*_` ").casefold() if block.level not in (0, 2) else ""
        if key not in READ:
            continue
        most = max(2, block.level)
        below = [*takewhile(partial(_is_below, most), blocks[at + 1 :])]
        is_meant = below and (
            any(one.kind == "table" for one in below)
            if key == "payloads"
            else any(link.href.endswith(".md") for link in links(document.source.text, block.end, below[-1].end))
        )
        if is_meant:
            span = document.source.span(block.start, block.end)
            findings.put(span, reading_rules.likely_typo.level(block.text, block.level))


def _is_below(level: int, block: Block) -> bool:
    """Whether a heading of this level has not ended yet."""
    return not 0 < block.level <= level


def sentences(text: str, start: int, end: int | None = None) -> Iterator[tuple[int, int]]:
    """[start, end) of each sentence or list item of text[start:end]; a point inside of a word ends none."""
    end = len(text) if end is None else end
    cuts = [start, *(match.end() for match in _SENTENCE_END.finditer(text, start, end)), end]
    yield from ((a, b) for a, b in zip(cuts, cuts[1:], strict=False) if text[a:b].strip())


def _report_near(document: Document, section: Section, key: str, findings: Findings) -> None:
    """`## Workflows` with role links in it was surely meant to be read; `## Rules` without them was not."""
    near = next((name for name in READ if edit_distance(key, name) <= 2), None)
    begin = section.heading.end
    if near and any(link.href.endswith(".md") for link in links(document.source.text, begin, section.end)):
        findings.put(document.heading_span(section), reading_rules.likely_typo.section(section.title, near))
