"""Fork an org: copy its bytes, give it a title of its own, and write down where it came from. Runs nothing of it.

Invariant: a fork that cannot be made leaves its folder as it was; one that is made leads to what its source leads to.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from orgruntime.api.errors import UserError
from orgruntime.api.org_sources import (
    OpenedOrg,
    address_of,
    committed_org,
    is_version,
    licence_of,
    org_files,
    refuse_changed,
    version_of,
)
from orgruntime.api.templates import title_for
from orgruntime.compiler import Compilation, compile_org
from orgruntime.compiler.library import RoleLinks, RoleRef
from orgruntime.diagnostics.diagnostic import Severity
from orgruntime.study.fork import Draft, ForkError, Moved, make_fork
from orgruntime.study.lock import LOCK, Entry, Lock, Origin, authority_of, lock_bytes, tree_hash
from orgruntime.study.words import Lead, Leads


@dataclass(frozen=True)
class Forked:
    """A fork that was made. `errors` and `warnings` are what `check` finds in it."""

    folder: Path
    title: str
    files: int
    size: int
    """Bytes, without the lock."""
    lock: Lock
    errors: int
    warnings: int


def fork_org(source: str, into: Path, name: str | None = None, now: datetime | None = None) -> Forked:
    """Makes the folder `into` a fork of the org at `source`, titled `name`, or after the folder. Raises UserError."""
    address = address_of(source)
    _refuse_taken(into)
    if not is_version(address):
        return _forked(committed_org(address), into, name, now)
    with version_of(address) as opened:
        return _forked(opened, into, name, now)


def _forked(opened: OpenedOrg, into: Path, name: str | None, now: datetime | None) -> Forked:
    if opened.mirror is None and into.resolve().is_relative_to(opened.folder.resolve()):
        raise UserError(f"{into} lies in the org that is to be forked; choose a folder beside it")
    files, title = org_files(opened), (name if name is not None else title_for(into)).strip()
    try:
        draft = make_fork(files, title, _Anchors(opened, into).moved, _licence(opened, into))
    except ForkError as error:
        raise UserError(f"{opened.address.text} cannot be forked: {error}") from error
    try:
        with _unfinished(into) as folder:
            for file in draft.files:
                _write(folder, file)
            found = compile_org(folder)
            lock = draft.lock(_origin(opened, files, draft, found, Path(os.path.abspath(into)), now))
            _write(folder, Entry(LOCK, lock_bytes(lock)))
    except OSError as error:
        raise UserError(f"{into} cannot be written: {error.strerror}; choose another place") from error
    severities = [one.severity for one in found.diagnostics]
    size = sum(len(file.data) for file in draft.files)
    counts = severities.count(Severity.ERROR), severities.count(Severity.WARNING)
    return Forked(into, title, len(draft.files), size, lock, *counts)


def _licence(opened: OpenedOrg, into: Path) -> Entry | None:
    """That of the repository. A fork within the same repository lies under it already."""
    found = licence_of(opened)
    top = opened.repository.top if opened.repository else None
    if found is None or top is None or not into.resolve().is_relative_to(top):
        return found
    return found._replace(path=_from(into.resolve(), top / found.path))


class _Anchors:
    """Where the places of a program lead, from the source's folder and from the fork's."""

    def __init__(self, opened: OpenedOrg, into: Path) -> None:
        self._opened, self._into = opened, Path(os.path.abspath(into))
        self._there = RoleLinks(opened.folder, str(opened.folder))
        self._here = RoleLinks(self._into, str(into))

    def moved(self, lead: Lead) -> Moved | None:
        if lead.kind is Leads.WORKSPACE:
            return self._workspace(lead.text)
        return self._role(lead.text if lead.text.endswith(".md") else f"{lead.text}.md", lead.kind)

    def _role(self, href: str, kind: Leads) -> Moved | None:
        """A role of a library that the fork does not share comes along, into the fork's own roles."""
        found = self._there.resolve(href)
        if not isinstance(found, RoleRef) or found.path.is_relative_to(self._there.own):
            return None
        real = self._opened.real(found.path)
        same = self._here.resolve(href)
        if real is not None and isinstance(same, RoleRef) and same.path.resolve() == real.resolve():
            return None
        self._refuse_uncommitted(found.path)
        path = f"roles/{found.slug}.md"
        try:
            role = Entry(path, found.path.read_bytes())
        except OSError as error:
            raise UserError(f"{found.shown} cannot be read: {error.strerror}") from error
        return Moved(path.removesuffix(".md") if kind is Leads.IMPORT else path, (role,), found.source)

    def _refuse_uncommitted(self, path: Path) -> None:
        from orgruntime.backends.org_source import changed_files

        repository = self._opened.repository
        if self._opened.mirror is None and repository is not None and repository.top is not None:
            inside = os.path.relpath(path.resolve(), repository.top)
            refuse_changed(self._opened.folder, [one for one in changed_files(path) if one == inside])

    def _workspace(self, text: str) -> Moved | None:
        """One in the org's folder goes with it; one on this machine is named from the fork; one of a version that was
        laid out is copied, since nothing else holds it."""
        folder = Path(os.path.abspath(self._opened.folder))
        path = Path(os.path.normpath(folder / text))
        if os.path.isabs(text) or path.is_relative_to(folder) or not path.is_dir():
            return None
        opened = self._opened
        if opened.top is not None and path.is_relative_to(opened.top):
            return self._copied(path, text)
        real = opened.real(path)
        if real is None or Path(os.path.normpath(self._into / text)) == real:
            return None
        return Moved(_from(self._into, real))

    def _copied(self, path: Path, text: str) -> Moved:
        repository, top = self._opened.repository, self._opened.top
        assert repository is not None
        assert top is not None
        inside = path.relative_to(top).as_posix()
        inside = "" if inside == "." else inside
        taken = {file.path.split("/")[0] for file in org_files(self._opened)}
        name = next(name for name in ("workspace", *(f"workspace-{n}" for n in range(2, 99))) if name not in taken)
        files = [
            Entry(f"{name}/{file.path.removeprefix(inside).lstrip('/')}", file.data, file.executable)
            for file in repository.files(inside)
        ]
        return Moved(name, tuple(files), text, name)


