"""The `## Roles` and `## Payloads` tables. Knows columns and cells, nothing of edges.

Invariant: a row whose link resolves gives a role, however faulty its other cells are.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from orgruntime.compiler import words
from orgruntime.compiler.fields import convert, one_of, split_commas
from orgruntime.compiler.keys import BUDGET, RESOURCES, ROLE_BUDGET, Table
from orgruntime.compiler.library import RoleLinks, RoleRef
from orgruntime.compiler.panel import Panel, read_panel
from orgruntime.diagnostics.codes import BAD_PAYLOAD, BAD_TABLE, BAD_VALUE, DUPLICATE_ROLE, UNKNOWN_KEY
from orgruntime.diagnostics.diagnostic import Findings
from orgruntime.diagnostics.nearest import did_you_mean
from orgruntime.diagnostics.span import Span
from orgruntime.model.amounts import Budget
from orgruntime.model.manifest import Resources, RoleKind
from orgruntime.model.payload import BUILTIN_PAYLOADS, FieldType, PayloadField, PayloadType
from orgruntime.orgfile.document import Cell, Document, Section
from orgruntime.orgfile.inline import links
from orgruntime.orgfile.tree import ScalarNode

ROLE_COLUMNS = ("role", "kind", "count", "model", "resources", "budget")
PAYLOAD_COLUMNS = ("payload", "field", "type", "required", "meaning")
MOST_DESKS = 1000
_NAME = re.compile(r"[a-z][a-z0-9_]*")


@dataclass(frozen=True)
class Needs:
    """What a trial of a role reserves. Absent parts are None."""

    resources: Resources = Resources()
    minutes: float | None = None
    span: Span | None = None
    given: bool = False


@dataclass(frozen=True)
class RoleRow:
    ref: RoleRef
    span: Span
    label: str
    kind: RoleKind | None = None
    count: int | None = None
    panel: Panel = Panel()
    needs: Needs = field(default_factory=Needs)
    count_span: Span | None = None
    budget: Budget | None = None
    budget_span: Span | None = None


def read_roles(
    document: Document, section: Section, role_links: RoleLinks, findings: Findings
) -> tuple[tuple[RoleRow, ...], bool]:
    """The rows whose link resolves, and whether all did."""
    found: dict[str, RoleRow] = {}
    complete = True
    for row in _rows(document, section, ROLE_COLUMNS, "role", findings):
        made = _role_row(document, row, role_links, findings)
        complete = complete and made is not None
        if made is None:
            continue
        earlier = found.get(made.ref.slug)
        if earlier is not None:
            help = "keep one; a second role needs a file of its own name"
            message = f"the role `{made.ref.slug}` is already in line {earlier.span.line}"
            findings.add(DUPLICATE_ROLE, made.span, message, help)
            continue
        found[made.ref.slug] = made
    return tuple(found.values()), complete


def read_payloads(document: Document, section: Section, findings: Findings) -> tuple[PayloadType, ...]:
    """The org's own payloads. Rows with the same name, or with none, are fields of one payload."""
    fields: dict[str, list[PayloadField]] = {}
    current = ""
    for row in _rows(document, section, PAYLOAD_COLUMNS, "payload", findings):
        current = _plain(row, "payload") or current
        span = _cell_span(document, row["payload"], row)
        if not _NAME.fullmatch(current) or current in BUILTIN_PAYLOADS:
            why = "is built in" if current in BUILTIN_PAYLOADS else "is not a name of small letters, digits and `_`"
            findings.add(BAD_PAYLOAD, span, f"the payload `{current}` {why}", "choose another name")
            continue
        made = _payload_field(document, row, findings)
        if made is None:
            continue
        if any(one.name == made.name for one in fields.get(current, [])):
            findings.add(BAD_PAYLOAD, span, f"the field `{made.name}` of `{current}` is given twice", "keep one row")
            continue
        fields.setdefault(current, []).append(made)
    return tuple(PayloadType(name=name, fields=tuple(made)) for name, made in fields.items())


