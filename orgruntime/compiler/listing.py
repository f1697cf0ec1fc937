"""What each markdown file of an org or of a folder of roles is, so that nothing is ever silently left out.

Invariant: every `.md` below the folder of roles is in the listing once, with the reason.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from pathlib import Path

from orgruntime.compiler import reading_rules
from orgruntime.compiler.filereport import FileReport
from orgruntime.compiler.library import RoleLinks
from orgruntime.compiler.model_names import Entry, current
from orgruntime.compiler.rolefile import RoleFile, is_by_place, keep_found, read_role, report_empty, slug_of
from orgruntime.compiler.wishes import near_wish
from orgruntime.diagnostics.diagnostic import Findings
from orgruntime.diagnostics.span import Span
from orgruntime.model.manifest import RoleKind
from orgruntime.orgfile import disk
from orgruntime.orgfile.source import Reader, read_source

_DOCUMENTS = ("readme", "contributing", "changelog", "license", "security", "claude", "code_of_conduct")
"""37 of the 76 files beside real roles that are not roles are read-mes, the others of these kinds."""
_PLACED = "its place makes it one, `subagents/NAME/AGENTS.md`"


def list_files(
    program: str,
    links: RoleLinks,
    files: Mapping[str, RoleFile],
    findings: Findings,
    read: Reader,
    models: tuple[Entry, ...] = (),
) -> tuple[tuple[FileReport, ...], tuple[RoleFile, ...]]:
    """The program, the roles that it names, and the other files below `roles/`; and these, as far as they are judged.
    `models`: those that the program grants.

    What is an error in a folder of role files is one in an org too, whether or not the program names the role.
    """
    reports = [FileReport(program, "program", None, "the program")]
    for slug, file in files.items():
        reports.append(FileReport(file.shown, "role", slug, "the program names it"))
    listed = {report.path for report in reports}
    homes = {slug_of(file.shown): file for file in files.values()}
    unnamed: list[RoleFile] = []
    for ref in links.own_files():
        if ref.shown in listed:
            continue
        if not links.is_inside(ref):
            # Nothing of a file elsewhere may be quoted.
            why = "it is a link that leads out of `roles/`"
            findings.put(Span(ref.shown), reading_rules.not_a_role.left(why, is_plain=False))
            reports.append(FileReport(ref.shown, "not-a-role", None, why))
            continue
        file = read_role(ref.path, ref.shown, ref.slug, read)
        if file.has_front_matter or file.broken:
            keep_found(file, findings)
            unnamed.append(file)
            for node in file.wished_models:
                if near := near_wish(node.text.strip(), models):
                    findings.put(node.span, reading_rules.likely_typo.wished_model(node.text.strip(), near))
        reports.append(_unnamed_role(file, homes, findings) if file.has_front_matter else _not_a_role(file, findings))
    return tuple(sorted(reports, key=lambda report: (report.kind != "program", report.path))), tuple(unnamed)


def list_roles(
    paths: Iterable[Path], findings: Findings, read: Reader = read_source
) -> tuple[tuple[FileReport, ...], tuple[RoleFile, ...]]:
    """Reads role files, and folders of them. A file that is named is a role unless its name says it is a document."""
    reports: list[FileReport] = []
    roles: list[RoleFile] = []
    seen: set[str] = set()
    homes: dict[str, RoleFile] = {}
    for path in paths:
        for file_path, slug, is_named in _found(path, findings):
            shown = Path(os.path.normpath(file_path)).as_posix()
            if shown in seen:
                continue
            seen.add(shown)
            file = read_role(file_path, shown, slug, read)
            placed = is_by_place(file_path)
            is_role = file.has_front_matter or file.broken or placed or (is_named and _is_not_document(file_path))
            if not is_role:
                reports.append(_not_a_role(file, findings))
                continue
            keep_found(file, findings)
            if file.kind in (None, RoleKind.AGENT):
                report_empty(file, findings)
            _report_models(file, findings)
            _report_same(file, homes, findings)
            why = "it has front matter" if file.has_front_matter else _PLACED if placed else "it was named"
            reports.append(FileReport(shown, "role", slug, why))
            roles.append(file)
    return tuple(reports), tuple(roles)


def _found(path: Path, findings: Findings) -> list[tuple[Path, str, bool]]:
    """(file, slug, whether it was named itself)."""
    try:
        if disk.is_folder(path):
            files = disk.markdown(path)
            if not files:
                findings.put(Span(path.as_posix()), reading_rules.not_an_org.no_markdown(path.as_posix()))
            return [(one, slug_of(one.relative_to(path).as_posix()), False) for one in files]
        if disk.exists(path):
            home = path.absolute().parent.name if path.name == "AGENTS.md" else ""
            return [(path, slug_of(f"{home}/{path.name}" if home else path.name), True)]
        fault = reading_rules.not_an_org.no_such_path(path.as_posix())
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        fault = reading_rules.not_an_org.unreadable(path.as_posix(), reason)
    findings.put(Span(path.as_posix()), fault)
    return []


def _is_not_document(path: Path) -> bool:
    return path.stem.casefold() not in _DOCUMENTS


def _report_models(file: RoleFile, findings: Findings) -> None:
    """Of a file that belongs to no org: names of old models, with what they mean in one, and slips."""
    for node in file.wished_models:
        now, wish = current(node.text), node.text.strip()
        if now is not None and wish != now and any(char.isdigit() for char in wish):
            findings.put(node.span, reading_rules.model_translated.old_pin(wish, now))
        if near := near_wish(wish):
            findings.put(node.span, reading_rules.likely_typo.wished_model(wish, near))


def _report_same(file: RoleFile, homes: dict[str, RoleFile], findings: Findings) -> RoleFile | None:
    """`a.md`, `a.agent.md` and `a/AGENTS.md` of one folder would be one role: the first of them, if this is not it."""
    other = homes.setdefault(slug_of(file.shown), file)
    if other is file:
        return None
    findings.put(Span(file.shown), reading_rules.duplicate_role.beside(other.shown, file.slug))
    return other


def _unnamed_role(file: RoleFile, homes: dict[str, RoleFile], findings: Findings) -> FileReport:
    if file.kind in (None, RoleKind.AGENT):
        report_empty(file, findings)
    if other := _report_same(file, homes, findings):
        return FileReport(file.shown, "role", file.slug, f"it has front matter; `{other.shown}` is that role already")
    findings.put(Span(file.shown), reading_rules.unused_role_file.without_work(file.slug))
    return FileReport(file.shown, "role", file.slug, "it has front matter, but the program does not name it")


def _not_a_role(file: RoleFile, findings: Findings) -> FileReport:
    why = _why_not(file)
    is_plain = not file.broken and not file.why
    findings.put(Span(file.shown), reading_rules.not_a_role.left(why, is_plain=is_plain))
    return FileReport(file.shown, "not-a-role", None, why)


def _why_not(file: RoleFile) -> str:
    if file.broken:
        return file.first_error or "it cannot be read"
    return file.why or "it has no front matter, and the program does not name it"
