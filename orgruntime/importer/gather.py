"""The files below a folder, each with its fate. Reads, never runs; follows no link out of the folder.

Knows files and role files, nothing of teams or handoffs. Invariant: what is walked over is counted, once.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote

from orgruntime.compiler.dialects import TOLERANCE
from orgruntime.compiler.reading_rules import foreign_key
from orgruntime.compiler.rolefile import RoleFile, keep_found, read_role, report_empty
from orgruntime.diagnostics.diagnostic import Findings, Severity
from orgruntime.importer.declared import declared, own_names, title_of
from orgruntime.importer.foreign import Fate, FileFate, ForeignRole, Notice
from orgruntime.importer.hints import one_line
from orgruntime.model.manifest import RoleKind
from orgruntime.orgfile.document import Document, parse_document
from orgruntime.orgfile.inline import links
from orgruntime.orgfile.source import read_source

MOST_FILES = 20_000
"""Files of one folder that are looked at; the largest collection that was measured has 2,000."""

_SKIPPED = frozenset((".git", ".hg", ".svn", "node_modules", ".venv", "venv", "__pycache__", ".orgrun"))
_SCRIPTS = re.compile(r"\.(?:sh|bash|zsh|ps1|bat|cmd|command|py|[mc]?js|ts|rb|pl|exe|so|dll|jar)", re.IGNORECASE)
_UNSAFE = re.compile(r"[^\w./-]")
_STUB = re.compile(r"https?://\S+\.md\b|https?://\S+/blob/\S+")
_STUB_WORDS = 120
"""A role with fewer words and a link to a file elsewhere says what to do in that file: 156 such roles exist in one
collection, none of which pins the file it points at."""
_COMMAND = re.compile(r"(?:^|(?<=\s))!`[^`\n]+`|^```!", re.MULTILINE)


class TooMany(Exception):
    """The folder holds more than MOST_FILES files."""


class Gatherer:
    """Collects the roles and the fates of the files below `root`."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.roles: dict[str, ForeignRole] = {}
        self.fates: dict[str, FileFate] = {}
        self.notices: list[Notice] = []
        self.remarks = Findings()

    def walk(self, below: Path) -> Iterator[str]:
        """Paths relative to the root, sorted. Folders of other programs, and links to folders, are left as wholes.

        Raises TooMany.
        """
        seen = 0
        for folder, names, files in os.walk(below, onerror=self._unread):
            here = Path(folder)
            for name in sorted(names):
                if name in _SKIPPED or (here / name).is_symlink():
                    why = "a symbolic link to a folder" if (here / name).is_symlink() else "not a folder of roles"
                    self.leave(f"{self._relative(here / name)}/", f"{why}: not looked into")
            names[:] = [name for name in sorted(names) if name not in _SKIPPED]
            for name in sorted(files):
                seen += 1
                if seen > MOST_FILES:
                    raise TooMany
                yield self._relative(here / name)

    def role(self, relative: str, slug: str, *, bare: bool = False) -> None:
        """Reads a role file: kept, refused, or left where it has no front matter. `bare`: its place makes it a role."""
        safe = safe_slug(slug)
        if not self.stays_inside(relative):
            return
        findings = Findings()
        file = read_role(self.root / relative, relative, safe)
        keep_found(file, findings)
        if not (file.has_front_matter or file.broken or bare):
            self.leave(relative, "it has no front matter; if it is a role, copy it below `roles/` and link to it")
            return
        if file.kind in (None, RoleKind.AGENT):
            report_empty(file, findings)
        fault = next((one for one in findings.sorted() if one.severity is Severity.ERROR), None)
        if fault:
            self.refuse(relative, f"line {fault.span.line}: {fault.message} ({fault.code})", file.sha256)
        elif safe in self.roles:
            self.refuse(relative, f"its slug `{safe}` is that of {self.roles[safe].path}", file.sha256)
        else:
            self._keep(relative, safe, file, findings)

    def stays_inside(self, relative: str) -> bool:
        """Whether a file lies below the root when links are followed. One that does not is refused."""
        path = self.root / relative
        try:
            if not path.is_symlink() or path.resolve(strict=True).is_relative_to(self.root.resolve()):
                return True
        except (OSError, RuntimeError):
            pass
        self.refuse(relative, "it is a symbolic link that leads out of the folder, or nowhere")
        return False

    def leave(self, relative: str, why: str) -> None:
        self.fates.setdefault(relative, FileFate(relative, Fate.LEFT, why))
        if not relative.endswith("/"):
            self._note_executable(relative)

    def read(self, relative: str, why: str) -> None:
        self.fates[relative] = FileFate(relative, Fate.READ, why)

    def refuse(self, relative: str, why: str, sha256: str = "") -> None:
        self.fates[relative] = FileFate(relative, Fate.REFUSED, why, None, sha256)

    def notice(self, relative: str, line: int, what: str) -> None:
        self.notices.append(Notice(relative, line, what))

    def document(self, relative: str, most_bytes: int) -> Document | None:
        """A markdown file that is no role, for what else it says; None where it is too large or cannot be read."""
        path = self.root / relative
        try:
            if path.is_symlink() or path.stat().st_size > most_bytes:
                return None
        except OSError:
            return None
        source = read_source(path, relative, Findings())
        return parse_document(source, Findings(), tolerance=TOLERANCE) if source else None

    def note_links(self) -> None:
        """Notices for the files that the words of roles link to, and that are no roles here: after all was walked."""
        top = Path(os.path.abspath(self.root))
        for role in self.roles.values():
            for target, line in _linked(role):
                path = Path(os.path.normpath(top / role.path / ".." / target))
                inside = path.is_relative_to(top)
                fate = self.fates.get(path.relative_to(top).as_posix()) if inside else None
                if fate is None or fate.fate is not Fate.ROLE:
                    what = "stays behind" if inside and os.path.exists(path) else "is not there"
                    self.notice(role.path, line, f"the words link to `{one_line(target, 80)}`, which {what}")

    def _keep(self, relative: str, slug: str, file: RoleFile, findings: Findings) -> None:
        for one in findings:
            # Foreign keys are part of what was declared; everything else that is no error is a repair or a warning.
            if one.code != foreign_key.CODE.id:
                self.remarks.keep(one)
        stored = f"roles/{slug}.md"
        role = ForeignRole(
            slug, relative, stored, file, declared(file), title=title_of(file), names=own_names(file)
        )  # fmt: skip
        self.roles[slug] = role
        self.fates[relative] = FileFate(relative, Fate.ROLE, "its bytes are copied", stored, file.sha256)
        self._note_role(role)

    def _unread(self, error: OSError) -> None:
        self.refuse(f"{self._relative(Path(error.filename))}/", f"the folder cannot be read: {error.strerror}")

    def _note_role(self, role: ForeignRole) -> None:
        document = role.file.document
        for key in ("hooks", "mcpServers", "mcp-servers", "mcp_servers"):
            name = document.front.key(key) if document and document.front else None
            if name is not None:
                self.notice(role.path, name.span.line, f"`{key}:` starts programs; nothing here reads it")
        for match in _COMMAND.finditer(role.file.text):
            line = role.file.text.count("\n", 0, match.start()) + 1
            self.notice(role.path, line, "a command that another program runs when it loads the role; here it is text")
        stub = _STUB.search(role.file.body)
        if stub and len(role.file.body.split()) < _STUB_WORDS:
            line = role.file.text.count("\n", 0, role.file.text.find(stub.group())) + 1
            self.notice(role.path, line, f"its words are elsewhere, and were not fetched: {stub.group()[:160]}")

    def _note_executable(self, relative: str) -> None:
        path = self.root / relative
        try:
            marked = path.is_file() and not path.is_symlink() and os.stat(path).st_mode & 0o111
        except OSError:
            marked = False
        if _SCRIPTS.fullmatch(path.suffix) or (marked and path.suffix.casefold() != ".md"):
            self.notice(relative, 1, "can be executed; it was neither run nor copied")

    def _relative(self, path: Path) -> str:
        return path.relative_to(self.root).as_posix()


def safe_slug(slug: str) -> str:
    """The slug as part of a link: letters, digits, `_`, `-`, `.` and `/`, no part of which begins with a dot."""
    parts = (_UNSAFE.sub("-", part).strip("-.") for part in slug.split("/"))
    return "/".join(part for part in parts if part) or "role"


def _linked(role: ForeignRole) -> Iterator[tuple[str, int]]:
    """Relative paths that the words link to, each once, with the line."""
    document = role.file.document
    blocks = [block for block in document.blocks if block.kind != "block_code"] if document else []
    seen: set[str] = set()
    for block in blocks:
        for link in links(role.file.text, block.start, block.end):
            target = unquote(link.href.split("#")[0])
            if target and ":" not in target and not target.startswith("/") and target not in seen:
                seen.add(target)
                yield target, role.file.text.count("\n", 0, link.start) + 1
