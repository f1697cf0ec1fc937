"""Folders of role files of coding agents as a foreign organization. Knows where such agents look.

Invariant: every file of the folders has a fate; hints are resolved by nobody here.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from orgruntime.compiler.rolefile import is_by_place, slug_of
from orgruntime.importer.diagrams import beside_roles, diagram_hints
from orgruntime.importer.foreign import Foreign, ForeignRole, Hint
from orgruntime.importer.gather import Gatherer
from orgruntime.importer.hints import front_hints
from orgruntime.importer.kinds import AGENT_FOLDERS, role_folders
from orgruntime.importer.names import Names, names_of
from orgruntime.importer.prose import prose_hints


def read_agents(folder: Path) -> Foreign:
    """The roles below `folder`, or below the folders in it where coding agents look. Raises TooMany, OSError."""
    gatherer = Gatherer(folder)
    folders = role_folders(folder)
    files = [(below, relative) for below in folders for relative in gatherer.walk(below)]
    slugs = _slugs((relative, (folder / relative).relative_to(below).as_posix()) for below, relative in files)
    for _, relative in files:
        if relative in slugs:
            gatherer.role(relative, slugs[relative], bare=is_by_place(folder / relative))
        else:
            gatherer.leave(relative, "it is no markdown")
    gatherer.note_links()
    roles = tuple(gatherer.roles.values())
    names = names_of(roles)
    hints = (*role_hints(roles, names), *beside_roles(gatherer, names))
    return Foreign(
        root=folder,
        title=project_of(folder).name,
        mission="",
        goals=(),
        roles=roles,
        hints=hints,
        files=tuple(gatherer.fates[path] for path in sorted(gatherer.fates)),
        notices=tuple(gatherer.notices),
        remarks=gatherer.remarks.sorted(),
        looked_in=tuple(below.relative_to(folder).as_posix() for below in folders),
    )


def role_hints(roles: tuple[ForeignRole, ...], names: Names) -> tuple[Hint, ...]:
    """What the roles say of each other, front matter first."""
    found: list[Hint] = []
    for role in roles:
        found += front_hints(role.slug, role.path, role.file)
        if role.file.document:
            found += prose_hints(role.slug, role.path, role.file.document, names)
            found += diagram_hints(role.path, role.file.document, names)
    return tuple(found)


def _slugs(files: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Path → slug of each markdown file. `reviewer.agent.md` is `reviewer`; folders of the path stay in the slug only
    where two files of one folder of roles would have the same, since every handoff of the draft spells them."""
    whole = {path: slug_of(inside).removesuffix(".agent") for path, inside in files if inside.endswith(".md")}
    ends = Counter(slug.rpartition("/")[2].casefold() for slug in set(whole.values()))
    return {
        path: slug.rpartition("/")[2] if ends[slug.rpartition("/")[2].casefold()] == 1 else slug
        for path, slug in whole.items()
    }


def project_of(folder: Path) -> Path:
    """The project that a folder such as `.claude/agents` belongs to; else the folder."""
    whole = folder.resolve()
    for known in AGENT_FOLDERS:
        if whole.as_posix().endswith(f"/{known}"):
            return whole.parents[1]
    return whole