def read_needs(node: ScalarNode, path: str, findings: Findings) -> Needs:
    """`gpus: 1, cpus: 2, memory: 4 GiB, minutes: 6, accelerator: H100`."""
    return bind_needs(_pairs(node, path, RESOURCES, findings), path, findings, node.span)


def read_budget(node: ScalarNode, findings: Findings) -> Budget | None:
    """`usd: 5, tokens: 2M`: what the models of a role may spend."""
    values = _pairs(node, "budget", ROLE_BUDGET, findings)
    usd, tokens = values.get("usd"), values.get("tokens")
    dollars = convert(usd.text, usd.span, "budget.usd", words.not_negative, findings) if usd else None
    made = convert(tokens.text, tokens.span, "budget.tokens", words.whole, findings) if tokens else None
    if dollars is None and made is None:
        return None
    return Budget(usd_micro=None if dollars is None else round(dollars * 1_000_000), tokens=made)


def bind_needs(values: dict[str, ScalarNode], path: str, findings: Findings, span: Span) -> Needs:
    gpus, cpus = (_amount(values, name, path, findings) for name in ("gpus", "cpus"))
    minutes = values.get("minutes")
    memory = values.get("memory")
    accelerator = values.get("accelerator")
    read = None if memory is None else convert(memory.text, memory.span, f"{path}.memory", words.mebibytes, findings)
    resources = Resources(
        cpus=1.0 if cpus is None else cpus,
        gpus=0.0 if gpus is None else gpus,
        memory_mb=read,
        accelerator=accelerator.text if accelerator else None,
    )
    limit = convert(minutes.text, minutes.span, f"{path}.minutes", words.positive, findings) if minutes else None
    return Needs(resources, limit, span, given=bool(values))


def _pairs(node: ScalarNode, path: str, known: Table, findings: Findings) -> dict[str, ScalarNode]:
    """`KEY: VALUE` parts of a cell, parted by commas."""
    what = "resource" if known is RESOURCES else "bound"
    values: dict[str, ScalarNode] = {}
    for part in split_commas(node):
        key, sign, value = part.text.partition(":")
        name = key.strip().casefold()
        if name not in known:
            help = did_you_mean(name, known)
            if what == "bound" and name in BUDGET:
                help = "it is bounded for the run, in `budget:`; a role has bounds on `usd` and `tokens`"
            message = f"unknown {what} `{key.strip()}` in `{path}`"
            findings.add(UNKNOWN_KEY, part.part(0, len(key.rstrip())), message, help)
        elif not sign or not value.strip() or name in values:
            fault = "is given twice" if name in values else "has no value"
            findings.add(BAD_VALUE, part.span, f"`{path}.{name}` {fault}", f"write it once, as `{name}: 1`")
        else:
            start = len(key) + 1 + len(value) - len(value.lstrip())
            values[name] = ScalarNode(part.part(start, start + len(value.strip())), value.strip())
    return values


def _amount(values: dict[str, ScalarNode], name: str, path: str, findings: Findings) -> float | None:
    node = values.get(name)
    return convert(node.text, node.span, f"{path}.{name}", words.not_negative, findings) if node else None


def _role_row(document: Document, row: dict[str, Cell], role_links: RoleLinks, findings: Findings) -> RoleRow | None:
    cell = row["role"]
    found = links(document.source.text, cell.start, cell.end)
    if len(found) != 1:
        span = _cell_span(document, cell, row)
        help = "write it as `[Researcher](roles/researcher.md)`"
        findings.add(BAD_TABLE, span, "the cell `role` must hold one link to a role file", help)
        return None
    link = found[0]
    span = document.source.span(link.start, link.end)
    ref = role_links.resolve(link.href)
    if not isinstance(ref, RoleRef):
        where = document.source.span(link.href_start, link.href_start + len(link.href))
        findings.add(ref.code, where, ref.message, ref.help)
        return None
    kind, count, model, needs, budget = (_scalar(document, row, name) for name in ROLE_COLUMNS[1:])
    return RoleRow(
        ref=ref,
        span=span,
        label=link.text,
        kind=convert(kind.text, kind.span, "kind", lambda text: one_of(text, RoleKind), findings) if kind else None,
        count=convert(count.text, count.span, "count", desks, findings) if count else None,
        panel=read_panel(split_commas(model), findings) if model else Panel(),
        needs=read_needs(needs, "resources", findings) if needs else Needs(),
        count_span=count.span if count else None,
        budget=read_budget(budget, findings) if budget else None,
        budget_span=budget.span if budget else None,
    )


