"""Rows, links and role files become roles. Knows kinds and defaults, nothing of conditions or cycles.

Invariant: every role that the program names is there, with the slug of its file, whatever else is wrong with it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from orgruntime.compiler.authority import asked, granted, held_back
from orgruntime.compiler.fields import Fields
from orgruntime.compiler.keys import RESOURCES
from orgruntime.compiler.library import RoleRef
from orgruntime.compiler.panel import Panel, read_panel
from orgruntime.compiler.program import Program
from orgruntime.compiler.rolefile import RoleFile, read_role, report_empty
from orgruntime.compiler.species import resolve
from orgruntime.compiler.tables import Needs, RoleRow, bind_needs, desks, read_needs
from orgruntime.diagnostics.codes import DUPLICATE_ROLE
from orgruntime.diagnostics.diagnostic import Findings
from orgruntime.diagnostics.span import Span
from orgruntime.model.ids import RoleSlug
from orgruntime.model.manifest import Resources, Role, RoleKind
from orgruntime.orgfile.source import Reader
from orgruntime.orgfile.tree import ListNode, MapNode, ScalarNode


@dataclass(frozen=True)
class Named:
    """A role that the program names: where it was named first, and its row if it has one."""

    ref: RoleRef
    span: Span
    row: RoleRow | None = None


def named_roles(
    rows: Iterable[RoleRow], linked: Iterable[tuple[RoleRef, Span]], findings: Findings
) -> tuple[Named, ...]:
    """Every role of the program, rows first, each once. Two files with one slug are an error."""
    found: dict[str, Named] = {row.ref.slug: Named(row.ref, row.span, row) for row in rows}
    for ref, span in linked:
        known = found.setdefault(ref.slug, Named(ref, span))
        if known.ref.path != ref.path:
            message = f"`{ref.source}` and `{known.ref.source}` are two roles of the same name `{ref.slug}`"
            findings.add(DUPLICATE_ROLE, span, message, "link one file everywhere, or rename one")
    return tuple(found.values())


def read_named(named: Iterable[Named], findings: Findings, read: Reader) -> dict[str, RoleFile]:
    return {one.ref.slug: read_role(one.ref.path, one.ref.shown, one.ref.slug, findings, read) for one in named}


def bind_role(named: Named, file: RoleFile, program: Program, findings: Findings) -> Role:
    """The table's cells win over the hints of the role file."""
    row = named.row
    kind = (row.kind if row else None) or file.kind or RoleKind.AGENT
    needs = row.needs if row and row.needs.given else _hinted_needs(file.hints, findings)
    count = (row.count if row else None) or (file.hints.read("count", desks) if file.hints else None)
    panel = _panel(named, file, program, findings) if kind is RoleKind.AGENT else Panel()
    role = Role(
        slug=RoleSlug(named.ref.slug),
        name=file.name,
        kind=kind,
        description=file.description,
        prompt=file.body,
        count=count or 1,
        species=resolve(panel.names, program.models, findings),
        choice=panel.choice,
        shares=panel.shares,
        budget=row.budget if row else None,
        tools=held_back(granted(asked(file), program.tools), file.denied) if kind is RoleKind.AGENT else (),
        resources=needs.resources if needs else Resources(),
        minutes=needs.minutes if needs else None,
        source=named.ref.source,
    )
    if kind is RoleKind.AGENT:
        report_empty(file, findings)
    return role


def _panel(named: Named, file: RoleFile, program: Program, findings: Findings) -> Panel:
    """The row's models; else the hint below `org:`; else `default`. A foreign `model:` is a wish, not a grant."""
    given = panel_of(named, file, findings)
    if given.names or not any(model.name == "default" for model in program.models):
        return given
    return Panel((ScalarNode(named.span, "default"),))


def panel_of(named: Named, file: RoleFile, findings: Findings) -> Panel:
    """The models that a row names, else those of the hint."""
    if named.row and named.row.panel.names:
        return named.row.panel
    hinted = file.hints.words("model", comma_string=True) if file.hints else None
    return read_panel(hinted or (), findings)


def _hinted_needs(hints: Fields | None, findings: Findings) -> Needs | None:
    node = hints.value("resources") if hints else None
    if isinstance(node, ScalarNode):
        return read_needs(node, "org.resources", findings)
    if hints is None or node is None or isinstance(node, ListNode):
        return None
    inner = hints.mapping("resources", RESOURCES)
    assert isinstance(node, MapNode)
    values = {name.text: value for name, value in node.entries if isinstance(value, ScalarNode)}
    return bind_needs(values, "org.resources", findings, node.span) if inner else None
