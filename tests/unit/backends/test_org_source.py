"""Orgs as bytes from git: commits of local repositories, and of remote ones over git's own protocol on loopback."""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Iterator
from pathlib import Path

import pygit2
import pytest

sys.path.insert(0, str(Path(__file__).parents[2]))

from git_daemon import git, serving

from orgruntime.backends import git_fetch, org_source
from orgruntime.backends.git_fetch import fetch
from orgruntime.backends.org_source import OrgSourceError, changed_files, local_repository, plain_files


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    folder = tmp_path / "served" / "theirs"
    (folder / "orgs" / "lab" / "roles").mkdir(parents=True)
    (folder / "orgs" / "lab" / "program.md").write_text("# One\n")
    (folder / "orgs" / "lab" / "roles" / "a.md").write_text("Words.\n")
    (folder / "orgs" / "lab" / "run.sh").write_text("#!/bin/sh\n")
    (folder / "orgs" / "lab" / "run.sh").chmod(0o755)
    (folder / ".gitignore").write_text("ignored\n")
    git(folder, "init", "-q")
    git(folder, "add", ".")
    git(folder, "commit", "-qm", "one")
    git(folder, "tag", "-a", "v1", "-m", "v1")
    (folder / "orgs" / "lab" / "program.md").write_text("# Two\n")
    git(folder, "commit", "-qam", "two")
    return folder


@pytest.fixture
def server(repository: Path) -> Iterator[str]:
    with serving(repository.parent) as address:
        yield f"{address}/theirs"


def taken(found: tuple[org_source.RepositoryAt, str] | None) -> dict[str, bytes]:
    assert found is not None
    return {file.path: file.data for file in found[0].files(found[1])}


class TestLocal:
    def test_a_folder_is_found_in_its_repository_at_any_version(self, repository):
        lab = repository / "orgs" / "lab"
        found = local_repository(lab, None)
        assert found is not None
        assert found[1] == "orgs/lab"
        assert found[0].top == repository
        assert taken(found)["orgs/lab/program.md"] == b"# Two\n"
        assert taken(local_repository(lab, "v1"))["orgs/lab/program.md"] == b"# One\n"
        assert taken(local_repository(lab, "HEAD~1"))["orgs/lab/program.md"] == b"# One\n"
        assert found[0].places_of("program.md") == ["orgs/lab"]

    def test_what_the_work_tree_holds_does_not_matter(self, repository):
        lab = repository / "orgs" / "lab"
        (lab / "program.md").write_text("# Three\n")
        (lab / "ignored").write_text("x")
        (lab / "new.md").write_text("x")
        assert taken(local_repository(lab, None))["orgs/lab/program.md"] == b"# Two\n"
        assert changed_files(lab) == ["orgs/lab/new.md", "orgs/lab/program.md"]

    def test_a_bare_repository_has_no_top(self, repository, tmp_path):
        git(tmp_path, "clone", "-q", "--bare", str(repository), "bare.git")
        found = local_repository(tmp_path / "bare.git", "v1")
        assert found is not None
        assert (found[0].top, found[1]) == (None, "")

    def test_a_clone_without_its_objects(self, repository, tmp_path):
        git(repository, "config", "uploadpack.allowFilter", "true")
        git(tmp_path, "clone", "-q", "--bare", "--filter=blob:none", f"file://{repository}", "partial.git")
        found = local_repository(tmp_path / "partial.git", "v1")
        assert found is not None
        for read in (lambda: found[0].file("orgs/lab/program.md"), lambda: taken(found)):
            with pytest.raises(OrgSourceError, match="a partial clone"):
                read()

    def test_no_repository_and_no_commit(self, tmp_path):
        assert local_repository(tmp_path, None) is None
        git(tmp_path, "init", "-q")
        assert local_repository(tmp_path, None) is None
        with pytest.raises(OrgSourceError, match="no branch, tag or commit `main`"):
            local_repository(tmp_path, "main")

    @pytest.mark.parametrize("ref", ["nope", "v1:orgs", "0000000000000000000000000000000000000000"])
    def test_a_version_that_is_none(self, repository, ref):
        with pytest.raises(OrgSourceError, match="no branch, tag or commit"):
            local_repository(repository, ref)

    def test_an_export_is_regular_files_with_the_bytes_of_the_commit(self, repository, tmp_path):
        found = local_repository(repository, "v1")
        assert found is not None
        found[0].export("orgs", tmp_path / "out")
        found[0].export("", tmp_path / "out")
        assert (tmp_path / "out/orgs/lab/program.md").read_text() == "# One\n"
        assert os.access(tmp_path / "out/orgs/lab/run.sh", os.X_OK)
        assert not os.access(tmp_path / "out/orgs/lab/program.md", os.X_OK)

    def test_filters_and_hooks_of_the_repository_do_not_run(self, repository, tmp_path):
        mark = tmp_path / "ran"
        (repository / ".gitattributes").write_text("* filter=evil\n")
        git(repository, "add", ".")
        git(repository, "commit", "-qm", "three")
        for key in ("filter.evil.smudge", "filter.evil.clean", "core.fsmonitor", "diff.external"):
            git(repository, "config", key, f"touch {mark}; cat")
        (repository / "orgs/lab/program.md").write_text("# Four\n")
        found = local_repository(repository, None)
        assert found is not None
        found[0].export("", tmp_path / "out")
        changed_files(repository)
        assert not mark.exists()


