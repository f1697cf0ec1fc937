"""What the role files of an org say of each other, beside the handoffs that its program has. Compiles and writes
nothing.

Works on an org whose rows and handoffs can be read. Invariant: every hint is in the workflow already, in a line that
could be added to it, or left out with the reason; a line names roles by the links that the program has for them.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from orgruntime.compiler.called import scalars
from orgruntime.compiler.hints import Hints
from orgruntime.compiler.library import RoleLinks, RoleRef
from orgruntime.compiler.rolefile import read_role
from orgruntime.compiler.sections import part_sections
from orgruntime.compiler.tables import RoleRow, read_roles
from orgruntime.compiler.workflow import Edge, read_workflow
from orgruntime.diagnostics.diagnostic import Findings
from orgruntime.diagnostics.span import Span
from orgruntime.importer.adopt import TURNS, Adopted, Drafted, missing
from orgruntime.importer.agents import role_hints
from orgruntime.importer.declared import own_names, title_of
from orgruntime.importer.foreign import Foreign, ForeignRole, Way
from orgruntime.importer.names import names_of
from orgruntime.model.manifest import HandoffKind, RoleKind
from orgruntime.orgfile.document import Document, parse_document
from orgruntime.orgfile.edits import Edit
from orgruntime.orgfile.source import Source

_MARKER = re.compile(r"[ \t]*(?:(?P<number>\d+)(?P<sign>[.)])|(?P<bullet>[-*+]))[ \t]")
_TAKES = {RoleKind.EXPERIMENT: "proposal", RoleKind.VERIFIER: "result"}
_GIVES = {RoleKind.EXPERIMENT: "result", RoleKind.VERIFIER: "verdict"}


@dataclass(frozen=True)
class OwnOrg:
    """`links`: each role that the program links to, as it does; `asked`: what its row and its file say of it. `hands`:
    the payloads that each role hands on. `found`: what the hints become."""

    document: Document
    links: dict[str, str]
    asked: dict[str, Hints]
    hands: dict[str, set[str]]
    hints: int
    found: Adopted

    def edit(self, lines: Sequence[str]) -> Edit:
        """The lines at the end of the workflow's list; below its heading, or at the end of the file, where there is
        none."""
        text = self.document.source.text
        workflow = part_sections(self.document, Findings()).workflow
        lists = [block for block in workflow.blocks if block.kind == "list"] if workflow else []
        if lists:
            items = self.document.items(lists[-1])
            mark = _MARKER.match(text, text.rfind("\n", 0, lists[-1].start) + 1)
            begin = mark["bullet"] if mark and mark["bullet"] else ""
            sign, first = (mark["sign"] if mark and mark["sign"] else "."), len(items) + 1
            added = [f"\n{begin or f'{number}{sign}'} {line}" for number, line in enumerate(lines, first)]
            return Edit(lists[-1].end, lists[-1].end, "".join(added))
        numbered = "\n".join(f"{number}. {line}" for number, line in enumerate(lines, 1))
        if workflow:
            return Edit(workflow.heading.end, workflow.heading.end, f"\n\n{numbered}")
        end = len(text.rstrip())
        return Edit(end, end, f"\n\n## Workflow\n\n{numbered}")


def read_own(org: Path, source: Source) -> OwnOrg:
    """The hints of the roles that the program in `source` links to."""
    document = parse_document(source, Findings())
    role_links = RoleLinks(org, org.as_posix())
    for node in scalars(document.front.get("imports") if document.front else None):
        role_links.add_import(node.text.strip())
    parts = part_sections(document, Findings())
    rows = read_roles(document, parts.roles, role_links, Findings())[0] if parts.roles else ()
    edges = read_workflow(document, parts.workflow, role_links, Findings()).edges if parts.workflow else ()
    refs = dict(_linked(source, rows, edges))
    roles = {slug: _role(ref) for slug, (ref, _) in refs.items()}
    hints = role_hints(tuple(roles.values()), names_of(roles.values()))
    foreign = Foreign(
        root=org, title=org.name, mission="", goals=(), roles=tuple(roles.values()), hints=hints, files=()
    )
    there = {(one.source.slug, one.target.slug): one.kind is HandoffKind.ASK for one in edges if one.target}
    asked = {slug: role.file.hints for slug, role in roles.items()}
    asked |= {row.ref.slug: row.hints.over(asked[row.ref.slug]) for row in rows}
    hands: dict[str, set[str]] = {}
    for one in edges:
        hands.setdefault(one.source.slug, set()).add(one.payload)
    links = {slug: link for slug, (_, link) in refs.items()}
    return OwnOrg(document, links, asked, hands, len(hints), missing(foreign, there))


def lines_for(one: Drafted, own: OwnOrg, taken: Collection[str]) -> Iterator[str]:
    """Ways to write a handoff, the plainest first: which of them the workflow takes, the compiler knows. `taken`:
    payloads that the source hands on already, so that another one lets it choose between the ways."""
    source, target = own.asked[one.source], own.asked[one.target]
    arrow = "→" if one.way is Way.HANDS else "asks"
    fixed = _TAKES.get(target.kind or RoleKind.AGENT) or _GIVES.get(source.kind or RoleKind.AGENT)
    takes = None if target.consumes is None else [node.text for node in target.consumes]
    gives = [node.text for node in source.produces or () if takes is None or node.text in takes]
    word = re.sub(r"[^a-z0-9]+", "_", one.target.casefold()).strip("_") or "role"
    fit = [*gives, *(takes or ()), "note"]
    free = [name for name in fit if name not in taken]
    for payload in dict.fromkeys([fixed] if fixed else [*free, f"for_{word}", *fit, "proposal"]):
        for bound in ("", f", at most {TURNS} times"):
            yield f"{own.links[one.source]} {arrow} {own.links[one.target]}: `{payload}`{bound}"


def _linked(
    source: Source, rows: Iterable[RoleRow], edges: Iterable[Edge]
) -> Iterator[tuple[str, tuple[RoleRef, str]]]:
    """Slug → its file, and how the program links to it, rows first."""
    found: list[tuple[RoleRef, Span]] = [(row.ref, row.span) for row in rows]
    for edge in edges:
        found.append((edge.source, edge.source_span))
        if edge.target is not None and edge.target_span is not None:
            found.append((edge.target, edge.target_span))
    seen: set[str] = set()
    for ref, span in found:
        if ref.slug not in seen:
            seen.add(ref.slug)
            link = source.text[source.offset(span.line, span.column) : source.offset(span.end_line, span.end_column)]
            yield ref.slug, (ref, " ".join(link.split()))


def _role(ref: RoleRef) -> ForeignRole:
    file = read_role(ref.path, ref.source, ref.slug)
    return ForeignRole(ref.slug, ref.source, ref.source, file, title=title_of(file), names=own_names(file))