def desks(text: str) -> int:
    """How many desks: `4` or `×4`, at most MOST_DESKS."""
    value = words.count(text.lstrip("×x").strip())
    if value > MOST_DESKS:
        raise words.OutOfRange(f"`{text}` is above {MOST_DESKS}", "use fewer desks")
    return value


def _payload_field(document: Document, row: dict[str, Cell], findings: Findings) -> PayloadField | None:
    name = _plain(row, "field")
    cell = row.get("field") or row["payload"]
    if not _NAME.fullmatch(name):
        span = _cell_span(document, cell, row)
        findings.add(BAD_PAYLOAD, span, f"`{name}` is not the name of a field", "use small letters, digits and `_`")
        return None
    kind, choices = _field_type(document, row, findings)
    required = _plain(row, "required").casefold()
    if required not in ("", "yes", "no", "true", "false", "required", "optional"):
        span = _cell_span(document, row["required"], row)
        findings.add(BAD_PAYLOAD, span, f"`{required}` is neither `yes` nor `no`")
    is_required = required not in ("no", "false", "optional")
    return PayloadField(name=name, type=kind, required=is_required, meaning=_plain(row, "meaning"), choices=choices)


def _field_type(document: Document, row: dict[str, Cell], findings: Findings) -> tuple[FieldType, tuple[str, ...]]:
    """`string`, … or `choice: a, b, c`. An empty cell is a string."""
    text = _plain(row, "type")
    word, _, rest = text.partition(":")
    choices = tuple(part.strip().strip("`") for part in re.split(r"[,/]|\\\|", rest) if part.strip())
    kinds = [kind.value for kind in FieldType]
    name = word.strip().casefold() or FieldType.STRING.value
    if name not in kinds or (name == FieldType.CHOICE.value) != bool(choices):
        span = _cell_span(document, row["type"], row)
        help = "write `choice: low, high`" if name == FieldType.CHOICE.value else did_you_mean(name, kinds)
        findings.add(BAD_PAYLOAD, span, f"`{text}` is not the type of a field", help)
        return FieldType.STRING, ()
    return FieldType(name), choices


def _rows(
    document: Document, section: Section, columns: tuple[str, ...], first: str, findings: Findings
) -> Iterator[dict[str, Cell]]:
    """Each row as column → cell. The header is checked against the closed set of columns."""
    block = next((block for block in section.blocks if block.kind == "table"), None)
    if block is None:
        help = "begin it with `| " + " | ".join(columns) + " |`"
        findings.add(BAD_TABLE, document.heading_span(section), f"the section `{section.title}` has no table", help)
        return
    table = document.table(block)
    names = [cell.text.strip("*_` ").casefold() for cell in table.header]
    for name, cell in zip(names, table.header, strict=True):
        if name not in columns:
            span = document.source.span(cell.start, max(cell.end, cell.start + 1))
            findings.add(BAD_TABLE, span, f"unknown column `{name}`", did_you_mean(name, columns))
    if first not in names:
        span = document.source.span(table.start, document.source.line_end(table.start))
        findings.add(BAD_TABLE, span, f"the table has no column `{first}`", "add it as the first column")
        return
    for row in table.rows:
        if len(row) > len(names):
            span = document.source.span(row[len(names)].start, max(row[-1].end, row[len(names)].start + 1))
            findings.add(BAD_TABLE, span, "the row has more cells than the header", "write a bar in a cell as `\\|`")
        padded = (*row, *[Cell("", row[-1].end, row[-1].end)] * (len(names) - len(row)))
        yield {name: cell for name, cell in zip(names, padded, strict=False) if name in columns}


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
