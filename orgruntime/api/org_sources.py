"""Where an org comes from, opened: a folder as it is, or a version of a repository laid out in a folder of our own.

The use cases `fork` and `diff` read orgs through this. Nothing of what is read is run. Invariant: a folder that was
laid out holds the org, the roles that its library shares and its workspace, at the places where they lie in the
repository, so that it compiles as it would there; it is gone when the context is left.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from orgruntime.api.errors import UserError
from orgruntime.study.address import Address, AddressError, parse_address
from orgruntime.study.fork import PROGRAM, is_licence
from orgruntime.study.lock import Entry
from orgruntime.study.words import Leads, ProgramWords, WordsError

if TYPE_CHECKING:
    from orgruntime.backends.org_source import RepositoryAt
    from orgruntime.backends.source_files import SourceFile


@dataclass(frozen=True)
class OpenedOrg:
    """`folder` compiles. A version is laid out below `mirror`, which stands for the root of this machine's files where
    its repository is here (`is_here`), so that what leads out of the repository still leads to what it leads to."""

    address: Address
    folder: Path
    repository: RepositoryAt | None = None
    inside: str = ""
    """The org's folder within the repository; empty for its top."""
    mirror: Path | None = None
    top: Path | None = None
    """The top of the repository below `mirror`."""
    is_here: bool = True

    def real(self, path: Path) -> Path | None:
        """The place that a path stands for; None for one of a repository that is elsewhere."""
        if self.mirror is None or not path.is_relative_to(self.mirror):
            return path
        return Path("/") / path.relative_to(self.mirror) if self.is_here else None


def address_of(text: str) -> Address:
    """Raises UserError. The file `program.md` stands for its folder."""
    try:
        address = parse_address(text)
    except AddressError as error:
        raise UserError(str(error)) from error
    if not address.remote and Path(address.place).name == PROGRAM and not address.folder:
        return Address(os.path.dirname(address.place) or ".", "", address.ref)
    return address


def is_version(address: Address) -> bool:
    """Whether the address is to be laid out: it is remote, names a version, or is a repository without a work tree."""
    place = Path(address.place)
    is_bare = (place / "HEAD").is_file() and (place / "objects").is_dir()
    return address.remote or address.ref is not None or is_bare


@contextmanager
def version_of(address: Address) -> Iterator[OpenedOrg]:
    """The org at a named version, or of a remote repository, laid out. Raises UserError."""
    from orgruntime.backends.git_fetch import fetch
    from orgruntime.backends.org_source import OrgSourceError

    try:
        with tempfile.TemporaryDirectory(prefix="orgrun-", ignore_cleanup_errors=True) as made:
            ours = Path(made).resolve()
            if address.remote:
                repository, inside = fetch(address.place, address.ref, ours / "fetched.git"), address.folder
            else:
                repository, inside = _local_version(address)
            try:
                opened = _laid_out(address, repository, inside, ours / "mirror")
            except OSError as error:
                raise UserError(f"{ours.parent} cannot be written ({error.strerror}); set TMPDIR") from error
            yield opened
    except OrgSourceError as error:
        raise UserError(str(error)) from error


def committed_org(address: Address) -> OpenedOrg:
    """The org in a folder: as the HEAD of its repository has it, or, where none tracks it, as it is. Raises UserError
    where the folder is no org, or differs from HEAD."""
    from orgruntime.backends.org_source import OrgSourceError, changed_files, local_repository

    path = folder_of(address)
    refuse_no_org(path)
    try:
        found = local_repository(path, None)
        if found is None or found[0].file(_join(found[1], PROGRAM)) is None:
            return OpenedOrg(address, path)
        repository, inside = found
        refuse_changed(path, [one for one in changed_files(path) if _is_below(one, inside)])
    except OrgSourceError as error:
        raise UserError(str(error)) from error
    return OpenedOrg(address, path, repository, inside)


def refuse_no_org(path: Path) -> None:
    """Raises UserError for a folder that holds no program."""
    if (path / PROGRAM).is_file():
        return
    if not path.is_dir():
        what = "is not a folder" if path.exists() else "does not exist"
        hint = "; a repository on a code host is named by its address, https://…" if "/" in str(path) else ""
        raise UserError(f"{path} {what}{hint}")
    near = [one.parent.relative_to(path).as_posix() for one in sorted(path.glob("*/program.md"))]
    near += [one.parent.relative_to(path).as_posix() for one in sorted(path.glob("*/*/program.md"))]
    raise UserError(f"{path} is no org: it holds no {PROGRAM}{_orgs_there(near)}")