class TestHostileTrees:
    def committed(self, folder: Path, *entries: tuple[str, bytes, int]) -> Path:
        """A repository whose tree was written by hand, past git's own checks."""
        repository = pygit2.init_repository(str(folder), bare=True)
        tree = b""
        for name, data, mode in entries:
            blob = repository.create_blob(data) if mode != 0o160000 else pygit2.Oid(hex="1" * 40)
            tree += f"{mode:o} {name}\0".encode() + blob.raw
        root = repository.odb.write(pygit2.enums.ObjectType.TREE, tree)
        who = pygit2.Signature("a", "a@b", 1, 0)
        repository.create_commit("refs/heads/main", who, who, "x", root, [])
        repository.set_head("refs/heads/main")
        return folder

    @pytest.mark.parametrize(
        ("entry", "words"),
        [
            (("..", b"x", 0o100644), "cannot be that of a file"),
            (("a/../../x", b"x", 0o100644), "cannot be that of a file"),
            ((".git", b"x", 0o100644), "cannot be that of a file"),
            ((".GIT", b"x", 0o100644), "cannot be that of a file"),
            (("sub", b"", 0o160000), "is a submodule"),
            (("out", b"../../etc/passwd", 0o120000), "leaves the repository"),
            (("abs", b"/etc/passwd", 0o120000), "leaves the repository"),
            (("loop", b"loop", 0o120000), "link in a circle"),
            (("gone", b"nothing", 0o120000), "link to nothing"),
        ],
    )
    def test_it_is_refused_and_nothing_is_written_outside(self, tmp_path, entry, words):
        found = local_repository(self.committed(tmp_path / "r.git", entry), "main")
        assert found is not None
        with pytest.raises(OrgSourceError, match=words):
            found[0].export("", tmp_path / "in" / "out")
        assert not (tmp_path / "x").exists()

    def test_a_link_within_the_tree_is_the_file(self, tmp_path):
        folder = self.committed(tmp_path / "r.git", ("a.md", b"words", 0o100644), ("b.md", b"a.md", 0o120000))
        found = local_repository(folder, "main")
        assert found is not None
        found[0].export("", tmp_path / "out")
        assert (tmp_path / "out" / "b.md").read_bytes() == b"words"
        assert not (tmp_path / "out" / "b.md").is_symlink()

    def test_folders_without_end_are_refused(self, tmp_path):
        """Ten folders in each of ten folders, six deep: a million files from seven objects."""
        repository = pygit2.init_repository(str(tmp_path / "r.git"), bare=True)
        inner = repository.create_blob(b"x")
        for depth in range(6):
            mode = 0o100644 if depth == 0 else 0o40000
            tree = b"".join(f"{mode:o} {n}\0".encode() + inner.raw for n in range(10))
            inner = repository.odb.write(pygit2.enums.ObjectType.TREE, tree)
        who = pygit2.Signature("a", "a@b", 1, 0)
        repository.create_commit("refs/heads/main", who, who, "x", inner, [])
        found = local_repository(tmp_path / "r.git", "main")
        with pytest.raises(OrgSourceError, match="more than 10000 files"):
            taken(found)

    def test_too_many_bytes_are_refused(self, tmp_path, monkeypatch):
        monkeypatch.setattr(org_source, "LARGEST_ORG", 2**20)
        found = local_repository(self.committed(tmp_path / "r.git", ("a", b"x" * (2**20 + 1), 0o100644)), "main")
        with pytest.raises(OrgSourceError, match="more than 1 MiB; an org is words"):
            taken(found)


