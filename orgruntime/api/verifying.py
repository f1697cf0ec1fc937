"""Verify a certificate: recompute its evidence, rebuild the champion's code, measure every pair again.

Works from the certificate and, where it lies in its run's folder, from the run's ledger and workspace, which are only
read. Invariant: nothing of what the certificate claims is believed because it is written there.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from orgruntime.api.certificate_checks import Check, arithmetic
from orgruntime.api.errors import UserError
from orgruntime.api.folders import RunFolder
from orgruntime.api.patches import PatchError, apply_patch
from orgruntime.api.reruns import Arms, Rerun, Tell, measure_again
from orgruntime.api.wiring import ClusterChoice
from orgruntime.model.ids import CommitId
from orgruntime.model.manifest import RoleKind, WorkspaceSpec
from orgruntime.model.research import Certificate
from orgruntime.runtime.ports import WorkspaceError

if TYPE_CHECKING:
    from orgruntime.runtime.ports import Workspace


@dataclass(frozen=True)
class VerifyReport:
    """`rerun` is None where it was not asked for, or where an earlier check failed."""

    certificate: str
    checks: tuple[Check, ...]
    rerun: Rerun | None

    @property
    def verified(self) -> bool:
        return all(check.passed for check in self.checks)

    @property
    def verdict(self) -> str:
        """One line."""
        wrong = [check.name for check in self.checks if not check.passed]
        if wrong:
            return f"{self.certificate}: NOT VERIFIED ({', '.join(wrong)})"
        how = "every pair was measured again" if self.rerun else "by arithmetic; nothing was measured again"
        return f"{self.certificate}: verified, {how}"

    def as_json(self) -> dict[str, Any]:
        """What `verify --json` prints."""
        rerun = None
        if self.rerun is not None:
            rerun = asdict(self.rerun) | {"pairs": [pair.model_dump(mode="json") for pair in self.rerun.pairs]}
        checks = [asdict(check) for check in self.checks]
        return {"certificate": self.certificate, "verified": self.verified, "checks": checks, "rerun": rerun}


def verify(
    path: Path, *, rerun: bool = True, cluster: ClusterChoice | None = None, tell: Tell = lambda line: None
) -> VerifyReport:
    """Checks the certificate in the file `path`; `tell` hears each line of progress.

    Raises UserError when the file is no certificate, or when the trials cannot be run on this machine.
    """
    certificate = read_certificate(path)
    checks: list[Check] = []

    def checked(check: Check) -> None:
        checks.append(check)
        tell(f"{'ok  ' if check.passed else 'FAIL'} {check.name}: {check.text}")

    run = _run_of(path)
    if run is not None:
        checked(_record(certificate, run))
    for check in arithmetic(certificate):
        checked(check)
    again: Rerun | None = None
    with _code(certificate, run) as (workspace, code):
        checked(code)
        if rerun and workspace is not None and all(check.passed for check in checks):
            arms = Arms(workspace.pack, *_limits(certificate, run))
            again = measure_again(certificate, arms, cluster or ClusterChoice(), tell)
            checked(_again(again))
    return VerifyReport(str(path), tuple(checks), again)


def read_certificate(path: Path) -> Certificate:
    """Raises UserError."""
    try:
        return Certificate.model_validate_json(path.read_bytes())
    except OSError as error:
        raise UserError(f"{path} cannot be read: {error.strerror}; `orgrun status` names the certificate") from error
    except ValueError as error:
        raise UserError(
            f"{path} is not a certificate of this version; they lie in certificates/ of a run's folder"
        ) from error


def _run_of(path: Path) -> RunFolder | None:
    """The run in whose folder the certificate lies."""
    folder = RunFolder(path.resolve().parent.parent)
    is_run = folder.ledger_file.is_file() and folder.manifest_file.is_file() and folder.git_dir.is_dir()
    return folder if is_run else None


def _record(certificate: Certificate, run: RunFolder) -> Check:
    """Against the certificate that the run's ledger holds."""
    with run.ledger() as ledger:
        held = [row.certificate for row in ledger.champion_history() if row.certificate is not None]
    own = next((one for one in held if one.id == certificate.id), None)
    if own is None:
        return Check("record", False, f"the ledger of run {run.id} holds no certificate {certificate.id}")
    differ = [name for name in Certificate.model_fields if getattr(own, name) != getattr(certificate, name)]
    if differ:
        return Check("record", False, f"it differs from the ledger of run {run.id} in: {', '.join(differ)}")
    return Check("record", True, f"it is what the ledger of run {run.id} holds")