def folder_of(address: Address) -> Path:
    return Path(address.place, address.folder) if address.folder else Path(address.place)


def refuse_changed(path: Path, changed: list[str]) -> None:
    """Raises UserError where something that is to be copied is not committed."""
    if changed:
        more = f" and {len(changed) - 3} more" if len(changed) > 3 else ""
        raise UserError(
            f"{path} has changes that are not committed ({', '.join(changed[:3])}{more}): "
            f"commit them, or name a version, as in {path}@HEAD"
        )


def org_files(opened: OpenedOrg) -> list[Entry]:
    """The files of the org, by their path below it. Raises UserError."""
    from orgruntime.backends.org_source import OrgSourceError, plain_files

    try:
        if opened.repository is None:
            return [Entry(*_parts(file)) for file in plain_files(opened.folder)]
        prefix = f"{opened.inside}/" if opened.inside else ""
        found = [Entry(*_parts(file)) for file in opened.repository.files(opened.inside)]
        return [file._replace(path=file.path.removeprefix(prefix)) for file in found]
    except OrgSourceError as error:
        raise UserError(str(error)) from error


def licence_of(opened: OpenedOrg) -> Entry | None:
    """That of the repository, for an org without one of its own. Raises UserError."""
    if opened.repository is None or not opened.inside:
        return None
    for name in sorted(opened.repository.names()):
        data = opened.repository.file(name) if is_licence(name) else None
        if data is not None:
            return Entry(name, data)
    return None


def _local_version(address: Address) -> tuple[RepositoryAt, str]:
    from orgruntime.backends.org_source import local_repository

    found = local_repository(folder_of(address), address.ref) or local_repository(Path(address.place), address.ref)
    if found is None:
        raise UserError(
            f"{folder_of(address)} is in no git repository with a commit, so it has no version `{address.ref}`"
        )
    repository, inside = found
    return repository, inside if repository.top else address.folder


def _laid_out(address: Address, repository: RepositoryAt, inside: str, mirror: Path) -> OpenedOrg:
    program = repository.file(_join(inside, PROGRAM))
    if program is None:
        where = f"{address.text} at {repository.commit[:12]}"
        raise UserError(f"{where} is no org: it holds no {PROGRAM}{_orgs_there(repository.places_of(PROGRAM))}")
    place = repository.top or Path("/repository")
    top = mirror / place.relative_to("/")
    # The search for a shared library of roles ends at the top of a repository.
    (top / ".git").mkdir(parents=True)
    repository.export(inside, top)
    for above in PurePosixPath(inside).parents if inside else ():
        library = _join("" if str(above) == "." else str(above), "roles")
        if any(name.endswith(".md") for name in repository.names(library)):
            repository.export(library, top)
            break
    opened = OpenedOrg(address, top / inside, repository, inside, mirror, top, is_here=repository.top is not None)
    _lay_out_workspace(opened, program)
    return opened


def _lay_out_workspace(opened: OpenedOrg, program: bytes) -> None:
    try:
        leads = ProgramWords(program).leads()
    except WordsError:
        return
    assert opened.repository is not None
    assert opened.top is not None
    for lead in leads:
        path = Path(os.path.normpath(opened.folder / lead.text))
        if lead.kind is not Leads.WORKSPACE or path.exists():
            continue
        real = opened.real(path)
        if path.is_relative_to(opened.top):
            opened.repository.export(_join(*path.relative_to(opened.top).parts), opened.top)
        elif real is not None and real.is_dir() and path != real:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.symlink_to(real)


def _orgs_there(folders: list[str]) -> str:
    if not folders:
        return ""
    return f"; there are orgs in {', '.join(folders[:5])}{' and more' if len(folders) > 5 else ''}"


def _is_below(path: str, folder: str) -> bool:
    return not folder or path == folder or path.startswith(f"{folder}/")


def _join(*parts: str) -> str:
    return "/".join(part for part in parts if part)


def _parts(file: SourceFile) -> tuple[str, bytes, bool]:
    return file.path, file.data, file.executable
