"""What leaves this machine with a run, and that it is what a run here would start from."""

from __future__ import annotations

import tarfile
from pathlib import Path

import pygit2
import pytest

from orgruntime.api import packing
from orgruntime.api.errors import UserError
from orgruntime.api.folders import RunFolder
from orgruntime.api.orgs import load_org
from orgruntime.api.packing import PACK, opened_pack, pack
from orgruntime.api.templates import write_template
from orgruntime.backends.git_workspace import GitWorkspace
from orgruntime.model.manifest import Manifest


@pytest.fixture
def org(tmp_path: Path) -> Path:
    folder = tmp_path / "home" / "lab"
    write_template(folder, "solo")
    return folder


def committed(top: Path) -> None:
    repository = pygit2.init_repository(str(top))
    repository.index.add_all()
    me = pygit2.Signature("me", "me@localhost", 1, 0)
    repository.create_commit("HEAD", me, me, "all", repository.index.write_tree(), [])
    repository.index.write()


def packed(org: Path, tmp_path: Path) -> tuple[Manifest, list[str], Path]:
    manifest, _ = load_org(org)
    into = tmp_path / "job"
    into.mkdir()
    return manifest, pack(manifest, org, into), into / PACK


def local_base(manifest: Manifest, tmp_path: Path) -> str:
    return GitWorkspace.create(tmp_path / "local.git", manifest.workspace).base().id


def test_a_pack_opens_as_the_same_manifest_and_the_same_base_commit(org: Path, tmp_path: Path) -> None:
    manifest, notices, file = packed(org, tmp_path)
    assert notices == []
    with opened_pack(file) as opened:
        assert opened.manifest == manifest
        run = RunFolder(tmp_path / "run")
        run.path.mkdir()
        opened.lay_into(run)
    assert GitWorkspace.open(run.git_dir).base().id == local_base(manifest, tmp_path)


@pytest.mark.parametrize("top", ["home", "home/lab/workspace"])
def test_of_a_repository_only_what_is_committed_is_sent(org: Path, tmp_path: Path, top: str) -> None:
    """Also where the workspace is a folder deep in it."""
    committed(tmp_path / top)
    manifest, _ = load_org(org)
    base = local_base(manifest, tmp_path)
    (org / "workspace" / ".env").write_text("KEY=hush\n")
    _, notices, file = packed(org, tmp_path)
    assert len(notices) == 1
    assert ".env" in notices[0]
    with opened_pack(file) as opened:
        workspace = GitWorkspace.open(opened.folder / "workspace.git")
        assert workspace.base().id == base
        assert ".env" not in workspace.paths(workspace.base().id)
    assert b"hush" not in file.read_bytes()


def test_a_plain_folder_with_a_key_in_it_is_not_sent(org: Path, tmp_path: Path) -> None:
    (org / "workspace" / "deploy.PEM").write_text("hush\n")
    with pytest.raises(UserError, match=r"deploy\.PEM looks like a key: move it away, or commit"):
        packed(org, tmp_path)


def test_more_than_a_job_may_bring_is_said(org: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packing, "LARGEST_PACK", 1000)
    with pytest.raises(UserError, match=r"`setup:`.*--address auto"):
        packed(org, tmp_path)


def test_what_is_no_pack_is_one_sentence(tmp_path: Path) -> None:
    file = tmp_path / PACK
    with tarfile.open(file, "w") as tar:
        tar.add(__file__, arcname="../out.py")
    with pytest.raises(UserError, match="is no pack of an org"), opened_pack(file):
        pass
    assert not (tmp_path.parent / "out.py").exists()