class TestFolders:
    def test_git_and_caches_are_left_out(self, tmp_path):
        for name in ("program.md", ".git/config", ".orgrun/runs/x", "__pycache__/a.pyc", "roles/a.md"):
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name).write_text("x")
        assert [file.path for file in plain_files(tmp_path)] == ["program.md", "roles/a.md"]

    def test_a_link_that_leaves_and_a_pipe_are_refused(self, tmp_path):
        (tmp_path / "org").mkdir()
        (tmp_path / "org" / "program.md").symlink_to("/etc/hostname")
        with pytest.raises(OrgSourceError, match="a link that leaves"):
            list(plain_files(tmp_path / "org"))
        (tmp_path / "org" / "program.md").unlink()
        os.mkfifo(tmp_path / "org" / "pipe")
        with pytest.raises(OrgSourceError, match="not a regular file"):
            list(plain_files(tmp_path / "org"))


class TestRemote:
    def test_the_newest_a_branch_a_tag_and_a_commit(self, server, repository, tmp_path):
        first, second = git(repository, "rev-parse", "v1^{commit}"), git(repository, "rev-parse", "HEAD")
        asked = {None: second, "main": second, "v1": first, second: second}
        for number, (ref, commit) in enumerate(asked.items()):
            found = fetch(server, ref, tmp_path / str(number))
            assert (found.commit, found.top) == (commit, None)
            expected = b"# One\n" if commit == first else b"# Two\n"
            assert found.file("orgs/lab/program.md") == expected

    @pytest.mark.parametrize(
        ("ref", "words"),
        [
            ("nope", "has no branch, tag or commit `nope`"),
            ("abcdef1", "with all its 40 digits"),
            ("main~1", "a branch, a tag or a full commit"),
        ],
    )
    def test_a_version_that_is_none(self, server, tmp_path, ref, words):
        with pytest.raises(OrgSourceError, match=words):
            fetch(server, ref, tmp_path / "r")

    @pytest.mark.parametrize("url", ["https://127.0.0.1:1/o/r", "ssh://127.0.0.1:1/o/r", "git://127.0.0.1:1/r"])
    def test_nobody_is_there(self, tmp_path, url):
        with pytest.raises(OrgSourceError, match="cannot be fetched"):
            fetch(url, None, tmp_path / "r")

    def test_protocols_that_run_programs_or_read_this_machine_are_off(self, tmp_path, repository):
        for url in (f"ext::touch {tmp_path}/ran", f"file://{repository}", str(repository)):
            with pytest.raises(OrgSourceError):
                fetch(url, None, tmp_path / "r")
        assert not (tmp_path / "ran").exists()

    def test_the_repository_of_a_hook_that_runs_this_is_not_touched(self, server, repository, tmp_path, monkeypatch):
        other = tmp_path / "other"
        other.mkdir()
        git(other, "init", "-q")
        monkeypatch.setenv("GIT_DIR", str(other / ".git"))
        monkeypatch.setenv("GIT_INDEX_FILE", str(other / ".git" / "index"))
        assert fetch(server, "v1", tmp_path / "r").file("orgs/lab/program.md") == b"# One\n"
        assert not list((other / ".git" / "refs").rglob("fetched"))

    def test_a_pack_without_end_is_cut_off(self, server, repository, tmp_path, monkeypatch):
        (repository / "data").write_bytes(os.urandom(3 * 2**20))
        git(repository, "add", ".")
        git(repository, "commit", "-qm", "large")
        monkeypatch.setattr(git_fetch, "LARGEST_PACK", 2**20)
        with pytest.raises(OrgSourceError, match="cannot be fetched"):
            fetch(server, None, tmp_path / "r")

    def test_a_remote_that_is_silent_is_left(self, tmp_path, monkeypatch):
        monkeypatch.setattr(git_fetch, "LONGEST_S", 0.5)
        with socket.socket() as silent:
            silent.bind(("127.0.0.1", 0))
            silent.listen()
            with pytest.raises(OrgSourceError, match="did not answer"):
                fetch(f"git://127.0.0.1:{silent.getsockname()[1]}/r", None, tmp_path / "r")
