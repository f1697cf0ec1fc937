"""An org and its workspace as one file that a job brings to a cluster's head.

Works on a manifest and folders. Knows nothing of jobs. Invariants: what is packed of a git repository is its commit,
so nothing that git does not track leaves this machine; the workspace is imported here, as a run on this machine would,
so its base commit has the same id on the head; the manifest is the same byte for byte.
"""

from __future__ import annotations

import fnmatch
import shutil
import tarfile
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from orgruntime.api.errors import UserError
from orgruntime.api.folders import RunFolder
from orgruntime.api.histories import read_history
from orgruntime.model.history import HISTORY_FILE, PastResult
from orgruntime.model.manifest import Manifest
from orgruntime.runtime.ports import WorkspaceError

PACK = "org.pack"
LARGEST_PACK = 100 << 20
"""Bytes. It lies in the memory of the head while the job runs."""
SECRETS = (
    ".env", ".env.*", "*.pem", "*.key", "*.p12", "*.pfx", "id_rsa*", "id_dsa*", "id_ecdsa*", "id_ed25519*", ".netrc",
    ".npmrc", ".pypirc", "credentials", "credentials.json", "*.kubeconfig", ".htpasswd", "service-account*.json",
)  # fmt: skip
"""Names of files that hold keys more often than not."""
_MANIFEST, _WORKSPACE, _ORG = "manifest.json", "workspace.git", "org"


@dataclass(frozen=True)
class Packed:
    """What lies in an opened pack."""

    manifest: Manifest
    history: tuple[PastResult, ...]
    folder: Path

    def lay_into(self, run: RunFolder) -> None:
        """Puts the workspace, and what the org brings along beside its words, where a run looks for them."""
        shutil.copytree(self.folder / _WORKSPACE, run.git_dir)
        if (self.folder / _ORG).is_dir():
            shutil.copytree(self.folder / _ORG, run.path / _ORG)


def pack(manifest: Manifest, org: Path, folder: Path) -> list[str]:
    """Writes `org.pack` into an empty folder; returns what a person should know of it, a sentence each.

    Raises UserError: no workspace, files that look like keys, more than a job may bring.
    """
    with tempfile.TemporaryDirectory(prefix="orgrun-") as made:
        place = Path(made)
        (place / _MANIFEST).write_text(manifest.model_dump_json(indent=1) + "\n", encoding="utf-8")
        notices = _workspace(manifest, place)
        if (org / HISTORY_FILE).is_file():
            shutil.copyfile(org / HISTORY_FILE, place / HISTORY_FILE)
        if any(server.command for server in manifest.servers):
            notices += _copied(org, place / _ORG, f"the org's folder {org}")
        with tarfile.open(folder / PACK, "w") as tar:
            tar.add(place, arcname=".", filter=_nobody)
    size = (folder / PACK).stat().st_size
    if size > LARGEST_PACK:
        raise UserError(
            f"the workspace packs to {size >> 20} MiB, and a job may bring {LARGEST_PACK >> 20}: fetch large data in "
            "the set-up command (`setup:`), or copy the folder to the head and run it there with --address auto"
        )
    return notices


@contextmanager
def opened_pack(path: Path) -> Iterator[Packed]:
    """Raises UserError for a file that is no pack."""
    with tempfile.TemporaryDirectory(prefix="orgrun-") as made:
        place = Path(made)
        try:
            with tarfile.open(path) as tar:
                tar.extractall(place, filter="data")
            manifest = Manifest.model_validate_json((place / _MANIFEST).read_bytes())
        except (OSError, tarfile.TarError, ValueError) as error:
            raise UserError(f"{path} is no pack of an org, or one of another version: {error}") from error
        yield Packed(manifest, read_history(place), place)


def _workspace(manifest: Manifest, place: Path) -> list[str]:
    from orgruntime.backends.git_workspace import GitWorkspace
    from orgruntime.backends.workspace_source import is_bare

    source, spec, notices = Path(manifest.workspace.source), manifest.workspace, []
    if source.is_dir() and not (source / ".git").exists() and not is_bare(source):
        # As the repository around it has it, or the whole folder.
        notices = _copied(source, place / "source" / source.name, f"the workspace {source}")
        spec = spec.model_copy(update={"source": str(place / "source" / source.name)})
    try:
        workspace = GitWorkspace.create(place / _WORKSPACE, spec)
    except WorkspaceError as error:
        raise UserError(str(error)) from error
    shutil.rmtree(place / "source", ignore_errors=True)
    return [*notices, *([workspace.notice] if workspace.notice else [])]


def _copied(folder: Path, into: Path, what: str) -> list[str]:
    """The folder as its repository's HEAD has it; the whole of it where no repository tracks it. Raises UserError."""
    from orgruntime.backends.org_source import OrgSourceError, changed_files, local_repository, write_file
    from orgruntime.backends.source_files import Reading, folder_files, tree_files
    from orgruntime.backends.workspace_source import LARGEST_SOURCE

    reading = Reading(what, WorkspaceError, LARGEST_SOURCE, "fetch large data in the set-up command")
    try:
        found = local_repository(folder, None)
        tracked = found is not None and found[0].has(found[1]) and found[1] != ""
        if found is None or not tracked:
            files = list(folder_files(folder, reading))
            _refuse_secrets(what, (file.path for file in files))
            left_out: list[str] = []
        else:
            repository, inside = found
            whole = tree_files(repository.tree, reading, inside)
            files = [replace(file, path=file.path.removeprefix(f"{inside}/")) for file in whole]
            left_out = [path for path in changed_files(folder) if path.startswith(f"{inside}/")]
        for file in files:
            write_file(into / file.path, file.data, executable=file.executable)
    except (OrgSourceError, WorkspaceError) as error:
        raise UserError(str(error)) from error
    if not left_out:
        return []
    shown = ", ".join(left_out[:3]) + (f" and {len(left_out) - 3} more" if len(left_out) > 3 else "")
    return [f"{what} is sent as committed; changes that are not committed are left out: {shown}"]


def _refuse_secrets(what: str, paths: Iterable[str]) -> None:
    found = [path for path in paths if any(fnmatch.fnmatch(path.rpartition("/")[2].lower(), name) for name in SECRETS)]
    if found:
        raise UserError(
            f"{what} is in no git repository, so all of it would be sent, and {found[0]} looks like a key"
            f"{f' (so do {len(found) - 1} more)' if len(found) > 1 else ''}: move it away, or commit what belongs to "
            "the workspace: of a repository only what is committed is sent"
        )


def _nobody(member: tarfile.TarInfo) -> tarfile.TarInfo:
    """The same folder gives the same pack, whoever packs it and when."""
    member.uid = member.gid = member.mtime = 0
    member.uname = member.gname = ""
    return member
