"""A folder of markdown as a manifest: reads files, resolves, binds, checks, and returns all findings at once.

Never raises for what a file holds or lacks. Invariant: there is a manifest exactly where no finding is an error.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import NamedTuple

from orgruntime.compiler import reading_rules
from orgruntime.compiler.assemble import Named, bind_role, named_roles, read_named, settled
from orgruntime.compiler.declared import Declared, joined
from orgruntime.compiler.defaults import complete, implied_agent
from orgruntime.compiler.facts import Facts
from orgruntime.compiler.filereport import PROGRAM as PROGRAM
from orgruntime.compiler.filereport import FileReport
from orgruntime.compiler.library import RoleLinks, RoleRef
from orgruntime.compiler.listing import list_files
from orgruntime.compiler.naming import SlugNames, former_slugs, names_of_roles
from orgruntime.compiler.payload_files import read_schemas
from orgruntime.compiler.program import Program, bind_program
from orgruntime.compiler.rolefile import RoleFile, read_role
from orgruntime.compiler.rules import judge
from orgruntime.compiler.seal import manifest_of
from orgruntime.compiler.sections import Parts, part_sections
from orgruntime.compiler.tables import RoleRow, read_payloads, read_roles
from orgruntime.compiler.text_rules import judge_text
from orgruntime.compiler.wishes import judge_grants, keep_wished
from orgruntime.compiler.workflow import Edge, Workflow, read_workflow
from orgruntime.diagnostics.diagnostic import Diagnostic, Findings
from orgruntime.diagnostics.nearest import nearest
from orgruntime.diagnostics.span import Span
from orgruntime.model.manifest import Manifest, Role
from orgruntime.orgfile import disk
from orgruntime.orgfile.document import Document, parse_document
from orgruntime.orgfile.source import Reader, read_source


class Compilation(NamedTuple):
    """`texts` maps the shown path of each file that was read to its text, for excerpts."""

    manifest: Manifest | None
    diagnostics: tuple[Diagnostic, ...]
    files: tuple[FileReport, ...]
    texts: Mapping[str, str] = {}
    of_whole: tuple[Diagnostic, ...] = ()
    """Those that do not follow from the words of one role file alone."""


def compile_org(path: Path, read: Reader = read_source, *, seal: bool = True) -> Compilation:
    """Compiles the org in the folder `path` (or whose `program.md` is `path`). Paths in spans begin as `path` does.

    `read` gives the text of each file, so that an editor's buffers can stand before the disk. Whoever looks at the
    findings alone need not `seal` the manifest: its hash takes a seventh of the time of an org of 1,000 roles.
    """
    findings = Findings()
    org = path.parent if path.name == PROGRAM and not disk.is_folder(path) else path
    shown = Path(os.path.normpath(org / PROGRAM)).as_posix()
    if not _is_org(org, shown, findings):
        return Compilation(None, findings.sorted(), (), {}, findings.of_whole())
    source = disk.read_whole(read, org / PROGRAM, shown, findings)
    if source is None:
        unread = FileReport(shown, "program", None, "the program")
        return Compilation(None, findings.sorted(), (unread,), {}, findings.of_whole())
    judge_text(source, findings)
    document = parse_document(source, findings)
    links = RoleLinks(org, org.as_posix(), partial(_formerly, read))
    program = bind_program(document, Path(os.path.abspath(org)), findings)
    schemas = read_schemas(org, org.as_posix(), findings, read)
    draft = _draft(document, program, links, schemas, findings, read)
    manifest = _manifest(org, document, program, draft, findings) if program else None
    manifest = manifest.sealed() if manifest and seal else manifest
    files, unnamed = list_files(shown, links, draft.files, findings, read, program.models if program else ())
    judged = (*draft.files.values(), *unnamed)
    texts = {shown: source.text, **{file.shown: file.text for file in judged if file.text}}
    texts |= {one.file.file: one.file.text for one in draft.payloads if one.file}
    return Compilation(None if findings.has_errors else manifest, findings.sorted(), files, texts, findings.of_whole())


class _Draft(NamedTuple):
    """What the sections say, resolved but not yet bound. `complete`: every row and item could be read."""

    parts: Parts
    named: tuple[Named, ...]
    files: dict[str, RoleFile]
    edges: tuple[Edge, ...]
    payloads: tuple[Declared, ...]
    complete: bool
    links: RoleLinks


def _is_org(org: Path, shown: str, findings: Findings) -> bool:
    here = Span(shown)
    try:
        if disk.exists(org / PROGRAM) or disk.is_link(org / PROGRAM):
            return True
        if not disk.is_folder(org):
            fault = reading_rules.not_an_org.no_folder(org.as_posix(), exists=disk.exists(org))
            findings.put(Span(org.as_posix()), fault)
            return False
        near = nearest(PROGRAM, [name for name in disk.names(org) if Path(name).suffix])
        findings.put(here, reading_rules.not_an_org.no_program(org.as_posix(), PROGRAM, near))
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        findings.put(here, reading_rules.not_an_org.unreadable(org.as_posix(), reason))
    return False


def _draft(
    document: Document,
    program: Program | None,
    links: RoleLinks,
    schemas: tuple[Declared, ...],
    findings: Findings,
    read: Reader,
) -> _Draft:
    """Names are collected before anything is bound, so that one bad field breaks no reference."""
    imported = _imports(program, links, findings)
    parts = part_sections(document, findings)
    rows: tuple[RoleRow, ...] = ()
    workflow, rows_complete = Workflow((), True), True
    if parts.roles is not None:
        rows, rows_complete = read_roles(document, parts.roles, links, findings)
    if parts.workflow is not None:
        workflow = read_workflow(document, parts.workflow, links, findings)
    rows_of_payloads = read_payloads(document, parts.payloads, findings) if parts.payloads is not None else ()
    payloads = joined(rows_of_payloads, schemas, findings)
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
    return _Draft(parts, named, files, workflow.edges, payloads, rows_complete and workflow.complete, links)


def _imports(program: Program | None, links: RoleLinks, findings: Findings) -> list[tuple[RoleRef, Span]]:
    found: list[tuple[RoleRef, Span]] = []
    for node in program.imports if program else ():
        text = node.text.strip()
        if "@" in text:
            findings.put(node.span, reading_rules.unknown_import.other_repository(text))
            continue
        ref = links.add_import(text)
        if isinstance(ref, RoleRef):
            found.append((ref, node.span))
        else:
            findings.put(node.span, reading_rules.unknown_import.unresolved(ref.message, ref.help))
    return found


def _manifest(org: Path, document: Document, program: Program, draft: _Draft, findings: Findings) -> Manifest | None:
    facts = _facts(org, document, program, draft, findings)
    judge(facts, findings)
    judge_grants(facts.named_tools, findings)
    keep_wished(facts.standings(), facts.terms, findings)
    return None if findings.has_errors else manifest_of(facts)


def _facts(org: Path, document: Document, program: Program, draft: _Draft, findings: Findings) -> Facts:
    """Roles bound, and what the program leaves out added."""
    at = document.source.span(0, document.source.line_end(0))
    names = _names(draft, findings)
    roles = tuple(bind_role(named, draft.files[named.ref.slug], program, names, findings) for named in draft.named)
    edges = draft.edges
    if not draft.named and draft.complete and draft.parts.roles is None and draft.parts.workflow is None:
        roles = (_implied(document, program, at, findings),)
    if draft.complete:
        done = complete(roles, edges, program.models, at, findings)
        roles, edges = done.roles, done.edges
    return Facts(
        org=Path(os.path.abspath(org)), document=document, program=program, parts=draft.parts, named=draft.named,
        files=draft.files, roles=roles, edges=edges, declared=draft.payloads, whole=draft.complete,
        slugs=names.slugs, strayed=draft.links.strayed,
    )  # fmt: skip


def _formerly(read: Reader, ref: RoleRef) -> tuple[str, ...]:
    return former_slugs(read_role(ref.path, ref.shown, ref.slug, read))


def _names(draft: _Draft, findings: Findings) -> SlugNames:
    """What roles are called, and were called. A file that the program does not name can be meant as well."""
    slugs = [*(one.ref.slug for one in draft.named), *(ref.slug for ref in draft.links.own_files())]
    was = [(one.ref.slug, settled(one, draft.files[one.ref.slug]).was) for one in draft.named]
    return names_of_roles(slugs, was, findings)


def _implied(document: Document, program: Program, at: Span, findings: Findings) -> Role:
    role = implied_agent(document.title or "", document.body, program.models)
    findings.put(at, reading_rules.default_added.whole_program(role.slug))
    return role.model_copy(update={"tools": program.tools})