def _origin(
    opened: OpenedOrg, files: list[Entry], draft: Draft, found: Compilation, into: Path, now: datetime | None
) -> Origin:
    address = opened.address
    repository = opened.repository
    source, folder = address.place, address.folder
    if not address.remote:
        place = repository.top if repository is not None and repository.top is not None else Path(address.place)
        source, folder = _from(into, Path(os.path.abspath(place))), opened.inside
        if repository is None:
            source, folder = _from(into, Path(os.path.abspath(opened.folder))), ""
    titles = [edit.before for edit in draft.edits if edit.what == "title"]
    return Origin(
        source=source,
        folder=folder,
        ref=address.ref,
        commit=repository.commit if repository else None,
        tree=tree_hash(files),
        title=titles[0] if titles else "",
        licence=draft.licence,
        forked_at=(now or datetime.now(UTC)).astimezone(UTC).isoformat(timespec="seconds"),
        authority=authority_of(found.manifest) if found.manifest else None,
    )


def _from(folder: Path, target: Path) -> str:
    """A path from a folder; absolute where the two have nothing but the root in common."""
    common = Path(os.path.commonpath((folder, target)))
    return str(target) if common == common.parent else Path(os.path.relpath(target, folder)).as_posix()


def _refuse_taken(into: Path) -> None:
    if into.is_symlink() or (into.exists() and not into.is_dir()):
        raise UserError(f"{into} is a file; choose a new folder")
    if into.exists() and any(into.iterdir()):
        raise UserError(f"{into} is not empty; choose a new folder, e.g. {into}-1")


@contextmanager
def _unfinished(into: Path) -> Iterator[Path]:
    """A folder beside `into`, where relative paths mean the same. At the end its files are `into`'s; else it goes."""
    place = Path(os.path.abspath(into))
    place.parent.mkdir(parents=True, exist_ok=True)
    folder = place.parent / f".{place.name}.unfinished-{os.getpid()}"
    folder.mkdir()
    try:
        yield folder
        if not place.exists():
            folder.rename(place)
        else:
            # The empty folder may be the one that the user's shell is in: it stays, and is filled.
            for path in folder.iterdir():
                path.rename(place / path.name)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _write(folder: Path, file: Entry) -> None:
    from orgruntime.backends.org_source import write_file

    write_file(folder / file.path, file.data, executable=file.executable)
