"""What may be written at a place of a program or a role file: which part of the file it is, and who knows its words.

Works on half-typed text. Invariant: each proposal replaces exactly what of it is already typed, on the cursor's line.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from lsprotocol.types import CompletionItem, CompletionItemKind

from orgruntime.compiler.authority import DEFAULT_TOOLS
from orgruntime.compiler.panel import BY_RESULTS
from orgruntime.compiler.tables import PAYLOAD_COLUMNS, ROLE_COLUMNS
from orgruntime.lsp import keys
from orgruntime.lsp.buffer import Buffer
from orgruntime.lsp.front import cursor_at
from orgruntime.lsp.front_words import front_words
from orgruntime.lsp.inert import inert
from orgruntime.lsp.program import ProgramView
from orgruntime.lsp.proposal import Slot
from orgruntime.lsp.role_words import imports, is_role_file, link_words, open_link
from orgruntime.lsp.workflow_words import fields_of, workflow_words
from orgruntime.model.payload import FieldType
from orgruntime.model.tools import SERVER_PREFIX
from orgruntime.orgfile.document import Section

TRIGGERS = ("[", "(", "`", ",", " ", ":", "|", "/", "{", "#")

_ITEM = re.compile(r"\s*(?:\d+[.)]|[-*+])[ \t]+")
_BAR = re.compile(r"(?<!\\)\|")
_SECTIONS = {
    "Roles": "the table of roles: read by the compiler",
    "Workflow": "the list of handoffs: read by the compiler",
    "Payloads": "the table of the org's own payloads: read by the compiler",
    "Standing orders": "words for the agents",
    "Risk appetite": "words for the agents; the numbers are in `risk:`",
}
_REQUIRED = {"yes": "the field must be there", "no": "the field may be absent"}


def complete_program(view: ProgramView, offset: int) -> list[CompletionItem]:
    """Proposals for a place of `program.md`."""
    buffer = view.buffer
    cursor = cursor_at(buffer.text, offset)
    if cursor is not None:
        values = imports(view) if cursor.path == ("imports",) else None
        if cursor.path[:1] == ("models",) and cursor.path[2:] == ("fallback",):
            own = {name: doc for name, doc in _models(view).items() if name != cursor.path[1]}
            values = {name: doc for name, doc in own.items() if name not in keys.SPECIES}
        elif cursor.path == ("tools",):
            values = _tools(view)
        return list(front_words(buffer, offset, cursor, keys.PROGRAM, values))
    begin, _ = buffer.line_of(offset)
    before = buffer.text[begin:offset]
    if re.fullmatch(r"#{1,2}(?: [\w ]*)?", before):
        return list(_headings(view, Slot(buffer, begin, offset)))
    section = view.section_at(offset)
    title = section.title.strip("*_` ").casefold() if section else ""
    if title == "workflow" and (item := _ITEM.match(before)):
        return list(workflow_words(view, begin + item.end(), offset))
    if section and title in ("roles", "payloads") and before.lstrip().startswith("|"):
        return list(_in_cell(view, section, title, begin, offset))
    return []


def complete_role(buffer: Buffer, offset: int, view: ProgramView | None) -> list[CompletionItem]:
    """Proposals for the front matter of a role file; `view` is the program of its org."""
    cursor = cursor_at(buffer.text, offset)
    if cursor is None:
        return []
    values = _of_the_org(buffer, cursor.path, view) if view is not None else None
    return list(front_words(buffer, offset, cursor, keys.ROLE, values))


def _of_the_org(buffer: Buffer, path: tuple[str, ...], view: ProgramView) -> dict[str, str] | None:
    """What the program of a role has for a key of its front matter; None where the table of keys knows."""
    if path[-1:] == ("tools",):
        return dict.fromkeys(view.tools or DEFAULT_TOOLS, "granted by the program")
    if path == ("org", "model"):
        return _models(view)
    if path in (("org", "produces"), ("org", "consumes")):
        return _payloads(view)
    if path == ("org", "hands_off_to"):
        others = {**view.slugs, **{ref.slug: ref.source for ref in view.links.own_files() if is_role_file(ref)}}
        return {slug: inert(source) for slug, source in others.items() if view.org / source != buffer.path}
    return None


def _headings(view: ProgramView, slot: Slot) -> Iterator[CompletionItem]:
    there = {section.title.casefold() for section in view.document.sections() if section.heading.start != slot.start}
    for title, doc in _SECTIONS.items():
        if title.casefold() not in there:
            yield slot.offer(f"## {title}", doc, CompletionItemKind.Module)


def _in_cell(view: ProgramView, section: Section, title: str, begin: int, offset: int) -> Iterator[CompletionItem]:
    """Proposals for a cell of a table, by its column."""
    buffer = view.buffer
    bars = [match.end() for match in _BAR.finditer(buffer.text, begin, offset)]
    word = buffer.text[bars[-1] : offset].lstrip(" \t")
    slot = Slot(buffer, offset - len(word), offset)
    header_at, header = _header(buffer, section)
    names = [name.strip("*_` ").casefold() for name in _BAR.split(header.strip().strip("|"))]
    column = len(bars) - 1
    if header_at == begin:
        columns = ROLE_COLUMNS if title == "roles" else PAYLOAD_COLUMNS
        yield from slot.words({name: "a column" for name in columns if name not in names})
    elif column < len(names) and names[column] == "role":
        link = open_link(view, bars[-1], offset)
        yield from link if link is not None else link_words(view, slot)
    elif column < len(names):
        yield from _cell_words(view, names[column], slot)


def _header(buffer: Buffer, section: Section) -> tuple[int, str]:
    """Where the first table of a section begins, and its first line."""
    for start in buffer.source.starts:
        line = buffer.text[start : buffer.source.line_end(start)]
        if start > section.heading.start and line.lstrip().startswith("|"):
            return start, line
    return -1, ""


def _cell_words(view: ProgramView, column: str, slot: Slot) -> Iterator[CompletionItem]:
    listed = {"model": _panel, "tools": _tools, "produces": _payloads, "consumes": _payloads}
    if column in listed:
        yield from slot.last().words(listed[column](view))
    elif column in ("resources", "budget"):
        for name, key in (keys.RESOURCES if column == "resources" else keys.ROLE_BUDGET).items():
            if f"{name}:" not in slot.typed:
                yield slot.last().offer(name, key.doc, CompletionItemKind.Property, text=f"{name}: {key.example}")
    else:
        own = {one.name: "one more field of it" for one in view.declared}
        types = {kind.value: "a type" for kind in FieldType if kind is not FieldType.REF}
        types |= {f"ref({name})": "an object with its fields" for name in view.payloads}
        known = {"kind": keys.KINDS, "type": types, "required": _REQUIRED, "payload": own, "memory": keys.MEMORIES,
                 "risk": keys.PRESET_WORDS}  # fmt: skip
        yield from slot.words(known.get(column, {}))


def _models(view: ProgramView) -> dict[str, str]:
    """Names of `models:`, then the species that need no key, then Claude's."""
    own = {model.name: f"`models:` has it for {inert(model.species)}" for model in view.models}
    return {**own, **keys.SPECIES, **keys.CLAUDE}


def _panel(view: ProgramView) -> dict[str, str]:
    return {**_models(view), BY_RESULTS: "of several models, by what each has gained"}


def _tools(view: ProgramView) -> dict[str, str]:
    """Tools that the program can give a role: those of its servers, and those that are built in."""
    return {**{f"{SERVER_PREFIX}{name}": "its tools" for name in view.servers}, **keys.TOOLS}


def _payloads(view: ProgramView) -> dict[str, str]:
    return {name: fields_of(payload) for name, payload in view.payloads.items()}
