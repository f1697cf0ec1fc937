"""Where role links lead: the org's own `roles/`, the shared library, and imports. Reads folder listings only.

Invariant: a link that resolves points at a markdown file below one of the two role folders, symbolic links followed.
"""

from __future__ import annotations

import os
from functools import cached_property
from pathlib import Path
from typing import NamedTuple
from urllib.parse import unquote

import orgruntime
from orgruntime.compiler.rolefile import slug_of
from orgruntime.diagnostics.codes import OUTSIDE_THE_ORG, UNKNOWN_ROLE
from orgruntime.diagnostics.diagnostic import Code
from orgruntime.diagnostics.nearest import nearest


class RoleRef(NamedTuple):
    """A role file that a link leads to. `source` is its path relative to the org, with `/`."""

    slug: str
    path: Path
    shown: str
    source: str


class Unresolved(NamedTuple):
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
        self._resolved: dict[str, RoleRef | Unresolved] = {}
        self._real: dict[str, str] = {}
        self._refs: dict[str, RoleRef] = {}

    @cached_property
    def _listing(self) -> dict[str, bool]:
        """Of `roles/`: path → whether it is a regular file that no link leads to. Read once, for all links."""
        return _markdown_below(str(self.own))

    def own_files(self) -> tuple[RoleRef, ...]:
        """Every markdown file below the org's `roles/`, in order of path."""
        return tuple(self._own_ref(relative) for relative in self._listing)

    def add_import(self, text: str) -> RoleRef | Unresolved:
        """`lib/referee`, or a path of the org; the role can then be linked as `roles/referee.md` too."""
        found = self.resolve(text if text.endswith(".md") else f"{text}.md")
        if isinstance(found, RoleRef):
            self._imported[found.slug] = found
            self._resolved.clear()
        return found

    def resolve(self, href: str) -> RoleRef | Unresolved:
        """Where a link leads. Each target is looked up once: in a large program a role is linked many times."""
        found = self._resolved.get(href)
        if found is None:
            found = self._resolved[href] = self._look_up(href)
        return found

    def _look_up(self, href: str) -> RoleRef | Unresolved:
        target = unquote(href).split("#")[0].split("?")[0]
        if not target.endswith(".md") and target.startswith("lib/"):
            target += ".md"
        if ":" in target or target.startswith("/") or not target.endswith(".md"):
            return Unresolved(UNKNOWN_ROLE, f"`{href}` is not a role file", "link a file such as `roles/researcher.md`")
        if target.startswith("lib/") and not os.path.exists(self._org / target):
            return self._from_library(target.removeprefix("lib/"), href)
        name, home = os.path.normpath(os.path.join(self._org, target)), f"{self.own}/"
        if name.startswith(home):
            relative = name.removeprefix(home)
            ref = self._own_ref(relative)
            if self._listing.get(relative):
                return ref
            imported = self._imported.get(ref.slug)
            return imported if imported and not os.path.isfile(ref.path) else self._existing(ref, self.own, href)
        path = Path(name)
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
        if relative not in self._refs:
            shown = os.path.normpath(os.path.join(self._shown, "roles", relative))
            path = Path(f"{self.own}/{relative}")
            self._refs[relative] = RoleRef(slug_of(relative), path, shown, f"roles/{relative}")
        return self._refs[relative]

    def _existing(self, ref: RoleRef, root: Path, href: str) -> RoleRef | Unresolved:
        try:
            is_file = ref.path.is_file()
        except (OSError, ValueError):
            is_file = False
        if not is_file:
            return Unresolved(UNKNOWN_ROLE, f"the role file `{href}` does not exist", self._near(ref.slug))
        if not self._real_path(ref.path).startswith(f"{self._real_path(root)}{os.sep}"):
            help = "copy the file in; links may not leave the folder of roles"
            return Unresolved(OUTSIDE_THE_ORG, f"`{href}` is a symbolic link that leaves the role folder", help)
        return ref

    def _real_path(self, path: Path) -> str:
        """With symbolic links followed; the folder's own are followed once for all its files."""
        folder, name = os.path.split(path)
        if os.path.islink(path):
            return os.path.realpath(path)
        if folder not in self._real:
            self._real[folder] = os.path.realpath(folder)
        return os.path.join(self._real[folder], name)

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


def _markdown_below(folder: str) -> dict[str, bool]:
    """Markdown files below a folder, in order, relative to it, and whether each is a regular file and no link.

    Links are among them; what is in folders behind links is not.
    """
    found: dict[tuple[str, ...], bool] = {}
    waiting: list[tuple[str, ...]] = [()]
    while waiting:
        inside = waiting.pop()
        try:
            with os.scandir(os.path.join(folder, *inside)) as entries:
                for entry in entries:
                    if entry.is_dir(follow_symlinks=False):
                        waiting.append((*inside, entry.name))
                    elif entry.name.endswith(".md") and (entry.is_file() or entry.is_symlink()):
                        found[*inside, entry.name] = entry.is_file(follow_symlinks=False)
        except OSError:
            continue
    return {"/".join(parts): found[parts] for parts in sorted(found)}
