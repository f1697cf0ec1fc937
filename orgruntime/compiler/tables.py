"""The `## Roles` and `## Payloads` tables. Knows columns and cells, nothing of edges.

Invariant: a row whose link resolves gives a role, however faulty its other cells are.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import NamedTuple, TypeVar

from orgruntime.compiler import reading_rules
from orgruntime.compiler.declared import Declared
from orgruntime.compiler.fields import Fields, convert, near_of, one_of
from orgruntime.compiler.hints import Hints, memory_of, names_of
from orgruntime.compiler.keys import RESOURCES
from orgruntime.compiler.library import RoleLinks, RoleRef
from orgruntime.compiler.needs import Needs, desks, pairs, read_budget, read_needs
from orgruntime.compiler.nodes import split_commas
from orgruntime.compiler.panel import Panel, read_panel
from orgruntime.compiler.payloads import NAME
from orgruntime.compiler.risk import RadiusWish, bind_role_risk
from orgruntime.diagnostics.diagnostic import Diagnostic, Findings
from orgruntime.diagnostics.pattern import pattern
from orgruntime.diagnostics.span import Span
from orgruntime.model.manifest import RoleKind
from orgruntime.model.payload import BUILTIN_PAYLOADS, FieldType, PayloadField, PayloadType
from orgruntime.orgfile.document import Cell, Document, Section
from orgruntime.orgfile.inline import Piece, links
from orgruntime.orgfile.recall import recall
from orgruntime.orgfile.tree import MapNode, Node, ScalarNode

ROLE_COLUMNS = (
    "role", "kind", "count", "model", "resources", "budget", "title", "tools", "produces", "consumes", "risk", "inputs",
    "memory", "was",
)  # fmt: skip
PAYLOAD_COLUMNS = ("payload", "field", "type", "required", "meaning")
_MOST_GUESSED, _MOST_GAPS = 100, 14
"""Rows of which a missing cell is looked for, and places in one: it takes 0.1 ms a place."""
T = TypeVar("T")


class RoleRow(NamedTuple):
    """`hints`: what the cells say. `values`: name and value of each input that they fill in."""

    ref: RoleRef
    span: Span
    label: str
    hints: Hints = Hints()
    values: tuple[tuple[ScalarNode, ScalarNode], ...] = ()

    @property
    def kind(self) -> RoleKind | None:
        return self.hints.kind

    @property
    def panel(self) -> Panel:
        return self.hints.panel

    @property
    def needs(self) -> Needs:
        return self.hints.needs


class _Row(NamedTuple):
    """The cells of a row. `names`: of all columns of its table; those of `known` are read."""

    names: tuple[str, ...]
    known: tuple[str, ...]
    given: tuple[Cell, ...]

    def cells(self, gap: int | None = None) -> dict[str, Cell]:
        """By column. The missing ones of a row that ends early are its last, or those before the cell `gap`."""
        at = len(self.given) if gap is None else gap
        end = self.given[at - 1].end
        missing = [Cell("", end, end)] * (len(self.names) - len(self.given))
        padded = (*self.given[:at], *missing, *self.given[at:])
        return {name: cell for name, cell in zip(self.names, padded, strict=False) if name in self.known}


class _Written(NamedTuple):
    """A row as it stands in the text: its link not yet followed. `found`: what is to be said if that leads to a role.

    `link` is None where there is no link or more than one.
    """

    link: Piece | None
    span: Span
    hints: Hints = Hints()
    values: tuple[tuple[ScalarNode, ScalarNode], ...] = ()
    found: tuple[Diagnostic, ...] = ()


def read_roles(
    document: Document, section: Section, role_links: RoleLinks, findings: Findings
) -> tuple[tuple[RoleRow, ...], bool]:
    """The rows whose link resolves, and whether all did, and the kinds of all are known."""
    kind = f"roles {section.heading.start}"
    written = recall(kind, document.source, findings, lambda own: _written_rows(document, section, own))
    found: dict[str, RoleRow] = {}
    complete = bool(written) or _is_readable(document, section, "role")
    for row in written:
        made = _resolved(document, row, role_links, findings)
        complete = complete and made is not None
        if made is None:
            continue
        complete = complete and (made.kind is not None or "kind" not in made.hints.places)
        earlier = found.get(made.ref.slug)
        if earlier is not None:
            findings.put(made.span, reading_rules.duplicate_role.second_row(made.ref.slug, earlier.span.line))
            continue
        found[made.ref.slug] = made
    return tuple(found.values()), complete


def read_payloads(document: Document, section: Section, findings: Findings) -> tuple[Declared, ...]:
    """The payloads of the table; references among them not yet followed. Rows with the same name, or with none, are
    fields of one payload."""
    fields: dict[str, list[PayloadField]] = {}
    places: dict[str, Span] = {}
    refs: dict[str, dict[str, Span]] = {}
    current = ""
    for row in (one.cells() for one in _rows(document, section, PAYLOAD_COLUMNS, "payload", findings)):
        current = _plain(row, "payload") or current
        span = _cell_span(document, row["payload"], row)
        if not NAME.fullmatch(current) or current in BUILTIN_PAYLOADS:
            findings.put(span, reading_rules.bad_payload.name(current, built_in=current in BUILTIN_PAYLOADS))
            continue
        made = _payload_field(document, row, findings)
        if made is None:
            continue
        if any(one.name == made.name for one in fields.get(current, [])):
            findings.put(span, reading_rules.bad_payload.field_again(current, made.name))
            continue
        fields.setdefault(current, []).append(made)
        places.setdefault(current, span)
        if made.of:
            refs.setdefault(current, {}).setdefault(made.of, _cell_span(document, row["type"], row))
    return tuple(
        Declared(PayloadType(name=name, fields=tuple(made)), places[name], refs.get(name, {}))
        for name, made in fields.items()
    )


def _written_rows(document: Document, section: Section, findings: Findings) -> tuple[_Written, ...]:
    """A function of the text alone, so that it can be remembered."""
    rows = enumerate(_rows(document, section, ROLE_COLUMNS, "role", findings))
    return tuple(_written(document, row, _MOST_GAPS if number < _MOST_GUESSED else 0) for number, row in rows)


def _written(document: Document, row: _Row, gaps: int) -> _Written:
    """`gaps`: places at which a missing cell is looked for."""
    cells = row.cells()
    found = links(document.source.text, cells["role"].start, cells["role"].end)
    if len(found) != 1:
        return _Written(None, _cell_span(document, cells["role"], cells))
    made = _read_cells(document, cells)
    if len(row.given) < len(row.names) and not _makes_sense(made):
        made = _with_gap(document, row, gaps) or made
    return made._replace(link=found[0], span=document.source.span(found[0].start, found[0].end))


def _read_cells(document: Document, row: dict[str, Cell]) -> _Written:
    """All but the link."""
    own = Findings()
    cells = {name: node for name in ROLE_COLUMNS[1:] if (node := _scalar(document, row, name)) is not None}
    inputs = cells.get("inputs")
    values = pairs(inputs, "inputs", own) if inputs else ()
    hints = _hints(cells, own)
    return _Written(None, _cell_span(document, row["role"], row), hints, values, tuple(own))


def _makes_sense(made: _Written) -> bool:
    """Whether nothing is to be said of any cell, and no amount stands where models do."""
    models = (node.text.partition(":") for node in made.hints.model)
    return not made.found and not any(colon and name.strip() in RESOURCES for name, colon, _ in models)


def _with_gap(document: Document, row: _Row, gaps: int) -> _Written | None:
    """A row that ends early and makes no sense, read as if the missing cells were before another one, where it does."""
    role = row.names.index("role")
    for gap in reversed(range(role + 1, min(len(row.given), role + 1 + gaps))):
        made = _read_cells(document, row.cells(gap))
        if _makes_sense(made):
            own, at = Findings(), row.given[gap]
            fault = reading_rules.bad_table.too_few_cells(len(row.given), len(row.names), row.names[gap])
            own.put(document.source.span(at.start, max(at.end, at.start + 1)), fault)
            return made._replace(found=tuple(own))
    return None


def _resolved(document: Document, row: _Written, role_links: RoleLinks, findings: Findings) -> RoleRow | None:
    link = row.link
    if link is None:
        findings.put(row.span, reading_rules.bad_table.no_link())
        return None
    ref = role_links.resolve(link.href)
    if not isinstance(ref, RoleRef):
        findings.put(document.source.span(link.href_start, link.href_start + len(link.href)), ref)
        return None
    for one in row.found:
        findings.keep(one)
    return RoleRow(ref, row.span, link.text, row.hints, row.values)


def _hints(cells: dict[str, ScalarNode], findings: Findings) -> Hints:
    """The cells of a row as the hints of a file are read."""

    def read(name: str, reader: Callable[[str], T]) -> T | None:
        node = cells.get(name)
        return convert(node.text, node.span, name, reader, findings) if node else None

    def names(name: str) -> tuple[ScalarNode, ...] | None:
        return names_of(split_commas(cells[name])) if name in cells else None

    needs = cells.get("resources")
    return Hints(
        # A slip in it is told, and does not hide what else is wrong.
        kind=read("kind", lambda text: one_of(text, RoleKind))
        or (near_of(cells["kind"].text, RoleKind) if "kind" in cells else None),
        count=read("count", desks),
        panel=read_panel(names("model") or (), findings),
        tools=names("tools"),
        needs=read_needs(needs, "resources", findings) if needs else Needs(),
        budget=read_budget(cells["budget"], findings) if "budget" in cells else None,
        title=cells["title"].text if "title" in cells else "",
        produces=names("produces"),
        consumes=names("consumes"),
        risk=_risk(cells["risk"], findings) if "risk" in cells else None,
        memory=read("memory", memory_of),
        was=names("was") or (),
        places={name: node.span for name, node in cells.items()},
    )


def _risk(cell: ScalarNode, findings: Findings) -> RadiusWish | None:
    """`cautious`, or `files: 2, lines: 50` with or without a `preset`."""
    node: Node = cell
    if ":" in cell.text:
        parts = pairs(cell, "risk", findings)
        outer = tuple(part for part in parts if part[0].text == "preset")
        inner = tuple(part for part in parts if part[0].text != "preset")
        radius = (ScalarNode(cell.span, "blast_radius"), MapNode(cell.span, inner))
        node = MapNode(cell.span, (*outer, radius))
    row = MapNode(cell.span, ((ScalarNode(cell.span, "risk"), node),))
    return bind_role_risk(Fields(row, "", ("risk",), findings), findings)


def _payload_field(document: Document, row: dict[str, Cell], findings: Findings) -> PayloadField | None:
    name = _plain(row, "field")
    cell = row.get("field") or row["payload"]
    if not name and _CLASS.fullmatch(_plain(row, "type")):
        fault = reading_rules.bad_payload.model_class(_plain(row, "type"))
        findings.put(_cell_span(document, row["type"], row), fault)
        return None
    if not NAME.fullmatch(name):
        findings.put(_cell_span(document, cell, row), reading_rules.bad_payload.field_name(name))
        return None
    kind, choices, of = _field_type(document, row, findings)
    required = _plain(row, "required").casefold()
    if required not in ("", "yes", "no", "true", "false", "required", "optional"):
        findings.put(_cell_span(document, row["required"], row), reading_rules.bad_payload.required(required))
    is_required = required not in ("no", "false", "optional")
    return PayloadField(
        name=name, type=kind, required=is_required, meaning=_plain(row, "meaning"), choices=choices, of=of
    )


_CLASS = pattern(r"[A-Za-z_][\w.]*:[A-Za-z_]\w*")
_REFERENCE = pattern(r"ref\s*(?::\s*`?(?P<after>\w+)`?|\(\s*`?(?P<inside>\w+)`?\s*\))", re.IGNORECASE)


def _field_type(document: Document, row: dict[str, Cell], findings: Findings) -> tuple[FieldType, tuple[str, ...], str]:
    """(type, choices, payload that is referred to) of `string`, `path`, `choice: a, b, c`, `ref(finding)`, … An empty
    cell is a string."""
    text = _plain(row, "type")
    if found := _REFERENCE.fullmatch(text):
        return FieldType.REF, (), found["after"] or found["inside"]
    word, _, rest = text.partition(":")
    name = word.strip().casefold() or FieldType.STRING.value
    choices = tuple(part.strip().strip("`") for part in re.split(r"[,/]|\\\|", rest) if part.strip())
    kinds = [kind.value for kind in FieldType]
    if name in kinds and name != FieldType.REF.value and (name == FieldType.CHOICE.value) == bool(choices):
        return FieldType(name), choices, ""
    of = reading_rules.bad_payload
    fault = of.no_choices() if name == FieldType.CHOICE.value else of.field_type(text, kinds)
    fault = of.no_target() if name == FieldType.REF.value else fault
    if _CLASS.fullmatch(text) and name not in kinds:
        fault = of.model_class(text)
    findings.put(_cell_span(document, row["type"], row), fault)
    return FieldType.STRING, (), ""


def _rows(
    document: Document, section: Section, columns: tuple[str, ...], first: str, findings: Findings
) -> Iterator[_Row]:
    """The header is checked against the closed set of columns."""
    block = next((block for block in section.blocks if block.kind == "table"), None)
    if block is None:
        findings.put(document.heading_span(section), reading_rules.bad_table.none(section.title, columns))
        return
    table = document.table(block)
    names = [_column(cell) for cell in table.header]
    for name, cell in zip(names, table.header, strict=True):
        if name not in columns:
            span = document.source.span(cell.start, max(cell.end, cell.start + 1))
            findings.put(span, reading_rules.bad_table.unknown_column(name, columns))
    if first not in names and not any(reading_rules.bad_table.meant_column(name) == first for name in names):
        span = document.source.span(table.start, document.source.line_end(table.start))
        findings.put(span, reading_rules.bad_table.no_column(first))
    if first not in names:
        return
    for row in table.rows:
        if len(row) > len(names):
            span = document.source.span(row[len(names)].start, max(row[-1].end, row[len(names)].start + 1))
            findings.put(span, reading_rules.bad_table.too_many_cells())
        yield _Row(tuple(names), columns, row)


def _is_readable(document: Document, section: Section, first: str) -> bool:
    """Whether there is a table with the column that each row must have."""
    block = next((block for block in section.blocks if block.kind == "table"), None)
    return block is not None and first in (_column(cell) for cell in document.table(block).header)


def _column(cell: Cell) -> str:
    return cell.text.strip("*_` ").casefold()


def _scalar(document: Document, row: dict[str, Cell], name: str) -> ScalarNode | None:
    """A non-empty cell as a scalar, code marks taken off."""
    cell = row.get(name)
    if cell is None or cell.text in ("", "-", "–", "—"):
        return None
    text = cell.text
    start = cell.start
    if len(text) > 2 and text[0] == text[-1] == "`" and "`" not in text[1:-1]:
        text, start = text[1:-1], start + 1
    return ScalarNode(document.source.span(start, start + len(text)), text, inner=0)


def _plain(row: dict[str, Cell], name: str) -> str:
    cell = row.get(name)
    return cell.text.strip("`").strip() if cell else ""


def _cell_span(document: Document, cell: Cell, row: dict[str, Cell]) -> Span:
    """The cell; where it is empty, the row."""
    if cell.end > cell.start:
        return document.source.span(cell.start, cell.end)
    cells = list(row.values())
    start = min(one.start for one in cells)
    return document.source.span(start, max(max(one.end for one in cells), start + 1))
