"""The git workspace against real git: what it imports, what it refuses, and that nothing of the source is executed."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from orgruntime.backends import workspace_source
from orgruntime.backends.git_objects import GROWING
from orgruntime.backends.git_workspace import GitWorkspace
from orgruntime.model.manifest import WorkspaceSpec
from orgruntime.runtime.ports import Commit, WorkspaceError


def spec(source: Path) -> WorkspaceSpec:
    return WorkspaceSpec(source=str(source), editable=("train.py",), run="python train.py", time_limit_s=1)


def git(folder: Path, *args: str, home: Path | None = None) -> str:
    env = {**os.environ, "GIT_CONFIG_GLOBAL": "/dev/null", "GIT_CONFIG_NOSYSTEM": "1", "HOME": str(home or folder)}
    command = ["git", "-c", "user.name=t", "-c", "user.email=t@localhost", "-c", "protocol.file.allow=always", *args]
    return subprocess.run(command, cwd=folder, env=env, check=True, capture_output=True, text=True).stdout


@pytest.fixture
def source(tmp_path: Path) -> Path:
    folder = tmp_path / "source"
    folder.mkdir()
    (folder / "train.py").write_text("X = 1\n")
    return folder


@pytest.fixture
def repository(source: Path) -> Path:
    git(source, "init", "-q", "-b", "main")
    git(source, "add", "-A")
    git(source, "commit", "-q", "-m", "first")
    return source


def imported(source: Path) -> dict[str, bytes]:
    workspace = GitWorkspace.create(source.parent / "w.git", spec(source))
    base = workspace.base().id
    return {path: workspace.read(base, path) for path in workspace.paths(base)}


def refusal(source: Path) -> str:
    with pytest.raises(WorkspaceError) as caught:
        GitWorkspace.create(source.parent / "w.git", spec(source))
    assert not list(source.parent.glob("w.git*")), "an import that fails leaves nothing behind"
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_git_itself_reads_the_workspace(source: Path) -> None:
    workspace = GitWorkspace.create(source.parent / "w.git", spec(source))
    commits = [workspace.base()]
    for number in range(20):
        files = {"train.py": f"X = {number}\n".encode(), f"a/{number % 3}/f.py": b"x\n"}
        commits.append(workspace.commit(commits[-1].id, files, message=f"№ {number}", author="tuner <x@y>\n"))
    merged = workspace.merge(commits[0].id, commits[-1].id, commits[0].id, message="merge")
    assert isinstance(merged, Commit)
    workspace.move_branch("champion", merged.id)
    bare = source.parent / "w.git"
    assert git(bare, "fsck", "--strict", "--full") == ""
    assert git(bare, "log", "-1", "--format=%H %an %at %s", "champion").split() == [
        merged.id,
        "orgruntime",
        "0",
        "merge",
    ]
    workspace.close()
    late = workspace.commit(merged.id, {"train.py": b"late\n"}, message="late", author="tuner")
    workspace.close()
    assert not list(bare.glob(f"{GROWING}*"))
    assert git(bare, "fsck", "--strict", "--full") == ""
    kept = git(bare, "rev-list", "refs/orgrun/kept").split()
    assert set(kept) >= {commit.id for commit in [*commits, merged, late]}
    assert len(kept) == len(commits) + 4
    git(bare, "gc", "-q", "--prune=now")
    assert workspace.read(late.id, "train.py") == b"late\n"
    again = GitWorkspace.open(bare)
    assert again.read(commits[7].id, "train.py") == b"X = 6\n"
    assert (again.base(), again.branch("champion")) == (commits[0], merged.id)


def test_ids_do_not_depend_on_the_machine(source: Path, tmp_path: Path) -> None:
    """Identity, time zone and configuration of whoever runs it change nothing."""
    script = (
        "import sys; from pathlib import Path; from orgruntime.backends.git_workspace import GitWorkspace\n"
        "from orgruntime.model.manifest import WorkspaceSpec\n"
        "spec = WorkspaceSpec(source=sys.argv[1], editable=('train.py',), run='x', time_limit_s=1)\n"
        "w = GitWorkspace.create(Path(sys.argv[2]), spec)\n"
        "print(w.commit(w.base().id, {'train.py': b'X = 2\\r\\n'}, message='m', author='a').id)\n"
    )
    home = tmp_path / "home"
    home.mkdir()
    (home / ".gitconfig").write_text(
        "[user]\nname = somebody\n[core]\nautocrlf = true\n[init]\ntemplateDir = /nowhere\n[i18n]\ncommitEncoding = x\n"
    )
    ids = set()
    for number, changed in enumerate(({}, {"HOME": str(home), "TZ": "Asia/Tokyo", "GIT_AUTHOR_NAME": "other"})):
        command = [sys.executable, "-c", script, str(source), str(tmp_path / f"{number}.git")]
        ids.add(subprocess.run(command, env={**os.environ, **changed}, check=True, capture_output=True).stdout)
    assert len(ids) == 1


def test_a_folder_is_imported_without_its_debris(source: Path) -> None:
    for path in (
        ".git/config",
        "__pycache__/t.pyc",
        ".venv/bin/python",
        ".orgrun/runs/x",
        "a/__pycache__/x",
        "a/x.pyc",
    ):
        (source / path).parent.mkdir(parents=True, exist_ok=True)
        (source / path).write_text("x")
    (source / "a/keep.txt").write_text("kept")
    (source / ".hidden").write_text("kept")
    (source / ".git").rename(source / "a/.git")
    assert imported(source) == {"train.py": b"X = 1\n", "a/keep.txt": b"kept", ".hidden": b"kept"}


def test_a_link_inside_is_imported_as_a_copy(source: Path) -> None:
    (source / "data").mkdir()
    (source / "data/link.py").symlink_to("../train.py")
    assert imported(source)["data/link.py"] == b"X = 1\n"


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda at: at.symlink_to("/etc/hostname"), "leaves the folder"),
        (lambda at: at.symlink_to("../outside"), "leaves the folder"),
        (lambda at: at.symlink_to("/etc"), "leaves the folder"),
        (lambda at: at.symlink_to("nothing"), "link to nothing"),
        (lambda at: at.symlink_to(at.name), "link to nothing"),
        (lambda at: at.symlink_to("folder"), "link to a folder"),
        (lambda at: os.mkfifo(at), "not a regular file"),
        (lambda at: Path(os.fsdecode(os.fsencode(at) + b"\xff")).write_text("x"), "not UTF-8"),
    ],
)
def test_what_is_not_a_file_of_the_folder_is_refused(source: Path, make: object, words: str) -> None:
    (source.parent / "outside").write_text("a secret")
    (source / "folder").mkdir()
    make(source / "strange")  # type: ignore[operator]  # a callable of the table above
    assert words in refusal(source)
    assert "strange" in refusal(source)


def test_a_source_that_is_too_large_is_refused(source: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workspace_source, "LARGEST_SOURCE", 2**20)
    (source / "data.bin").write_bytes(b"x" * 2**20)
    assert "more than 1 MiB" in refusal(source)


def test_nothing_to_import_is_refused(tmp_path: Path) -> None:
    assert "there is no folder" in refusal(tmp_path / "nowhere")
    (tmp_path / "empty/deep").mkdir(parents=True)
    assert "holds no file" in refusal(tmp_path / "empty")


def test_a_workspace_is_never_overwritten(source: Path) -> None:
    GitWorkspace.create(source.parent / "w.git", spec(source))
    with pytest.raises(WorkspaceError, match="exists already"):
        GitWorkspace.create(source.parent / "w.git", spec(source))


def test_opening_what_is_no_workspace_is_refused(repository: Path, tmp_path: Path) -> None:
    for folder in (tmp_path, tmp_path / "nowhere", repository):
        with pytest.raises(WorkspaceError):
            GitWorkspace.open(folder)


def test_a_repository_is_imported_as_committed_and_says_so(repository: Path) -> None:
    (repository / "train.py").write_text("X = 2\n")
    (repository / "new.py").write_text("y\n")
    workspace = GitWorkspace.create(repository.parent / "w.git", spec(repository))
    assert workspace.paths(workspace.base().id) == ["train.py"]
    assert workspace.read(workspace.base().id, "train.py") == b"X = 1\n"
    assert "new.py, train.py" in workspace.notice


def test_a_clean_repository_needs_no_notice(repository: Path) -> None:
    (repository / "run.sh").write_text("x")
    (repository / "run.sh").chmod(0o755)
    git(repository, "add", "-A")
    git(repository, "commit", "-q", "-m", "second")
    git(repository, "gc", "-q")
    git(repository.parent, "clone", "-q", "--bare", str(repository), "bare")
    clones = (repository, repository.parent / "bare")
    bases = []
    for number, clone in enumerate(clones):
        workspace = GitWorkspace.create(repository.parent / f"{number}.git", spec(clone))
        assert workspace.notice == ""
        bases.append(workspace.base().tree)
    assert bases == [git(repository, "rev-parse", "HEAD^{tree}").strip()] * 2


def test_importing_a_repository_runs_nothing_of_it(repository: Path) -> None:
    """Hooks, filters, a file-system monitor, an external diff: each would leave the file `ran`."""
    ran = repository.parent / "ran"
    touch = f"touch {ran}; cat"
    (repository / ".gitattributes").write_text("* filter=evil diff=evil merge=evil\n")
    git(repository, "add", "-A")
    git(repository, "commit", "-q", "-m", "attributes")
    filters = ("filter.evil.clean", "filter.evil.smudge", "filter.evil.process")
    drivers = ("diff.external", "diff.evil.command", "diff.evil.textconv", "merge.evil.driver")
    for key in (*filters, *drivers, "core.fsmonitor", "gpg.program", "core.pager"):
        git(repository, "config", key, touch)
    hooks = repository / ".git/hooks"
    hooks.mkdir(exist_ok=True)
    for hook in ("post-checkout", "pre-commit", "reference-transaction", "post-index-change"):
        (hooks / hook).write_text(f"#!/bin/sh\ntouch {ran}\n")
        (hooks / hook).chmod(0o755)
    (repository / "train.py").write_text("X = 3\n")
    workspace = GitWorkspace.create(repository.parent / "w.git", spec(repository))
    commit = workspace.commit(workspace.base().id, {"train.py": b"X = 4\n"}, message="m", author="a")
    workspace.diff(workspace.base().id, commit.id)
    workspace.merge(workspace.base().id, commit.id, commit.id, message="m")
    assert "train.py" in workspace.notice
    assert not ran.exists()


def test_links_of_a_repository(repository: Path) -> None:
    (repository / "deep").mkdir()
    (repository / "deep/one.py").symlink_to("two.py")
    (repository / "deep/two.py").symlink_to("../train.py")
    git(repository, "add", "-A")
    git(repository, "commit", "-q", "-m", "links")
    assert imported(repository)["deep/one.py"] == b"X = 1\n"


@pytest.mark.parametrize(
    ("target", "words"),
    [("/etc/hostname", "leaves the repository"), ("../outside", "leaves the repository"), ("gone", "to nothing"),
     ("folder", "to a folder"), ("strange", "in a circle")],
)  # fmt: skip
def test_a_link_of_a_repository_that_leads_astray_is_refused(repository: Path, target: str, words: str) -> None:
    (repository / "folder").mkdir()
    (repository / "folder/x").write_text("x")
    (repository / "strange").symlink_to(target)
    git(repository, "add", "-A")
    git(repository, "commit", "-q", "-m", "links")
    assert words in refusal(repository)


def test_a_submodule_is_refused(repository: Path, tmp_path: Path) -> None:
    git(tmp_path, "clone", "-q", str(repository), "inner")
    git(repository, "submodule", "-q", "add", str(tmp_path / "inner"), "lib")
    git(repository, "commit", "-q", "-m", "submodule")
    assert "lib is a submodule" in refusal(repository)


def test_a_large_file_pointer_is_refused(repository: Path) -> None:
    (repository / "weights.bin").write_text("version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n")
    git(repository, "add", "-A")
    git(repository, "commit", "-q", "-m", "pointer")
    assert "weights.bin is kept in Git LFS" in refusal(repository)


def test_a_repository_without_a_commit_is_refused(source: Path) -> None:
    git(source, "init", "-q")
    assert "no commit yet" in refusal(source)


def test_missing_objects_are_one_sentence(repository: Path) -> None:
    blob = git(repository, "rev-parse", "HEAD:train.py").strip()
    (repository / ".git/objects" / blob[:2] / blob[2:]).unlink()
    assert "full clone" in refusal(repository)


def test_threads_may_share_a_workspace(source: Path) -> None:
    workspace = GitWorkspace.create(source.parent / "w.git", spec(source))
    base = workspace.base().id
    found: list[Commit] = []

    def work(worker: int) -> None:
        for number in range(25):
            files = {"train.py": f"X = {worker * 1000 + number + 2}\n".encode()}
            commit = workspace.commit(base, files, message="m", author="a")
            assert workspace.diff(base, commit.id).lines == 2
            workspace.pack(commit.tree)
            found.append(commit)

    threads = [threading.Thread(target=work, args=(worker,)) for worker in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({commit.id for commit in found}) == 100