@contextmanager
def _code(certificate: Certificate, run: RunFolder | None) -> Iterator[tuple[Workspace | None, Check]]:
    """A workspace that holds both trees, or None; and what was found of the code."""
    from orgruntime.backends.git_workspace import GitWorkspace

    if run is not None:
        workspace = GitWorkspace.open(run.git_dir)
        check = _held(certificate, workspace)
        yield (workspace if check.passed else None), check
        return
    with tempfile.TemporaryDirectory(prefix="orgrun-verify-") as folder:
        spec = WorkspaceSpec(
            source=certificate.workspace_source, editable=(), run=certificate.command, time_limit_s=1.0
        )
        try:
            workspace = GitWorkspace.create(Path(folder) / "workspace.git", spec)
        except WorkspaceError as error:
            yield None, Check("code", False, f"it cannot be rebuilt: {error}")
            return
        check = _rebuilt(certificate, workspace)
        yield (workspace if check.passed else None), check


def _held(certificate: Certificate, workspace: Workspace) -> Check:
    """The run's own workspace has the commits; they must be the trees and the patch that the certificate names."""
    wanted = {certificate.champion_before: certificate.tree_before, certificate.champion_after: certificate.tree_after}
    try:
        for commit, tree in wanted.items():
            found = workspace.get(commit).tree
            if found != tree:
                return Check("code", False, f"commit {commit[:10]} has the tree {found[:10]}, not {tree[:10]}")
        if workspace.base().id != certificate.base_commit:
            return Check("code", False, f"the run's base commit is {workspace.base().id[:10]}, not the certificate's")
        patch = workspace.diff(certificate.base_commit, certificate.champion_after).text
    except KeyError as error:
        return Check("code", False, f"the run's workspace has no commit {str(error.args[0])[:10]}")
    if patch != certificate.patch:
        return Check("code", False, "the patch is not the difference between the base commit and the champion")
    return Check("code", True, f"the champion's tree is {certificate.tree_after[:10]}, and the patch leads to it")


def _rebuilt(certificate: Certificate, workspace: Workspace) -> Check:
    """Source plus patch must be the champion's tree."""
    base = workspace.base()
    if base.id != certificate.base_commit:
        return Check(
            "code", False, f"{certificate.workspace_source} is not what the run started from (it would be commit "
            f"{base.id[:10]}, the certificate names {certificate.base_commit[:10]})",
        )  # fmt: skip
    try:
        files = apply_patch(certificate.patch, lambda path: workspace.read(CommitId(base.id), path))
        made = workspace.commit(base.id, files, message="verify", author="orgruntime")
    except (PatchError, WorkspaceError) as error:
        return Check("code", False, f"the patch does not apply to the workspace: {error}")
    if made.tree != certificate.tree_after:
        return Check(
            "code", False, f"source and patch give the tree {made.tree[:10]}, not {certificate.tree_after[:10]}"
        )
    if certificate.tree_before != base.tree:
        return Check("code", False, "the champion before it is in its run's folder only; verify the certificate there")
    return Check("code", True, f"source and patch give the champion's tree {made.tree[:10]}")


def _limits(certificate: Certificate, run: RunFolder | None) -> tuple[tuple[str, ...], int | None]:
    """(editable files, memory). Without the run's manifest, the files that the patch changes are the editable ones."""
    if run is not None:
        manifest = run.manifest()
        judges = (role.resources.memory_mb for role in manifest.roles if role.kind is RoleKind.VERIFIER)
        return manifest.workspace.editable, next(judges, None) or manifest.workspace.memory_mb
    lines = certificate.patch.splitlines()
    return tuple(line[6:].rstrip("\t") for line in lines if line.startswith("+++ b/")), None


def _again(rerun: Rerun) -> Check:
    same = f"{rerun.identical} of {rerun.measured} metrics are identical to the last bit"
    relation = "≥" if rerun.passed else "<"
    text = f"new pairs give an e-value of {rerun.e_value:.4g} {relation} {rerun.threshold:.4g}; {same}"
    return Check("measured again", rerun.passed, text)
