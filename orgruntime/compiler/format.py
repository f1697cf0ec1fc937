"""The normal form of a program's workflow list and diagram, as edits. Changes nothing else of the file.

Works on a document that compiles. Invariant: the edits keep the meaning, so the org compiles to the same graph after
them, and what is formatted needs no edit.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from orgruntime.compiler.diagram import drawn, find_diagram
from orgruntime.compiler.library import RoleLinks
from orgruntime.compiler.sections import part_sections
from orgruntime.compiler.workflow import Edge, read_workflow
from orgruntime.diagnostics.diagnostic import Findings
from orgruntime.diagnostics.pattern import pattern
from orgruntime.diagnostics.span import Span
from orgruntime.model.manifest import HandoffKind, Manifest
from orgruntime.orgfile.blocks import Block
from orgruntime.orgfile.document import Document
from orgruntime.orgfile.edits import Edit

_WORD = pattern(r"[\w-]+")
_UNITS = ((86_400_000, "d"), (3_600_000, "h"), (60_000, "m"), (1_000, "s"), (1, "ms"))


class OpenDiagram(ValueError):
    """The diagram has a first marker and no second one, so its end is not known. `line` counts from 1."""

    def __init__(self, line: int) -> None:
        super().__init__(f"line {line}")
        self.line = line


def format_edits(document: Document, manifest: Manifest, links: RoleLinks) -> tuple[Edit, ...]:
    """What is to be changed; nothing where all is in its normal form. Raises OpenDiagram."""
    section = part_sections(document, Findings()).workflow
    edits: list[Edit] = []
    lists: list[Block] = []
    if section is not None:
        lists = [block for block in section.blocks if block.kind == "list"]
        edges = iter(read_workflow(document, section, links, Findings()).edges)
        edits += [_list_edit(document, block, edges) for block in lists]
    edits += _diagram_edit(document, manifest, lists)
    text = document.source.text
    return tuple(edit for edit in edits if text[edit.start : edit.end] != edit.text)


def _list_edit(document: Document, block: Block, edges: Iterator[Edge]) -> Edit:
    """A list as one line an item, numbered from 1."""
    lines = [f"{n}. {_line(document, next(edges))}" for n, _ in enumerate(document.items(block), 1)]
    start = document.source.text.rfind("\n", 0, block.start) + 1
    return Edit(start, block.end, "\n".join(lines))


def _diagram_edit(document: Document, manifest: Manifest, lists: Sequence[Block]) -> list[Edit]:
    """The diagram in its place: where its markers are, else below the last list of the workflow."""
    found = find_diagram(document)
    if found is not None and found.end is None:
        raise OpenDiagram(document.source.place(found.start)[0])
    if found is not None and found.end is not None:
        return [Edit(found.start, found.end, drawn(manifest))]
    return [Edit(lists[-1].end, lists[-1].end, f"\n\n{drawn(manifest)}")] if lists else []


def _line(document: Document, edge: Edge) -> str:
    source = _link(document, edge.source_span)
    if edge.target_span is None:
        return f"{source} every {_period(edge)}: `{edge.payload}`"
    verb = "asks" if edge.kind is HandoffKind.ASK else "→"
    times = f" ×{edge.fan_out}" if edge.fan_out > 1 else ""
    clauses = [f"when {_condition(edge.when)}"] if edge.when else ["otherwise"] if edge.otherwise else []
    if edge.at_most is not None:
        clauses.append("at most once" if edge.at_most == 1 else f"at most {edge.at_most} times")
    return ", ".join([f"{source} {verb} {_link(document, edge.target_span)}{times}: `{edge.payload}`", *clauses])


def _condition(when: str) -> str:
    """`promising`, `size is small`; a choice that is no single word in backticks."""
    field, sign, choice = when.partition(" is ")
    return field + sign + (choice if not sign or _WORD.fullmatch(choice) else f"`{choice}`")


def _link(document: Document, span: Span) -> str:
    """A link as it is written, on one line."""
    source = document.source
    start, end = source.offset(span.line, span.column), source.offset(span.end_line, span.end_column)
    return " ".join(source.text[start:end].split())


def _period(edge: Edge) -> str:
    if edge.every_s is None:
        return "1 trial" if edge.every_trials == 1 else f"{edge.every_trials} trials"
    left = round(edge.every_s * 1000)
    if left / 1000 != edge.every_s:
        return f"{edge.every_s!r}s"
    parts = []
    for size, unit in _UNITS:
        number, left = divmod(left, size)
        parts += [f"{number}{unit}"] if number else []
    return "".join(parts)
