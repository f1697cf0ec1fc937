"""Rows, links and role files become roles. Knows kinds and defaults, nothing of conditions or cycles.

Invariant: every role that the program names is there, with the slug of its file, whatever else is wrong with it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from orgruntime.compiler import reading_rules
from orgruntime.compiler.authority import given, granted_to, held_back, translated
from orgruntime.compiler.hints import Hints
from orgruntime.compiler.inputs import defaults, filled, read_value
from orgruntime.compiler.library import RoleRef
from orgruntime.compiler.naming import SlugNames
from orgruntime.compiler.panel import Panel
from orgruntime.compiler.program import Program
from orgruntime.compiler.risk import narrower
from orgruntime.compiler.rolefile import RoleFile, keep_found, read_role, report_empty
from orgruntime.compiler.species import granted_wishes, resolve
from orgruntime.compiler.tables import RoleRow
from orgruntime.compiler.wishes import granted_model
from orgruntime.diagnostics.diagnostic import Findings
from orgruntime.diagnostics.span import Span
from orgruntime.model.appetite import BlastRadius
from orgruntime.model.ids import RoleSlug
from orgruntime.model.manifest import Memory, Role, RoleKind
from orgruntime.model.species import reference_to
from orgruntime.orgfile.source import Reader
from orgruntime.orgfile.tree import ScalarNode


class Named(NamedTuple):
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
        known = found.get(ref.slug)
        if known is None:
            found[ref.slug] = Named(ref, span)
        elif known.ref.path != ref.path:
            fault = reading_rules.duplicate_role.two_files(ref.source, known.ref.source, ref.slug)
            findings.put(span, fault)
    return tuple(found.values())


def wished_fallback(named: Named, file: RoleFile) -> ScalarNode | None:
    """Of the cell, where it names models; else of the file."""
    cell = named.row.panel if named.row else Panel()
    return cell.fallback or (None if cell.names else file.hints.panel.fallback)


def read_named(named: Iterable[Named], findings: Findings, read: Reader) -> dict[str, RoleFile]:
    files = {one.ref.slug: read_role(one.ref.path, one.ref.shown, one.ref.slug, read) for one in named}
    for file in files.values():
        keep_found(file, findings)
    return files


def settled(named: Named, file: RoleFile) -> Hints:
    """What is asked for a role: the cells of its row, and the hints of its file where the row says nothing."""
    return named.row.hints.over(file.hints) if named.row else file.hints


def bind_role(named: Named, file: RoleFile, program: Program, names: SlugNames, findings: Findings) -> Role:
    """The table's cells win over the hints of the role file."""
    hints = settled(named, file)
    kind = hints.kind or RoleKind.AGENT
    is_agent = kind is RoleKind.AGENT
    inputs = _inputs(named, file, findings)
    panel = _panel(named, file, program) if is_agent else Panel()
    role = Role(
        slug=RoleSlug(named.ref.slug),
        name=file.name,
        kind=kind,
        description=file.description,
        usage=file.usage,
        prompt=filled(file.body, inputs),
        count=hints.count or 1,
        species=resolve(panel.names, program.models, findings),
        choice=panel.choice,
        shares=panel.shares,
        fallback=_fallback(named, file, program) if panel.names else None,
        budget=hints.budget,
        network=any(node.text.strip() == named.ref.slug for node in program.network),
        tools=_tools(named, kind, file, program),
        resources=hints.needs.resources,
        minutes=hints.needs.minutes,
        source=named.ref.source,
        title=hints.title,
        produces=_texts(hints.produces),
        consumes=_texts(hints.consumes),
        hands_off_to=tuple(_targets(hints, names, findings)),
        blast_radius=_radius(named, file, program) if is_agent else None,
        inputs=inputs,
        memory=hints.memory or Memory.ORG,
        was=tuple(node.text for node in hints.was),
    )
    if is_agent:
        report_empty(file, findings)
    return role


def _panel(named: Named, file: RoleFile, program: Program) -> Panel:
    """The row's models; else what the file wishes for and the program grants; else `default`."""
    given = named.row.panel if named.row and named.row.panel.names else granted_wishes(file, program.models)
    if given.names or not any(model.name == "default" for model in program.models):
        return given
    return Panel((ScalarNode(named.span, "default"),))


def _fallback(named: Named, file: RoleFile, program: Program) -> str | None:
    """The row's; else what the file wishes for and the program grants."""
    node = wished_fallback(named, file)
    if node is not None and node is file.hints.panel.fallback:
        node = granted_model(node, program.models)
    if node is None:
        return None
    known = {model.name: model for model in program.models}
    return reference_to(known[node.text]) if node.text in known else node.text


def _tools(named: Named, kind: RoleKind, file: RoleFile, program: Program) -> tuple[str, ...]:
    """What the row gives an agent; else what the file asks for and the program grants. What it denies itself is held
    back."""
    row = named.row.hints.tools if named.row else None
    denied = translated(file.denied, program.tool_names) or ()
    if row is None or kind not in (RoleKind.AGENT, RoleKind.VERIFIER):
        return held_back(granted_to(kind, translated(file.asked, program.tool_names), program.tools), denied)
    tools = given(row)
    return held_back(tools if kind is RoleKind.AGENT else granted_to(kind, row, tools), denied)


def _radius(named: Named, file: RoleFile, program: Program) -> BlastRadius | None:
    """The row's; else the file's, as far as the org's allows it. None where nobody says one."""
    org = program.appetite.blast_radius
    if named.row and named.row.hints.risk:
        return named.row.hints.risk.of(org)
    return narrower(file.hints.risk.of(org), org) if file.hints.risk else None


def _inputs(named: Named, file: RoleFile, findings: Findings) -> dict[str, str]:
    """The defaults of the file, and over them what the row fills in."""
    declared = {one.name.text: one for one in file.hints.inputs}
    found = defaults(declared.values())
    for key, node in named.row.values if named.row else ():
        one = declared.get(key.text)
        if one is None:
            findings.put(key.span, reading_rules.unknown_key.input(key.text, named.ref.slug, tuple(declared)))
        elif (text := read_value(one, node, f"inputs.{key.text}", findings)) is not None:
            found[key.text] = text
    return found


def _texts(nodes: tuple[ScalarNode, ...] | None) -> tuple[str, ...] | None:
    return None if nodes is None else tuple(dict.fromkeys(node.text for node in nodes))


def _targets(hints: Hints, names: SlugNames, findings: Findings) -> Iterator[str]:
    """The roles that a file would hand work to, as slugs. One that is not there is an error: it is our own key."""
    for node in hints.hands_off_to:
        slug = names.find(node, findings)
        if slug is not None:
            yield slug
