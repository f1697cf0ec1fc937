"""Where role links lead: the org's own `roles/`, the shared library, and imports. Reads folder listings only.

Invariant: a link that resolves points at a markdown file below one of the two role folders, symbolic links followed.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from functools import cached_property
from pathlib import Path
from typing import NamedTuple
from urllib.parse import unquote

import orgruntime
from orgruntime.compiler import reading_rules
from orgruntime.compiler.rolefile import slug_of
from orgruntime.diagnostics.diagnostic import Fault
from orgruntime.diagnostics.nearest import nearest
from orgruntime.diagnostics.pattern import pattern
from orgruntime.orgfile import disk

_PLAIN = pattern(r"roles/(?:[\w-]+/)*[\w.-]+\.md")
"""A link of which nothing is to be decoded or resolved, as nearly all are."""


_MOST_MISSED = 100
"""Links that lead nowhere for which a near file is looked for."""


class RoleRef(NamedTuple):
    """A role file that a link leads to. `source` is its path relative to the org, with `/`."""

    slug: str
    path: Path
    shown: str
    source: str


def library_root(org: Path) -> Path | None:
    """The shared `roles/` folder: of the nearest folder above the org that has one, up to the top of its repository;
    else the copy that is installed with the package; else None."""
    folder = Path(os.path.abspath(org))
    for parent in folder.parents:
        if _holds_roles(shared := parent / "roles"):
            return shared
        if disk.is_there(parent / ".git"):
            break
    package = Path(orgruntime.__file__).parent
    for copy in (package / "roles", package.parent / "roles"):
        if disk.is_folder(copy) and (disk.is_file(package.parent / "pyproject.toml") or copy.parent == package):
            return copy
    return None


def _holds_roles(folder: Path) -> bool:
    try:
        return any(name.endswith(".md") for name in disk.names(folder))
    except (OSError, ValueError):
        return False


class RoleLinks:
    """Resolves the links of one program. `shown` is the org's folder as it is shown to people."""

    def __init__(self, org: Path, shown: str, formerly: Callable[[RoleRef], tuple[str, ...]] = lambda _: ()) -> None:
        """`formerly`: the slugs that a role file says it had before. Asked only where a link leads nowhere."""
        self._formerly = formerly
        self.strayed = False
        """Whether that was asked."""
        self._org, self._shown = Path(os.path.abspath(org)), shown
        self.own = self._org / "roles"
        self._home = f"{self.own}/"
        self._home_shown = f"{os.path.normpath(os.path.join(shown, 'roles'))}/"
        self.library = library_root(self._org)
        self._missed = 0
        self._imported: dict[str, RoleRef] = {}
        self._resolved: dict[str, RoleRef | Fault] = {}
        self._real: dict[str, str] = {}
        self._refs: dict[str, RoleRef] = {}

    @cached_property
    def _listing(self) -> Mapping[str, bool]:
        """Of `roles/`: path → whether it is a regular file that no link leads to. Read once, for all links."""
        return disk.markdown_kinds(self.own)

    def own_files(self) -> tuple[RoleRef, ...]:
        """Every markdown file below the org's `roles/`, in order of path."""
        return tuple(self._own_ref(relative) for relative in self._listing)

    def is_inside(self, ref: RoleRef) -> bool:
        """Whether one of `own_files` is below the org's `roles/` still, once links are followed."""
        relative = ref.source.removeprefix("roles/")
        return self._listing.get(relative, False) or self._real_path(ref.path).startswith(
            f"{self._real_path(self.own)}{os.sep}"
        )

    def add_import(self, text: str) -> RoleRef | Fault:
        """`lib/referee`, or a path of the org; the role can then be linked as `roles/referee.md` too."""
        found = self.resolve(text if text.endswith(".md") else f"{text}.md")
        if isinstance(found, RoleRef):
            self._imported[found.slug] = found
            self._resolved.clear()
        return found

    def resolve(self, href: str) -> RoleRef | Fault:
        """Where a link leads. Each target is looked up once: in a large program a role is linked many times."""
        found = self._resolved.get(href)
        if found is None:
            own = href.removeprefix("roles/") if _PLAIN.fullmatch(href) else ""
            found = self._own_ref(own) if own and self._listing.get(own) else self._look_up(href)
            self._resolved[href] = found
        return found

    def _look_up(self, href: str) -> RoleRef | Fault:
        target = unquote(href).split("#")[0].split("?")[0]
        if not target.endswith(".md") and target.startswith("lib/"):
            target += ".md"
        if ":" in target or target.startswith("/") or not target.endswith(".md"):
            return reading_rules.unknown_role.no_role_file(href, self._near(target))
        if target.startswith("lib/") and not disk.is_there(self._org / target):
            return self._from_library(target.removeprefix("lib/"), href)
        name = os.path.normpath(os.path.join(self._org, target))
        if name.startswith(self._home):
            relative = name.removeprefix(self._home)
            ref = self._own_ref(relative)
            if self._listing.get(relative):
                return ref
            imported = self._imported.get(ref.slug)
            return imported if imported and not disk.is_file(ref.path) else self._existing(ref, self.own, href)
        path = Path(name)
        if self.library is not None and path.is_relative_to(self.library):
            return self._from_library(path.relative_to(self.library).as_posix(), href)
        return reading_rules.outside_the_org.elsewhere(href, self._near(path.name))

    def _near(self, target: str) -> str | None:
        """An own role file of nearly the name that a link ends in."""
        self._missed += 1
        if self._missed > _MOST_MISSED:
            return None
        own = {ref.slug: ref.source for ref in self.own_files()}
        near = nearest(slug_of(re.split(r"[/\\]", target)[-1]), own)
        return own[near] if near else None

    def _from_library(self, relative: str, href: str) -> RoleRef | Fault:
        if self.library is None:
            return reading_rules.unknown_role.no_library(href)
        path = Path(os.path.normpath(self.library / relative))
        if not path.is_relative_to(self.library):
            return reading_rules.outside_the_org.above_library(href)
        beside = os.path.relpath(path, self._org)
        inside = self.library.parent in self._org.parents
        shown = os.path.normpath(os.path.join(self._shown, beside)) if inside else str(path)
        source = Path(beside).as_posix() if inside else f"lib/{relative}"
        ref = RoleRef(slug_of(path.relative_to(self.library).as_posix()), path, Path(shown).as_posix(), source)
        return self._existing(ref, self.library, href)

    def _own_ref(self, relative: str) -> RoleRef:
        if relative not in self._refs:
            path = disk.path_of(f"{self._home}{relative}")
            self._refs[relative] = RoleRef(
                slug_of(relative), path, f"{self._home_shown}{relative}", f"roles/{relative}"
            )
        return self._refs[relative]

    def _existing(self, ref: RoleRef, root: Path, href: str) -> RoleRef | Fault:
        if not disk.is_file(ref.path):
            return self._missing(href, ref.slug)
        if not self._real_path(ref.path).startswith(f"{self._real_path(root)}{os.sep}"):
            return reading_rules.outside_the_org.leaving_link(href)
        return ref

    def _real_path(self, path: Path) -> str:
        """With symbolic links followed; the folder's own are followed once for all its files."""
        folder, name = os.path.split(path)
        if disk.is_link(path):
            return disk.real(path)
        if folder not in self._real:
            self._real[folder] = disk.real(folder)
        return os.path.join(self._real[folder], name)

    @cached_property
    def _renamed(self) -> Mapping[str, str]:
        """Former slug → the first file that says so. Read once, for all links that lead nowhere."""
        found: dict[str, str] = {}
        for ref in self.own_files():
            for name in self._formerly(ref):
                found.setdefault(name, ref.source)
        return found

    def _missing(self, href: str, slug: str) -> Fault:
        """No such file: the nearest own one, as a link would name it, or the nearest of the library."""
        self.strayed = True
        own = {ref.slug: ref.source for ref in self.own_files()}
        if now := self._renamed.get(slug):
            return reading_rules.unknown_role.renamed(href, now)
        self._missed += 1
        if self._missed > _MOST_MISSED:
            return reading_rules.unknown_role.missing(href, None, None)
        if near := nearest(slug, own):
            return reading_rules.unknown_role.missing(href, own[near], None)
        shared = (
            {slug_of(path.relative_to(self.library).as_posix()) for path in disk.markdown(self.library)}
            if self.library
            else set()
        )
        return reading_rules.unknown_role.missing(href, None, nearest(slug, sorted(shared)))
