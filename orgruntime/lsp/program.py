"""A `program.md` in the editor: its rows, payloads, and every place that names a role or a payload.

Works on the buffer's text and on listings of the role folders; compiles nothing. Invariant: a mention's offsets are
those of its text in the buffer, however broken the rest of the program is.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from orgruntime.compiler.declared import joined
from orgruntime.compiler.library import RoleLinks, RoleRef
from orgruntime.compiler.nodes import split_commas
from orgruntime.compiler.payload_files import read_schemas
from orgruntime.compiler.payloads import known_payloads
from orgruntime.compiler.sections import Parts, part_sections
from orgruntime.compiler.tables import RoleRow, read_payloads, read_roles
from orgruntime.diagnostics.diagnostic import Findings
from orgruntime.lsp.buffer import Buffer
from orgruntime.model.ids import RoleSlug
from orgruntime.model.manifest import ModelSpec, Role, RoleKind
from orgruntime.model.payload import PayloadType
from orgruntime.orgfile.document import Document, Section
from orgruntime.orgfile.inline import PieceKind, links, pieces
from orgruntime.orgfile.source import Reader
from orgruntime.orgfile.tree import ListNode, MapNode, Node, ScalarNode

_WORDLESS = ("block_code", "block_html")


@dataclass(frozen=True)
class RoleMention:
    """A link to a role file, or an entry of `imports:`. [start, end) is the whole, [target, target_end) its path."""

    href: str
    label: str
    start: int
    end: int
    target: int
    target_end: int


@dataclass(frozen=True)
class PayloadMention:
    name: str
    start: int
    end: int


class ProgramView:
    def __init__(self, buffer: Buffer, read: Reader | None = None) -> None:
        """`read`: how other files of the org are read; without it, they are as if they were not there."""
        self.buffer = buffer
        self._read = read
        self.org: Path = buffer.path.parent

    @property
    def document(self) -> Document:
        return self.buffer.document

    @cached_property
    def links(self) -> RoleLinks:
        found = RoleLinks(self.org, self.org.as_posix())
        for mention in self._imports():
            found.add_import(mention.href)
        return found

    @cached_property
    def parts(self) -> Parts:
        return part_sections(self.document, Findings())

    @cached_property
    def rows(self) -> tuple[RoleRow, ...]:
        section = self.parts.roles
        return read_roles(self.document, section, self.links, Findings())[0] if section else ()

    @cached_property
    def slugs(self) -> dict[str, str]:
        """Slug → path of each role that a link of the program leads to."""
        refs = [ref for mention in self.roles if (ref := self.resolve(mention))]
        return {ref.slug: ref.source for ref in refs}

    @cached_property
    def people(self) -> dict[str, Role]:
        """The roles of the table by slug, as far as their row says what they are."""
        return {
            row.ref.slug: Role(
                slug=RoleSlug(row.ref.slug),
                name=row.label,
                kind=row.kind or RoleKind.AGENT,
                species=tuple(node.text.strip() for node in row.panel.names),
                produces=_texts(row.hints.produces),
                consumes=_texts(row.hints.consumes),
            )
            for row in self.rows
        }

    @cached_property
    def models(self) -> tuple[ModelSpec, ...]:
        """The entries of `models:` that name a species."""
        node = self._front("models")
        entries = node.entries if isinstance(node, MapNode) else ()
        named = [(name.text, value.get("model") if isinstance(value, MapNode) else value) for name, value in entries]
        return tuple(ModelSpec(name=name, species=one.text) for name, one in named if isinstance(one, ScalarNode))

    @property
    def servers(self) -> tuple[str, ...]:
        """Names of `mcp_servers:`."""
        node = self._front("mcp_servers")
        return tuple(name.text for name, _ in node.entries) if isinstance(node, MapNode) else ()

    @cached_property
    def tools(self) -> tuple[str, ...]:
        """What `tools:` grants; nothing where it is absent."""
        return tuple(node.text.strip() for node in _scalars(self._front("tools")))

    @cached_property
    def payloads(self) -> dict[str, PayloadType]:
        """Built-in and standard payloads and the org's own."""
        section, unsaid = self.parts.payloads, Findings()
        rows = read_payloads(self.document, section, unsaid) if section else ()
        files = read_schemas(self.org, self.org.as_posix(), unsaid, self._read) if self._read else ()
        return known_payloads(one.payload for one in joined(rows, files, unsaid))

    @cached_property
    def roles(self) -> tuple[RoleMention, ...]:
        """Every link to a markdown file, and every import, in order."""
        found = list(self._imports())
        for block in self.document.blocks:
            if block.kind in _WORDLESS:
                continue
            for link in links(self.buffer.text, block.start, block.end):
                if link.href.split("#")[0].endswith(".md"):
                    end = link.href_start + len(link.href)
                    found.append(RoleMention(link.href, link.text, link.start, link.end, link.href_start, end))
        return tuple(found)

    @cached_property
    def carried(self) -> tuple[PayloadMention, ...]:
        """Payloads that items of the workflow name."""
        found = []
        for block in self.parts.workflow.blocks if self.parts.workflow else ():
            if block.kind not in _WORDLESS:
                for piece in pieces(self.buffer.text, block.start, block.end):
                    if piece.kind is PieceKind.CODE:
                        start = self.buffer.text.find(piece.text, piece.start)
                        found.append(PayloadMention(piece.text, start, start + len(piece.text)))
        return tuple(found)

    @cached_property
    def declared(self) -> tuple[PayloadMention, ...]:
        """Names in the first column of the Payloads table; the first of a name is its declaration."""
        return tuple(_first_cells(self.document, self.parts.payloads)) if self.parts.payloads else ()

    def resolve(self, mention: RoleMention) -> RoleRef | None:
        """The role file that a mention leads to."""
        found = self.links.resolve(mention.href)
        return found if isinstance(found, RoleRef) else None

    def role_at(self, offset: int) -> RoleMention | None:
        return next((one for one in self.roles if one.start <= offset <= one.end), None)

    def payload_at(self, offset: int) -> PayloadMention | None:
        """A mention or declaration; its backticks belong to it."""
        both = (*self.carried, *self.declared)
        return next((one for one in both if one.start - 1 <= offset <= one.end + 1), None)

    def row_of(self, ref: RoleRef) -> RoleRow | None:
        return next((row for row in self.rows if row.ref.path == ref.path), None)

    def section_at(self, offset: int) -> Section | None:
        """The second-level section in which an offset is, blank lines below it included."""
        before = [section for section in self.document.sections() if section.heading.end <= offset]
        if not before:
            return None
        after = [block for block in self.document.blocks if block.level == 1 and block.start > before[-1].heading.start]
        return before[-1] if not after or offset <= after[0].start else None

    def _imports(self) -> Iterator[RoleMention]:
        for item in _scalars(self._front("imports")):
            if item.inner is not None:
                start = self.buffer.source.starts[item.span.line - 1] + item.span.column - 1 + item.inner
                end = start + len(item.text)
                href = item.text if item.text.endswith(".md") else f"{item.text}.md"
                yield RoleMention(href, item.text, start, end, start, end)

    def _front(self, key: str) -> Node | None:
        return self.document.front.get(key) if self.document.front else None


def _texts(nodes: tuple[ScalarNode, ...] | None) -> tuple[str, ...] | None:
    return None if nodes is None else tuple(node.text for node in nodes)


def _scalars(node: Node | None) -> tuple[ScalarNode, ...]:
    """The words of a list, or of a scalar parted by commas."""
    if isinstance(node, ListNode):
        return tuple(item for item in node.items if isinstance(item, ScalarNode) and item.text.strip())
    return split_commas(node) if isinstance(node, ScalarNode) else ()


def _first_cells(document: Document, section: Section) -> Iterator[PayloadMention]:
    for block in section.blocks:
        if block.kind != "table":
            continue
        for row in document.table(block).rows:
            cell = row[0]
            name = cell.text.strip("`").strip()
            if name:
                start = cell.start + cell.text.index(name)
                yield PayloadMention(name, start, start + len(name))
