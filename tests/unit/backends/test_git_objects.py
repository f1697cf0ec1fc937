"""Objects in growing files and packs, against git and libgit2: the same ids, nothing lost, whoever is cut off."""

from __future__ import annotations

import errno
import os
import random
import subprocess
from pathlib import Path

import pygit2
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pygit2.enums import FileMode, ObjectType

from orgruntime.backends import git_objects
from orgruntime.backends.git_objects import GROWING, Entry, GitObjects
from orgruntime.backends.git_workspace import GitWorkspace
from orgruntime.model.ids import CommitId
from orgruntime.model.manifest import WorkspaceSpec
from orgruntime.runtime.ports import Commit


def bare(folder: Path) -> pygit2.Repository:
    return pygit2.init_repository(str(folder), bare=True)


def growing(folder: Path) -> list[Path]:
    return sorted(folder.glob(f"{GROWING}*"))


def git(folder: Path, *args: str) -> str:
    return subprocess.run(["git", *args], cwd=folder, check=True, capture_output=True, text=True).stdout.strip()


@pytest.fixture
def workspace(tmp_path: Path) -> GitWorkspace:
    (tmp_path / "source").mkdir()
    (tmp_path / "source/train.py").write_text("X = 1\n")
    spec = WorkspaceSpec(source=str(tmp_path / "source"), editable=("train.py",), run="python train.py", time_limit_s=1)
    return GitWorkspace.create(tmp_path / "w.git", spec)


def commits(workspace: GitWorkspace, count: int, first: int = 0) -> list[Commit]:
    base = workspace.base().id
    return [
        workspace.commit(base, {"train.py": b"X = %d\n" % number}, message="m", author="a")
        for number in range(first, first + count)
    ]


NAMES = st.text(st.characters(exclude_characters="/\0", exclude_categories=["Cs"]), min_size=1, max_size=9)


@settings(max_examples=60, deadline=None)
@given(files=st.dictionaries(NAMES.filter(lambda name: name not in (".", "..", ".git")), st.binary(max_size=70)),
       folders=st.sets(st.sampled_from(["a", "a.b", "a-", "ab", "a0"])))  # fmt: skip
def test_ids_are_those_that_git_gives(
    tmp_path_factory: pytest.TempPathFactory, files: dict[str, bytes], folders: set[str]
) -> None:
    """A folder sorts as if its name ended in a slash, which is where implementations differ."""
    repository = bare(tmp_path_factory.mktemp("ids") / "r.git")
    objects = GitObjects(repository)
    builder, entries = repository.TreeBuilder(), {}
    for name, data in files.items():
        id = objects.add(ObjectType.BLOB, data)
        assert id == str(repository.create_blob(data))
        builder.insert(name, id, FileMode.BLOB)
        entries[name.encode()] = Entry(FileMode.BLOB, id)
    empty = objects.add_tree({})
    assert empty == str(repository.TreeBuilder().write())
    for name in folders - files.keys():
        builder.insert(name, empty, FileMode.TREE)
        entries[name.encode()] = Entry(FileMode.TREE, empty)
    tree = objects.add_tree(entries)
    assert tree == str(builder.write())
    assert objects.tree(tree) == entries


@pytest.mark.parametrize("message", ["", "one line", "two\n\nlines\n", "\n\nblank first", "№ ü\n", "# x\n\n\r"])
def test_a_commit_is_the_one_that_libgit2_writes(workspace: GitWorkspace, tmp_path: Path, message: str) -> None:
    base = workspace.base()
    made = workspace.commit(base.id, {"train.py": b"new\n"}, message=message, author="tuner 1")
    workspace.close()
    repository = pygit2.Repository(str(tmp_path / "w.git"))
    mine = repository[made.id]
    assert isinstance(mine, pygit2.Commit)
    again = repository.create_commit(
        None, mine.author, mine.committer, mine.raw_message.decode(), mine.tree_id, mine.parent_ids
    )
    assert str(again) == made.id
    assert (mine.message, mine.author.name) == (message.lstrip("\n"), "tuner 1")


def test_what_was_written_outlives_a_process_that_was_killed(workspace: GitWorkspace, tmp_path: Path) -> None:
    made = commits(workspace, 5)
    (file,) = growing(tmp_path / "w.git")
    after = GitWorkspace.open(tmp_path / "w.git")
    assert [after.read(one.id, "train.py") for one in made] == [b"X = %d\n" % n for n in range(5)]
    late = commits(after, 1, first=9)
    assert len(growing(tmp_path / "w.git")) == 2
    after.close()
    assert growing(tmp_path / "w.git") == []
    kept = git(tmp_path / "w.git", "rev-list", "refs/orgrun/kept").split()
    assert {one.id for one in [*made, *late]} <= set(kept)
    assert file not in growing(tmp_path / "w.git")


