"""The program of a fork: its title and the places that lead out of the org's folder, changed and nothing else.

Works on the bytes of `program.md`. Knows where a link stands and what it says, not where it leads: that is for a reader
of folders. Invariant: outside the edits that are returned, every byte is kept, byte-order mark and line ends included.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from urllib.parse import quote

from orgruntime.diagnostics.diagnostic import Findings
from orgruntime.diagnostics.span import Span
from orgruntime.orgfile.document import Document, parse_document
from orgruntime.orgfile.inline import links
from orgruntime.orgfile.source import decode
from orgruntime.orgfile.tree import ListNode, MapNode, Node, ScalarNode

LONGEST_TITLE = 120

_PLAIN_YAML = re.compile(r"[A-Za-z0-9._/][A-Za-z0-9._/-]*")
_MARK = b"\xef\xbb\xbf"


class WordsError(ValueError):
    """The program cannot be changed so: one sentence."""


class Leads(StrEnum):
    """What a place of the program leads to."""

    WORKSPACE = "workspace.source"
    ROLE = "role"
    IMPORT = "import"


@dataclass(frozen=True)
class Lead:
    """A place of the program that leads to a file or a folder. [start, end) are offsets of the text as it is read."""

    kind: Leads
    text: str
    start: int
    end: int


@dataclass(frozen=True)
class Replacement:
    start: int
    end: int
    text: str


class ProgramWords:
    """A `program.md` to be changed."""

    def __init__(self, data: bytes) -> None:
        """Raises WordsError for what is no text."""
        source = decode(data, "program.md", Findings())
        if source is None:
            raise WordsError("its program.md is not UTF-8 text")
        self._data, self._source = data, source
        self._document: Document = parse_document(source, Findings())

    @property
    def title(self) -> str:
        return self._document.title or ""

    def leads(self) -> tuple[Lead, ...]:
        """Every place that leads to the workspace or to a role, in order. One that no path can be leads nowhere."""
        found = (lead for lead in (*self._front(), *self._links()) if _can_be_a_path(lead.text))
        return tuple(sorted(found, key=lambda lead: lead.start))

    def leading(self, lead: Lead, text: str) -> Replacement:
        """The replacement by which a place says `text`."""
        if lead.kind is Leads.ROLE:
            text = quote(text)
        elif not _PLAIN_YAML.fullmatch(text):
            text = json.dumps(text, ensure_ascii=False)
        return Replacement(lead.start, lead.end, text)

    def titled(self, title: str) -> Replacement:
        """The replacement of the first heading; a program without one gets it. Raises WordsError."""
        line = f"# {_checked(title)}"
        heading = next((block for block in self._document.blocks if block.level == 1), None)
        if heading is not None:
            return Replacement(heading.start, heading.end, line)
        if self._document.front_is_broken:
            raise WordsError("its program.md opens a front matter (`---`) that cannot be read; mend that first")
        start = self._document.body_start
        return Replacement(start, start, f"\n{line}\n" if start else f"{line}\n\n")

    def changed(self, replacements: Iterable[Replacement]) -> bytes:
        """The bytes with the replacements made."""
        raw = self._data.removeprefix(_MARK).decode("utf-8")
        place = _raw_places(raw)
        ends = "\r\n" if "\r\n" in raw else "\n"
        for one in sorted(replacements, key=lambda one: one.start, reverse=True):
            raw = raw[: place[one.start]] + one.text.replace("\n", ends) + raw[place[one.end] :]
        return (_MARK if self._data.startswith(_MARK) else b"") + raw.encode()

    def _front(self) -> Iterator[Lead]:
        front = self._document.front
        if front is None:
            return
        workspace, imports = front.get("workspace"), front.get("imports")
        source = workspace.get("source") if isinstance(workspace, MapNode) else None
        for kind, node in ((Leads.WORKSPACE, source), (Leads.IMPORT, imports)):
            for scalar in _scalars(node):
                start, end = self._offsets(scalar.span)
                yield Lead(kind, scalar.text.strip(), start, end)

    def _links(self) -> Iterator[Lead]:
        for block in self._document.blocks:
            if block.kind in ("block_code", "block_html"):
                continue
            for link in links(self._source.text, block.start, block.end):
                target = re.split(r"[#?]", link.href)[0]
                if target.endswith(".md"):
                    yield Lead(Leads.ROLE, target, link.href_start, link.href_start + len(target))

    def _offsets(self, span: Span) -> tuple[int, int]:
        starts = self._source.starts
        return starts[span.line - 1] + span.column - 1, starts[span.end_line - 1] + span.end_column - 1


def _can_be_a_path(text: str) -> bool:
    """Nothing that a file system refuses to look up: names of 256 bytes, paths of 4 KiB, NUL, half a character."""
    written = text.encode("utf-8", "replace")
    if "\0" in text or written.decode() != text:
        return False
    return len(written) < 4096 and all(len(part) < 256 for part in written.split(b"/"))


def _scalars(node: Node | None) -> tuple[ScalarNode, ...]:
    if isinstance(node, ListNode):
        return tuple(item for item in node.items if isinstance(item, ScalarNode))
    return (node,) if isinstance(node, ScalarNode) else ()


def _checked(title: str) -> str:
    """The title, where a heading can hold it as it is."""
    name = title.strip()
    hidden = any(unicodedata.category(char) in ("Cc", "Cf", "Zl", "Zp", "Cs") and char != "\u200d" for char in name)
    if not name or hidden or len(name) > LONGEST_TITLE:
        raise WordsError(f"{title!r} cannot be a title: give one line of at most {LONGEST_TITLE} visible characters")
    source = decode(f"# {name}\n".encode(), "title", Findings())
    if source is None or parse_document(source, Findings()).title != name:
        raise WordsError(f"{title!r} cannot be a title: markdown would read it otherwise")
    return name


def _raw_places(raw: str) -> list[int] | range:
    """Offset in the text with single line feeds → offset in the raw text."""
    if "\r" not in raw:
        return range(len(raw) + 1)
    places = [at for at, char in enumerate(raw) if not (char == "\n" and at and raw[at - 1] == "\r")]
    return [*places, len(raw)]
