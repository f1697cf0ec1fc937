"""The worktree of a step: what differs from the base, whatever a command has done to the folder."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from desk_cases import EDITABLE, FILES, TREE, Desk, packed

from orgruntime.backends import trial_layout, worktree
from orgruntime.backends.desk_paths import Fault, located, matcher, may_change
from orgruntime.backends.desk_trees import MissingTree, Products, Trees
from orgruntime.backends.worktree import Worktree
from orgruntime.model.ids import TreeId


@pytest.fixture(params=[True, False], ids=["boxed", "open"])
def desk(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Desk]:
    desk = Desk(tmp_path, boxed=request.param, written_bytes=100_000)
    yield desk
    desk.close()
    assert not (desk.folder / "seats" / "s").exists()


def test_nothing_differs_at_first(desk: Desk) -> None:
    assert desk.worktree.texts() == {}
    assert desk.worktree.paths() == sorted(FILES)
    assert {path: desk.worktree.text(path) for path in FILES} == FILES
    settled = desk.worktree.settle()
    assert (settled.changes, settled.notes) == ({}, [])
    assert os.stat(desk.worktree.top).st_mode & 0o777 == 0o700


def test_what_is_written_differs_until_it_is_as_before(desk: Desk) -> None:
    tree = desk.worktree
    assert tree.write("train.py", "x") == {"train.py": "x"}
    tree.write("src/new_a.py", "ä\r\n")
    assert tree.texts() == {"train.py": "x", "src/new_a.py": "ä\r\n"}
    assert (desk.top / "src/new_a.py").read_bytes() == "ä\r\n".encode()
    tree.write("train.py", FILES["train.py"])
    assert tree.texts() == {"src/new_a.py": "ä\r\n"}
    assert tree.settle().changes == {}


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("eval.py", "eval.py is frozen; what may be changed: train.py"), ("new.py", "frozen"), ("", "frozen"),
            ("src/new_a/../x.py", "frozen"), ("data", "frozen"),
    ],
)  # fmt: skip
def test_only_what_is_editable_can_be_written(desk: Desk, path: str, words: str) -> None:
    with pytest.raises(Fault, match=words):
        desk.worktree.write(path, "x")
    assert desk.worktree.texts() == {}
    assert (Path(desk.tree.base) / "eval.py").read_text() == "FROZEN\n"


def test_files_and_folders_do_not_take_each_others_places(tmp_path: Path) -> None:
    desk = Desk(tmp_path, editable=("*",))
    desk.worktree.write("made/a.py", "x")
    for path, words in (("src", "is a folder"), ("made", "is a folder"), ("train.py/x", "train.py is a file")):
        with pytest.raises(Fault, match=words):
            desk.worktree.write(path, "x")
    with pytest.raises(Fault, match=r"made/a\.py is a file"):
        desk.worktree.write("made/a.py/b.py", "x")
    assert desk.worktree.texts() == {"made/a.py": "x"}


def test_bytes_are_bounded_over_all_files(desk: Desk) -> None:
    desk.worktree.write("train.py", "x" * 60_000)
    with pytest.raises(Fault, match="may hold 100000 bytes, and would hold 120000"):
        desk.worktree.write("src/model.py", "ä" * 30_000)
    desk.worktree.write("train.py", "x" * 100_000)


def test_what_a_command_did_is_taken_in(desk: Desk) -> None:
    desk.worktree.write("src/model.py", "mine")
    (desk.top / "train.py").write_text("theirs")
    (desk.top / "src/new_b.py").write_text("new")
    (desk.top / "notes.txt").write_text("scratch")
    settled = desk.worktree.settle()
    assert settled.changes == {"train.py": "theirs", "src/new_b.py": "new"}
    assert settled.notes == []
    assert desk.worktree.texts() == {"train.py": "theirs", "src/new_b.py": "new", "src/model.py": "mine"}
    assert desk.worktree.text("notes.txt") == "scratch"
    (desk.top / "src/new_b.py").unlink()
    (desk.top / "train.py").write_text(FILES["train.py"])
    assert desk.worktree.settle().changes == {"train.py": None, "src/new_b.py": None}
    assert desk.worktree.texts() == {"src/model.py": "mine"}


def test_a_change_is_seen_though_size_and_time_are_as_before(desk: Desk) -> None:
    place = desk.top / "train.py"
    before = place.stat()
    place.write_text(FILES["train.py"].replace("0.1", "0.9"))
    os.utime(place, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert "0.9" in desk.worktree.settle().changes["train.py"]
    place.write_text(FILES["train.py"])
    os.utime(place, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert desk.worktree.settle().changes == {"train.py": None}


def test_what_no_proposal_can_hold_is_put_back(desk: Desk) -> None:
    desk.worktree.write("src/model.py", "mine")
    (desk.top / "train.py").unlink()
    (desk.top / "src/model.py").write_bytes(b"\xff\xfe")
    (desk.top / "src/new_c.py").write_bytes(b"a\0b")
    settled = desk.worktree.settle()
    assert settled.changes == {}
    assert sorted(settled.notes) == [
        "src/model.py was no UTF-8 text any more, and was put back",
        "src/new_c.py is no UTF-8 text, so no proposal can hold it",
        "train.py cannot be removed by a proposal, and was put back",
    ]
    assert (desk.top / "train.py").read_text() == FILES["train.py"]
    assert (desk.top / "src/model.py").read_text() == "mine"


def test_what_git_reads_is_frozen_whatever_the_patterns(tmp_path: Path) -> None:
    desk = Desk(tmp_path, editable=("*",))
    (desk.top / ".gitignore").write_text("x" * 5_000_000)
    settled = desk.worktree.settle()
    assert (settled.changes, settled.notes) == ({}, [".gitignore is frozen and was put back"])
    assert not desk.worktree.is_too_much()


def test_a_folder_in_the_place_of_a_file_gives_way(desk: Desk) -> None:
    (desk.top / "train.py").unlink()
    (desk.top / "train.py").mkdir()
    (desk.top / "train.py" / "deep").mkdir()
    desk.worktree.settle()
    assert (desk.top / "train.py").read_text() == FILES["train.py"]


def test_a_file_in_the_place_of_a_folder_gives_way(desk: Desk) -> None:
    (desk.top / "src").rename(desk.top / "away")
    (desk.top / "src").write_text("a file")
    desk.worktree.settle()
    assert (desk.top / "src/model.py").read_text() == FILES["src/model.py"]


def test_links_pipes_and_sockets_are_swept(desk: Desk, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("key")
    (desk.top / "train.py").unlink()
    (desk.top / "train.py").symlink_to(secret)
    (desk.top / "out").symlink_to("/etc")
    os.mkfifo(desk.top / "src/new_d.py")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(os.path.relpath(desk.top / "socket"))
    (desk.top / "a\nb").write_text("x")
    os.mkdir(os.fsencode(desk.top) + b"/\xff")
    settled = desk.worktree.settle()
    assert settled.changes == {}
    text = "\n".join(settled.notes)
    for name in (
        "train.py (a symbolic link)",
        "out (a symbolic link)",
        "new_d.py (a pipe)",
        "socket (a socket)",
        "a\nb",
    ):
        assert name in text
    assert sorted(desk.worktree.paths()) == sorted(FILES)
    assert (desk.top / "train.py").read_text() == FILES["train.py"]
    assert secret.read_text() == "key"


def test_a_link_that_is_not_yet_swept_is_not_followed(desk: Desk) -> None:
    (desk.top / "train.py").unlink()
    (desk.top / "train.py").symlink_to("/etc/passwd")
    with pytest.raises(OSError, match="symbolic links"):
        desk.worktree.text("train.py")
    desk.worktree.write("train.py", "x")
    assert (desk.top / "train.py").read_text() == "x"
    assert not (desk.top / "train.py").is_symlink()


def test_closed_folders_and_files_are_opened(desk: Desk) -> None:
    (desk.top / "src/new_e.py").write_text("x")
    (desk.top / "src/new_e.py").chmod(0)
    (desk.top / "src").chmod(0)
    desk.top.chmod(0)
    assert desk.worktree.settle().changes == {"src/new_e.py": "x"}


def test_too_many_files_undo_the_command(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worktree, "MOST_FILES", 50)
    desk.worktree.write("train.py", "mine")
    for number in range(60):
        (desk.top / f"f{number}").mkdir()
    (desk.top / "train.py").write_text("theirs")
    assert desk.worktree.is_too_much()
    settled = desk.worktree.settle()
    assert settled.changes == {}
    assert "more than 50 new files" in settled.notes[0]
    assert "undone" in settled.notes[0]
    assert desk.worktree.texts() == {"train.py": "mine"}
    assert (desk.top / "train.py").read_text() == "mine"
    assert not (desk.top / "f1").exists()


@pytest.mark.parametrize("path", ["train.py", "scratch", "src/new_f.py"])
def test_too_many_bytes_undo_the_command(desk: Desk, path: str) -> None:
    desk.worktree.write("src/model.py", "mine")
    (desk.top / "src/new_g.py").write_text("small")
    (desk.top / path).write_text("x" * 200_000)
    assert desk.worktree.is_too_much()
    settled = desk.worktree.settle()
    assert settled.changes == {}
    assert desk.worktree.texts() == {"src/model.py": "mine"}
    assert not (desk.top / "scratch").exists()
    assert not desk.worktree.is_too_much()


def test_a_file_that_holds_more_than_it_shows_counts(desk: Desk) -> None:
    with (desk.top / "sparse").open("wb") as file:
        os.truncate(file.fileno(), 1 << 40)
    assert desk.worktree.is_too_much()
    assert "undone" in desk.worktree.settle().notes[0]


def test_folders_without_end_are_swept(desk: Desk) -> None:
    """Deeper than a path can be, and than a call can nest."""
    here = os.open(desk.top, os.O_RDONLY)
    for _ in range(1500):
        os.mkdir("deep", dir_fd=here)
        below = os.open("deep", os.O_RDONLY, dir_fd=here)
        os.close(here)
        here = below
    os.close(here)
    desk.worktree.settle()
    assert len(os.listdir(desk.top)) <= 6
    desk.worktree.write("train.py", "x")


def test_recorded_changes_are_made(desk: Desk) -> None:
    tree = desk.worktree
    tree.apply({"train.py": "recorded", "src/new_h.py": "new"})
    assert tree.texts() == {"train.py": "recorded", "src/new_h.py": "new"}
    tree.apply({"train.py": None, "src/new_h.py": None})
    assert tree.texts() == {}
    assert (desk.top / "train.py").read_text() == FILES["train.py"]
    assert not (desk.top / "src/new_h.py").exists()
    with pytest.raises(Fault, match="frozen"):
        tree.apply({"eval.py": "x"})


def test_an_executable_file_stays_one(desk: Desk) -> None:
    os.chmod(f"{desk.tree.base}/train.py", 0o755)
    desk.worktree.write("train.py", "x")
    assert os.stat(desk.top / "train.py").st_mode & 0o100


class TestTrees:
    def test_a_tree_is_sent_once_and_kept(self, tmp_path: Path) -> None:
        trees = Trees(str(tmp_path / "t"), boxed=True)
        with pytest.raises(MissingTree):
            trees.take(TREE, EDITABLE, None)
        first = trees.take(TREE, EDITABLE, packed(FILES))
        assert trees.take(TREE, EDITABLE, None) is first
        assert trees.take(TREE, ("*",), None).base == first.base
        assert first.frozen | first.changeable == first.paths == set(FILES)
        assert first.changeable == {"train.py", "src/model.py"}

    def test_only_idle_trees_go(self, tmp_path: Path) -> None:
        trees = Trees(str(tmp_path / "t"), boxed=True, kept=2)
        taken = [
            trees.take(TreeId(f"{n:040}"), EDITABLE, packed({"train.py": str(n), "same.py": "same"})) for n in range(6)
        ]
        assert all(os.path.isdir(tree.base) for tree in taken)
        for tree in taken[:5]:
            trees.give_back(tree)
        assert [os.path.isdir(tree.base) for tree in taken] == [False] * 3 + [True] * 3
        assert len(os.listdir(tmp_path / "t/blobs")) == 4, "blobs of trees that went are gone"
        with pytest.raises(MissingTree):
            trees.take(taken[0].id, EDITABLE, None)

    def test_a_pack_that_leads_outside_is_refused(self, tmp_path: Path) -> None:
        trees = Trees(str(tmp_path / "t"), boxed=True)
        with pytest.raises(ValueError, match="not a plain file inside"):
            trees.take(TREE, EDITABLE, packed({"../out": "x"}))
        with pytest.raises(ValueError, match="no id of a tree"):
            trees.take(TreeId("../x"), EDITABLE, packed(FILES))


class TestPaths:
    @pytest.mark.parametrize(
        ("given", "found"),
        [
            ("train.py", "train.py"), ("/workspace/src/../train.py", "train.py"), ("./a//b/", "a/b"), ("", ""),
            (".", ""), ("/workspace", ""), ("a/..", ""), ("~/x", "~/x"), ("ä b", "ä b"),
        ],
    )  # fmt: skip
    def test_paths_are_made_plain(self, given: str, found: str) -> None:
        assert located(given) == found

    @pytest.mark.parametrize(
        "given",
        [
            "..", "../x", "a/../../x", "/etc/passwd", "/workspacex", "/workspace/../etc", "a\0b", "a\nb", "\ud800",
            "a\u202eb", "x" * 256, "a/" * 600, "/",
        ],
    )  # fmt: skip
    def test_paths_that_lead_away_are_faults(self, given: str) -> None:
        with pytest.raises(Fault):
            located(given)

    @pytest.mark.parametrize("path", [".git/config", "a/.GitHub/x", ".gitattributes", "a\\b", "../x", "/x", ""])
    def test_no_proposal_holds_these(self, path: str) -> None:
        assert not may_change(path, ("*",))

    @pytest.mark.parametrize(
        ("pattern", "path", "does"),
        [
            ("*.py", "a.py", True), ("*.py", "b/a.py", False), ("**/*.py", "a.py", True), ("**/*.py", "x/y/a.py", True),
            ("src/**", "src/a/b", True), ("*.{py,toml}", "a.toml", True), ("a/**/b", "a/b", True),
            ("a/**/b", "a/x/y/b", True), ("[z-a]", "a", False), ("[", "[", True), ("?", "ab", False),
        ],
    )  # fmt: skip
    def test_patterns(self, pattern: str, path: str, does: bool) -> None:
        assert matcher(pattern)(path) is does

    @pytest.mark.parametrize("pattern", ["*a*" * 300 + "b", "**/" * 300 + "b", "a" * 900])
    def test_no_pattern_is_catastrophic(self, pattern: str) -> None:
        """Hundreds of paths; a pattern that went back would not come to an end."""
        for _ in range(100):
            assert not matcher(pattern)("a/" * 200 + "a" * 250)

    @pytest.mark.parametrize("pattern", ["x" * 2000, "{a,b}" * 20])
    def test_patterns_that_are_too_much_are_faults(self, pattern: str) -> None:
        with pytest.raises(Fault):
            matcher(pattern)


@pytest.mark.parametrize(
    ("setup", "boxed", "shown"),
    [("prepare", True, {"data/prepared/tokens.txt"}), ("prepare", False, set()), ("other", True, set())],
)
def test_what_a_set_up_made_is_there_and_frozen(tmp_path: Path, setup: str, boxed: bool, shown: set[str]) -> None:
    base = tmp_path / "base"
    paths = trial_layout.unpack(packed(FILES), str(base), str(tmp_path / "blobs"))
    frozen = trial_layout.frozen_digest(str(base), paths, EDITABLE)
    made = tmp_path / "setup" / trial_layout.product_key("prepare", frozen)
    for path in ("data/prepared/tokens.txt", "eval.py", "src/new_made.py"):
        (made / path).parent.mkdir(parents=True, exist_ok=True)
        (made / path).write_text("made\n")
    trees = Trees(str(tmp_path / "trees"), boxed=boxed, products=Products(setup, str(tmp_path / "setup")))
    work = Worktree(trees.take(TREE, EDITABLE, packed(FILES)), str(tmp_path / "seat"), 1000)
    assert set(work.paths()) - set(FILES) == shown
    assert work.text("eval.py") == FILES["eval.py"], "what the commit holds stays"
    assert work.texts() == {}
    for path in shown:
        assert work.text(path) == "made\n"
        with pytest.raises(Fault, match="is frozen"):
            work.write(path, "mine")