@pytest.mark.parametrize("seed", range(6))
def test_a_tail_that_is_cut_off_or_spoiled_costs_nothing_before_it(
    workspace: GitWorkspace, tmp_path: Path, seed: int
) -> None:
    rng = random.Random(seed)
    made = commits(workspace, 3)
    (file,) = growing(tmp_path / "w.git")
    whole = file.read_bytes()
    commits(workspace, 1, first=7)
    tail = bytearray(file.read_bytes()[len(whole) :])
    if seed % 2:
        tail[rng.randrange(len(tail))] ^= 1 << rng.randrange(8)
    file.write_bytes(whole + tail[: rng.randrange(1, len(tail))])
    after = GitWorkspace.open(tmp_path / "w.git")
    assert [after.read(one.id, "train.py") for one in made] == [b"X = %d\n" % n for n in range(3)]
    again = commits(after, 1, first=7)
    after.close()
    assert git(tmp_path / "w.git", "fsck", "--strict", "--full") == ""
    assert GitWorkspace.open(tmp_path / "w.git").read(again[0].id, "train.py") == b"X = 7\n"


def test_packs_are_made_as_it_grows_and_a_reader_that_was_there_before_follows(
    workspace: GitWorkspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(git_objects, "GROWN", 30)
    reader = GitWorkspace.open(tmp_path / "w.git")
    made: list[Commit] = []
    for number in range(40):
        made += commits(workspace, 1, first=number)
        assert reader.read(made[-1].id, "train.py") == b"X = %d\n" % number
        workspace.flush()
        assert reader.read(made[number // 2].id, "train.py") == b"X = %d\n" % (number // 2)
    packs = list((tmp_path / "w.git/objects/pack").glob("*.idx"))
    assert len(packs) == 1 + 3 * 40 // 30
    assert workspace.read(made[0].id, "train.py") == b"X = 0\n"
    workspace.close()
    assert git(tmp_path / "w.git", "fsck", "--strict", "--full") == ""
    assert len({one.id for one in made} & set(git(tmp_path / "w.git", "rev-list", "refs/orgrun/kept").split())) == 40


def test_a_process_that_was_given_up_and_wakes_spoils_nothing(workspace: GitWorkspace, tmp_path: Path) -> None:
    commits(workspace, 2)
    successor = GitWorkspace.open(tmp_path / "w.git")
    made = commits(successor, 3, first=10)
    commits(workspace, 2, first=20)
    workspace.close()
    more = commits(successor, 1, first=30)
    assert successor.read(made[1].id, "train.py") == b"X = 11\n"
    successor.close()
    after = GitWorkspace.open(tmp_path / "w.git")
    assert [after.read(one.id, "train.py")[4:6] for one in [*made, *more]] == [b"10", b"11", b"12", b"30"]
    assert git(tmp_path / "w.git", "fsck", "--strict", "--full") == ""


def test_a_disk_that_was_full_costs_nothing_once_it_has_room(
    workspace: GitWorkspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = os.pwrite

    def full(handle: int, data: bytes, at: int) -> int:
        if len(data) > 20:
            return write(handle, data[:20], at)
        raise OSError(errno.ENOSPC, "no space left on device")

    first = commits(workspace, 1)[0]
    monkeypatch.setattr(os, "pwrite", full)
    with pytest.raises(OSError, match="no space"):
        commits(workspace, 1, first=1)
    monkeypatch.undo()
    second = commits(workspace, 1, first=2)[0]
    workspace.flush()
    after = GitWorkspace.open(tmp_path / "w.git")
    assert (after.read(first.id, "train.py"), after.read(second.id, "train.py")) == (b"X = 0\n", b"X = 2\n")
    workspace.close()
    assert git(tmp_path / "w.git", "fsck", "--strict", "--full") == ""


def test_a_branch_is_git_s_own_at_once(workspace: GitWorkspace, tmp_path: Path) -> None:
    first = commits(workspace, 1)[0]
    second = workspace.commit(first.id, {"a/b/c.py": b"deep\n"}, message="deeper", author="a")
    workspace.move_branch("lead", second.id)
    assert growing(tmp_path / "w.git")
    assert git(tmp_path / "w.git", "show", "lead:a/b/c.py") == "deep"
    assert git(tmp_path / "w.git", "log", "--format=%s", "lead").split()[:2] == ["deeper", "m"]


def test_the_diff_of_a_program_says_its_mode(tmp_path: Path) -> None:
    (tmp_path / "source").mkdir()
    (tmp_path / "source/run.sh").write_text("echo 1\n")
    (tmp_path / "source/run.sh").chmod(0o755)
    spec = WorkspaceSpec(source=str(tmp_path / "source"), editable=("run.sh",), run="sh run.sh", time_limit_s=1)
    workspace = GitWorkspace.create(tmp_path / "w.git", spec)
    base = workspace.base().id
    made = workspace.commit(base, {"run.sh": b"echo 2\n", "b/new.py": b"n\n"}, message="m", author="a")
    workspace.close()
    shown = git(tmp_path / "w.git", "diff", "--abbrev=7", base, made.id)
    assert workspace.diff(base, made.id).text.strip() == shown


def test_an_unknown_id_is_a_key_error(workspace: GitWorkspace) -> None:
    for id in ("f" * 40, "zz" * 20, ""):
        with pytest.raises(KeyError):
            workspace.get(CommitId(id))
