"""Where role links lead: the org's own `roles/`, the shared library, and imports. Reads folder listings only.

Invariant: a link that resolves points at a markdown file below one of the two role folders, symbolic links followed.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote

import orgruntime
from orgruntime.compiler.rolefile import slug_of
from orgruntime.diagnostics.codes import OUTSIDE_THE_ORG, UNKNOWN_ROLE
from orgruntime.diagnostics.diagnostic import Code
from orgruntime.diagnostics.nearest import nearest


@dataclass(frozen=True)
class RoleRef:
    """A role file that a link leads to. `source` is its path relative to the org, with `/`."""

    slug: str
    path: Path
    shown: str
    source: str


@dataclass(frozen=True)
class Unresolved:
    code: Code
    message: str
    help: str = ""


def library_root(org: Path) -> Path | None:
    """The shared `roles/` folder: of the nearest folder above the org that has one, up to the top of its repository;
    else the copy that is installed with the package; else None."""
    folder = Path(os.path.abspath(org))
    for parent in folder.parents:
        if (parent / "roles").is_dir() and any((parent / "roles").glob("*.md")):
            return parent / "roles"
        if (parent / ".git").exists():
            break
    package = Path(orgruntime.__file__).parent
    for copy in (package / "roles", package.parent / "roles"):
        if copy.is_dir() and ((package.parent / "pyproject.toml").is_file() or copy.parent == package):
            return copy
    return None


class RoleLinks:
    """Resolves the links of one program. `shown` is the org's folder as it is shown to people."""

    def __init__(self, org: Path, shown: str) -> None:
        self._org, self._shown = Path(os.path.abspath(org)), shown
        self.own = self._org / "roles"
        self.library = library_root(self._org)
        self._imported: dict[str, RoleRef] = {}

    def own_files(self) -> tuple[RoleRef, ...]:
        """Every markdown file below the org's `roles/`, in order of path."""
        if not self.own.is_dir():
            return ()
        files = sorted(path for path in self.own.rglob("*.md") if path.is_file() or path.is_symlink())
        return tuple(self._own_ref(path.relative_to(self.own).as_posix()) for path in files)

    def add_import(self, text: str) -> RoleRef | Unresolved:
        """`lib/referee`, or a path of the org; the role can then be linked as `roles/referee.md` too."""
        found = self.resolve(text if text.endswith(".md") else f"{text}.md")
        if isinstance(found, RoleRef):
            self._imported[found.slug] = found
        return found

    def resolve(self, href: str) -> RoleRef | Unresolved:
        target = unquote(href).split("#")[0].split("?")[0]
        if not target.endswith(".md") and target.startswith("lib/"):
            target += ".md"
        if ":" in target or target.startswith("/") or not target.endswith(".md"):
            return Unresolved(UNKNOWN_ROLE, f"`{href}` is not a role file", "link a file such as `roles/researcher.md`")
        if target.startswith("lib/") and not os.path.exists(self._org / target):
            return self._from_library(target.removeprefix("lib/"), href)
        path = Path(os.path.normpath(self._org / target))
        if path.is_relative_to(self.own):
            relative = path.relative_to(self.own).as_posix()
            found = self._imported.get(slug_of(relative)) if not os.path.isfile(path) else None
            return found or self._existing(self._own_ref(relative), self.own, href)
        if self.library is not None and path.is_relative_to(self.library):
            return self._from_library(path.relative_to(self.library).as_posix(), href)
        near = nearest(slug_of(path.name), own := {ref.slug: ref.source for ref in self.own_files()})
        help = f"did you mean `{own[near]}`?" if near else "put role files below `roles/`, or use the shared library"
        return Unresolved(OUTSIDE_THE_ORG, f"`{href}` is neither below `roles/` nor in the shared library", help)

    def _from_library(self, relative: str, href: str) -> RoleRef | Unresolved:
        if self.library is None:
            help = "a library is a folder `roles/` above the org"
            return Unresolved(UNKNOWN_ROLE, f"`{href}` is in the shared library, and there is none", help)
        path = Path(os.path.normpath(self.library / relative))
        if not path.is_relative_to(self.library):
            return Unresolved(OUTSIDE_THE_ORG, f"`{href}` leaves the shared library")
        beside = os.path.relpath(path, self._org)
        inside = self.library.parent in self._org.parents
        shown = os.path.normpath(os.path.join(self._shown, beside)) if inside else str(path)
        source = Path(beside).as_posix() if inside else f"lib/{relative}"
        ref = RoleRef(slug_of(path.relative_to(self.library).as_posix()), path, Path(shown).as_posix(), source)
        return self._existing(ref, self.library, href)

    def _own_ref(self, relative: str) -> RoleRef:
        shown = Path(os.path.normpath(os.path.join(self._shown, "roles", relative))).as_posix()
        return RoleRef(slug_of(relative), self.own / relative, shown, f"roles/{relative}")

    def _existing(self, ref: RoleRef, root: Path, href: str) -> RoleRef | Unresolved:
        try:
            is_file = ref.path.is_file()
        except (OSError, ValueError):
            is_file = False
        if not is_file:
            return Unresolved(UNKNOWN_ROLE, f"the role file `{href}` does not exist", self._near(ref.slug))
        if not ref.path.resolve().is_relative_to(root.resolve()):
            help = "copy the file in; links may not leave the folder of roles"
            return Unresolved(OUTSIDE_THE_ORG, f"`{href}` is a symbolic link that leaves the role folder", help)
        return ref

    def _near(self, slug: str) -> str:
        """The nearest role file, as a link would name it."""
        own = {ref.slug: ref.source for ref in self.own_files()}
        near = nearest(slug, own)
        if near:
            return f"did you mean `{own[near]}`?"
        shared = (
            {slug_of(path.relative_to(self.library).as_posix()) for path in self.library.rglob("*.md")}
            if (self.library)
            else set()
        )
        near = nearest(slug, sorted(shared))
        return f"the shared library has `lib/{near}`: list it in `imports:`" if near else "create it, or mend the link"
