"""A folder of markdown as a manifest: reads files, resolves, binds, checks, and returns all findings at once.

Never raises for what a file holds or lacks. Invariant: there is a manifest exactly where no finding is an error.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from orgruntime.compiler.assemble import Named, bind_role, named_roles, read_named
from orgruntime.compiler.authority import report_secrets
from orgruntime.compiler.defaults import complete, implied_agent
from orgruntime.compiler.graph import check_cycles, check_order, check_reach, check_sources, entries
from orgruntime.compiler.library import RoleLinks, RoleRef
from orgruntime.compiler.limits import check_budget, check_trials
from orgruntime.compiler.listing import list_files
from orgruntime.compiler.payloads import check_edge, known_payloads
from orgruntime.compiler.program import Program, bind_program
from orgruntime.compiler.rolefile import FileReport, RoleFile
from orgruntime.compiler.sections import Parts, part_sections
from orgruntime.compiler.tables import RoleRow, read_payloads, read_roles
from orgruntime.compiler.workflow import Edge, Workflow, read_workflow
from orgruntime.diagnostics.codes import DEFAULT_ADDED, NO_AGENT_ROLE, NO_MODEL, NOT_AN_ORG, UNKNOWN_IMPORT
from orgruntime.diagnostics.diagnostic import Diagnostic, Findings
from orgruntime.diagnostics.nearest import nearest
from orgruntime.diagnostics.span import Span
from orgruntime.model.ids import RoleSlug
from orgruntime.model.manifest import AgentGraph, Cadence, Handoff, Manifest, Role, RoleKind, SourceFile
from orgruntime.model.payload import PayloadType
from orgruntime.orgfile.document import Document, parse_document
from orgruntime.orgfile.source import Reader, read_source

PROGRAM = "program.md"


@dataclass(frozen=True)
class Compilation:
    """`texts` maps the shown path of each file that was read to its text, for excerpts."""

    manifest: Manifest | None
    diagnostics: tuple[Diagnostic, ...]
    files: tuple[FileReport, ...]
    texts: Mapping[str, str] = field(default_factory=dict)


def compile_org(path: Path, read: Reader = read_source) -> Compilation:
    """Compiles the org in the folder `path` (or whose `program.md` is `path`). Paths in spans begin as `path` does.

    `read` gives the text of each file, so that an editor's buffers can stand before the disk.
    """
    findings = Findings()
    org = path.parent if path.name == PROGRAM and not path.is_dir() else path
    shown = Path(os.path.normpath(org / PROGRAM)).as_posix()
    if not _is_org(org, shown, findings):
        return Compilation(None, findings.sorted(), ())
    source = read(org / PROGRAM, shown, findings)
    if source is None:
        return Compilation(None, findings.sorted(), (FileReport(shown, "program", None, "the program"),))
    report_secrets(source, findings)
    document = parse_document(source, findings)
    links = RoleLinks(org, org.as_posix())
    program = bind_program(document, Path(os.path.abspath(org)), findings)
    draft = _draft(document, program, links, findings, read)
    manifest = _manifest(org, document, program, draft, findings) if program else None
    files = list_files(shown, links, draft.files, findings, read)
    texts = {shown: source.text, **{file.shown: file.text for file in draft.files.values() if file.text}}
    return Compilation(None if findings.has_errors else manifest, findings.sorted(), files, texts)


@dataclass(frozen=True)
class _Draft:
    """What the sections say, resolved but not yet bound. `complete`: every row and item could be read."""

    parts: Parts
    named: tuple[Named, ...]
    files: dict[str, RoleFile]
    edges: tuple[Edge, ...]
    payloads: tuple[PayloadType, ...]
    complete: bool


def _is_org(org: Path, shown: str, findings: Findings) -> bool:
    here = Span(shown)
    try:
        if (org / PROGRAM).exists() or (org / PROGRAM).is_symlink():
            return True
        if not org.is_dir():
            what = "is not a folder" if org.exists() else "does not exist"
            message = f"`{org.as_posix()}` {what}"
            findings.add(NOT_AN_ORG, Span(org.as_posix()), message, "give the folder that holds `program.md`")
            return False
        near = nearest(PROGRAM, sorted(entry.name for entry in org.iterdir() if entry.suffix))
        help = f"rename `{near}` to `{PROGRAM}`" if near else "`orgrun init` makes a small working org"
        findings.add(NOT_AN_ORG, here, f"the folder `{org.as_posix()}` has no `{PROGRAM}`", help)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        findings.add(
            NOT_AN_ORG, here, f"cannot read `{org.as_posix()}`: {reason}", "check the path and its permissions"
        )
    return False


def _draft(document: Document, program: Program | None, links: RoleLinks, findings: Findings, read: Reader) -> _Draft:
    """Names are collected before anything is bound, so that one bad field breaks no reference."""
    imported = _imports(program, links, findings)
    parts = part_sections(document, findings)
    rows: tuple[RoleRow, ...] = ()
    workflow, rows_complete = Workflow((), True), True
    if parts.roles is not None:
        rows, rows_complete = read_roles(document, parts.roles, links, findings)
    if parts.workflow is not None:
        workflow = read_workflow(document, parts.workflow, links, findings)
    payloads = read_payloads(document, parts.payloads, findings) if parts.payloads is not None else ()
    linked = [(edge.source, edge.source_span) for edge in workflow.edges]
    linked += [(edge.target, edge.target_span) for edge in workflow.edges if edge.target and edge.target_span]
    linked += imported
    if parts.roles is None and parts.workflow is None:
        linked += [(ref, Span(ref.shown)) for ref in links.own_files()]
    named = named_roles(rows, linked, findings)
    files = read_named(named, findings, read)
    if parts.roles is None and parts.workflow is None:
        named = tuple(one for one in named if files[one.ref.slug].has_front_matter or files[one.ref.slug].broken)
        files = {one.ref.slug: files[one.ref.slug] for one in named}
    return _Draft(parts, named, files, workflow.edges, payloads, rows_complete and workflow.complete)


def _imports(program: Program | None, links: RoleLinks, findings: Findings) -> list[tuple[RoleRef, Span]]:
    found: list[tuple[RoleRef, Span]] = []
    for node in program.imports if program else ():
        text = node.text.strip()
        if "@" in text:
            message = f"`{text}`: imports from other repositories are not supported yet"
            findings.add(UNKNOWN_IMPORT, node.span, message, "copy the role into `roles/`, or into the shared library")
            continue
        ref = links.add_import(text)
        if isinstance(ref, RoleRef):
            found.append((ref, node.span))
        else:
            findings.add(UNKNOWN_IMPORT, node.span, ref.message, ref.help or "write `lib/NAME` or `roles/NAME.md`")
    return found


def _manifest(org: Path, document: Document, program: Program, draft: _Draft, findings: Findings) -> Manifest | None:
    at = document.source.span(0, document.source.line_end(0))
    roles = [bind_role(named, draft.files[named.ref.slug], program, findings) for named in draft.named]
    if not draft.named and draft.complete and draft.parts.roles is None and draft.parts.workflow is None:
        roles = [_implied(document, program, at, findings)]
    places = {named.ref.slug: named.span for named in draft.named}
    check_budget(program.fields, program.budget, findings)
    if draft.complete and not any(role.kind is RoleKind.AGENT for role in roles):
        span = document.heading_span(draft.parts.roles) if draft.parts.roles else at
        message = "no role is an agent, so nobody can propose anything"
        findings.add(NO_AGENT_ROLE, span, message, "give one role the kind `agent`")
    done = complete(roles, draft.edges, program.models, at, findings) if draft.complete else None
    everyone = done.roles if done else tuple(roles)
    places.update({role.slug: at for role in everyone if role.slug not in places})
    edges = _check_graph(everyone, done.edges if done else draft.edges, draft, program, findings)
    start = entries(everyone, edges)
    if done and start and len(edges) == len(done.edges):
        check_reach(everyone, edges, start, places, findings)
    if program.workspace:
        check_trials(everyone, program.workspace, program.budget, program.appetite, places, findings)
    if findings.has_errors or program.objective is None or program.workspace is None:
        return None
    return Manifest(
        org=Path(os.path.abspath(org)).name,
        title=document.title or Path(os.path.abspath(org)).name,
        mission=draft.parts.mission,
        guidance=draft.parts.guidance,
        objective=program.objective,
        workspace=program.workspace,
        appetite=program.appetite,
        budget=program.budget,
        models=program.models,
        roles=everyone,
        payloads=tuple(known_payloads(draft.payloads).values()),
        graph=_graph(edges, start),
        sources=_sources(document, draft),
    ).sealed()


def _implied(document: Document, program: Program, at: Span, findings: Findings) -> Role:
    role = implied_agent(document.title or "", document.body, program.models)
    findings.add(DEFAULT_ADDED, at, "no roles are named: the program itself is the prompt of one agent, `researcher`")
    if not role.species:
        help = "add `models: {default: …}`; `search/tpe` needs no key"
        findings.add(NO_MODEL, at, "nothing stands behind the role `researcher`: it has no model", help)
    return role.model_copy(update={"tools": program.tools})


def _check_graph(
    roles: tuple[Role, ...], edges: tuple[Edge, ...], draft: _Draft, program: Program, findings: Findings
) -> tuple[Edge, ...]:
    """Every rule of the edges; returns those that are well typed."""
    by_slug = {str(role.slug): role for role in roles}
    payloads = known_payloads(draft.payloads)
    check_sources(edges, by_slug, findings)
    good = tuple(edge for edge in edges if check_edge(edge, by_slug, payloads, program.models, findings))
    check_order(good, findings)
    check_cycles(good, by_slug, program.budget, findings)
    return good


def _graph(edges: tuple[Edge, ...], start: tuple[RoleSlug, ...]) -> AgentGraph:
    handoffs = tuple(
        Handoff(
            id=f"e{edge.number}", source=RoleSlug(edge.source.slug), target=RoleSlug(edge.target.slug),
            payload=edge.payload, kind=edge.kind, when=edge.when,
            otherwise=edge.otherwise, at_most=edge.at_most, fan_out=edge.fan_out,
        )
        for edge in edges if edge.target
    )  # fmt: skip
    cadences = tuple(
        Cadence(
            id=f"e{edge.number}", role=RoleSlug(edge.source.slug), payload=edge.payload, every_trials=edge.every_trials,
            every_s=edge.every_s,
        )
        for edge in edges if edge.target is None
    )  # fmt: skip
    return AgentGraph(handoffs=handoffs, cadences=cadences, entries=start)


def _sources(document: Document, draft: _Draft) -> tuple[SourceFile, ...]:
    found = [SourceFile(path=PROGRAM, sha256=document.source.sha256)]
    found += [SourceFile(path=one.ref.source, sha256=draft.files[one.ref.slug].sha256) for one in draft.named]
    return tuple(found)
