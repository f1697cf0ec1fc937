"""What every `ports.Workspace` must do. Inherit `WorkspaceConformance` and say how one is made.

Works through the port alone. Does not know git.
"""

from __future__ import annotations

import io
import tarfile
from collections.abc import Mapping
from pathlib import Path

import pytest

from orgruntime.model.ids import CommitId, TreeId
from orgruntime.runtime.ports import Commit, Conflict, Workspace, WorkspaceError

LINES = [f"line {number}\n" for number in range(30)]
TRAIN = "".join(LINES).encode()
FILES = {"train.py": TRAIN, "prepare.py": b"frozen = 1\n", "data/names.txt": b"ada\n", "data/raw/blob": b"\0\xff\n"}
NOWHERE = "0" * 40


def edited(*lines: int, mark: str = "changed") -> bytes:
    """`train.py` with these lines changed."""
    return "".join(f"{mark} {i}\n" if i in lines else line for i, line in enumerate(LINES)).encode()


class WorkspaceConformance:
    """Subclasses override `make`."""

    def make(self, files: Mapping[str, bytes], executable: frozenset[str], folder: Path) -> Workspace:
        """A workspace whose base holds the files. `folder` is empty and the test's own."""
        raise NotImplementedError

    @pytest.fixture
    def workspace(self, tmp_path: Path) -> Workspace:
        return self.make(FILES, frozenset({"prepare.py"}), tmp_path)

    def changed(self, workspace: Workspace, files: Mapping[str, bytes], base: Commit | None = None) -> Commit:
        return workspace.commit((base or workspace.base()).id, files, message="a change", author="tuner")

    def test_the_base_holds_the_source(self, workspace: Workspace) -> None:
        base = workspace.base()
        assert workspace.paths(base.id) == sorted(FILES)
        assert {path: workspace.read(base.id, path) for path in FILES} == FILES
        assert len(base.id) == len(base.tree) == 40
        assert workspace.get(base.id) == base

    def test_what_does_not_exist_is_a_key_error(self, workspace: Workspace) -> None:
        base = workspace.base()
        for commit in (NOWHERE, "", "lead", base.tree, base.id[:10]):
            with pytest.raises(KeyError):
                workspace.get(CommitId(commit))
        for path in ("nothing.py", "data", "data/nothing", "", "a\0b", "\udcff"):
            with pytest.raises(KeyError):
                workspace.read(base.id, path)
        with pytest.raises(KeyError):
            workspace.pack(TreeId(NOWHERE))

    def test_a_commit_replaces_and_adds_files_and_leaves_the_base_alone(self, workspace: Workspace) -> None:
        base = workspace.base()
        commit = self.changed(workspace, {"train.py": b"new\n", "models/deep/wide.py": b"x\n"})
        assert workspace.read(commit.id, "train.py") == b"new\n"
        assert workspace.paths(commit.id) == sorted([*FILES, "models/deep/wide.py"])
        assert workspace.read(base.id, "train.py") == TRAIN
        assert workspace.get(commit.id) == commit

    def test_equal_content_has_an_equal_tree_and_equal_commits_one_id(self, workspace: Workspace) -> None:
        first = self.changed(workspace, {"train.py": b"new\n"})
        assert self.changed(workspace, {"train.py": b"new\n"}) == first
        other = workspace.commit(workspace.base().id, {"train.py": b"new\n"}, message="another", author="tuner")
        assert (other.tree, other.id != first.id) == (first.tree, True)
        there = self.changed(workspace, {"train.py": b"other\n"}, first)
        assert self.changed(workspace, {"train.py": b"new\n"}, there).tree == first.tree
        assert self.changed(workspace, {"train.py": TRAIN}).tree == workspace.base().tree

    @pytest.mark.parametrize(
        "path",
        ["", "/etc/passwd", "../out", "a/../b", "a//b", "./a", "a/", ".git/config", "a/.git/hooks/x", ".gitattributes",
         ".GIT/config", "a\\b", "a\nb", "a\0b", "\udcff"],
    )  # fmt: skip
    def test_a_path_that_is_not_plain_is_refused(self, workspace: Workspace, path: str) -> None:
        with pytest.raises(WorkspaceError):
            self.changed(workspace, {path: b"x"})

    @pytest.mark.parametrize("files", [{"data": b"x"}, {"train.py/x": b"x"}, {"n": b"x", "n/m": b"x"}])
    def test_a_file_cannot_be_a_folder(self, workspace: Workspace, files: Mapping[str, bytes]) -> None:
        with pytest.raises(WorkspaceError):
            self.changed(workspace, files)

    def test_the_diff_counts_lines_and_shows_them(self, workspace: Workspace) -> None:
        commit = self.changed(workspace, {"train.py": edited(3, 20), "new.py": b"a\nb\n"})
        diff = workspace.diff(workspace.base().id, commit.id)
        assert dict(diff.files) == {"train.py": (2, 2), "new.py": (2, 0)}
        assert diff.lines == 6
        assert "-line 3\n+changed 3\n" in diff.text
        assert "+++ b/new.py\n" in diff.text
        assert "prepare.py" not in diff.text

    def test_a_commit_without_a_change_has_an_empty_diff(self, workspace: Workspace) -> None:
        commit = self.changed(workspace, {"train.py": TRAIN})
        diff = workspace.diff(workspace.base().id, commit.id)
        assert (dict(diff.files), diff.text, diff.lines) == ({}, "", 0)

    def test_bytes_that_are_no_text_count_as_lines_all_the_same(self, workspace: Workspace) -> None:
        commit = self.changed(workspace, {"train.py": b"\0\n" * 7})
        assert dict(workspace.diff(workspace.base().id, commit.id).files) == {"train.py": (7, 30)}

    def test_the_text_of_a_large_diff_is_cut_and_its_lines_still_count(self, workspace: Workspace) -> None:
        commit = self.changed(workspace, {"train.py": b"a line of text\n" * 50_000})
        diff = workspace.diff(workspace.base().id, commit.id)
        assert diff.files["train.py"] == (50_000, 30)
        assert 150_000 < len(diff.text.encode()) <= 200_000

    def test_changes_of_different_files_merge(self, workspace: Workspace) -> None:
        base = workspace.base()
        ours = self.changed(workspace, {"train.py": edited(3)})
        theirs = self.changed(workspace, {"data/names.txt": b"eve\n", "new.py": b"n\n"})
        merged = workspace.merge(base.id, ours.id, theirs.id, message="both")
        assert isinstance(merged, Commit)
        assert workspace.read(merged.id, "train.py") == edited(3)
        assert workspace.read(merged.id, "data/names.txt") == b"eve\n"
        assert workspace.read(merged.id, "new.py") == b"n\n"
        assert workspace.get(merged.id) == merged

    def test_distant_lines_of_one_file_merge(self, workspace: Workspace) -> None:
        base = workspace.base()
        ours = self.changed(workspace, {"train.py": edited(3)})
        theirs = self.changed(workspace, {"train.py": edited(25)})
        merged = workspace.merge(base.id, ours.id, theirs.id, message="both")
        assert isinstance(merged, Commit)
        assert workspace.read(merged.id, "train.py") == edited(3, 25)

    def test_the_same_change_on_both_sides_merges(self, workspace: Workspace) -> None:
        base = workspace.base()
        ours = self.changed(workspace, {"train.py": edited(3), "new.py": b"n\n"})
        theirs = workspace.commit(base.id, {"train.py": edited(3), "new.py": b"n\n"}, message="too", author="other")
        merged = workspace.merge(base.id, ours.id, theirs.id, message="both")
        assert isinstance(merged, Commit)
        assert merged.tree == ours.tree

    def test_a_change_of_the_same_lines_is_a_conflict_that_names_the_file(self, workspace: Workspace) -> None:
        base = workspace.base()
        ours = self.changed(workspace, {"train.py": edited(3, mark="ours"), "data/names.txt": b"ours\n"})
        theirs = self.changed(workspace, {"train.py": edited(3, mark="theirs"), "data/names.txt": b"theirs\n"})
        assert workspace.merge(base.id, ours.id, theirs.id, message="both") == Conflict(("data/names.txt", "train.py"))

    def test_changes_of_neighbouring_lines_conflict_and_those_one_line_apart_merge(self, workspace: Workspace) -> None:
        base = workspace.base()
        ours, near, far = (self.changed(workspace, {"train.py": edited(line)}) for line in (3, 4, 5))
        assert isinstance(workspace.merge(base.id, ours.id, near.id, message="m"), Conflict)
        assert isinstance(workspace.merge(base.id, ours.id, far.id, message="m"), Commit)

    def test_a_message_can_be_any_text(self, workspace: Workspace) -> None:
        for text in ("", "a\0b", "\ud800", "# x\n\n\r", "<>"):
            commit = workspace.commit(workspace.base().id, {"train.py": b"new\n"}, message=text, author=text)
            assert workspace.get(commit.id) == commit

    def test_two_new_files_of_one_name_are_a_conflict(self, workspace: Workspace) -> None:
        ours, theirs = (self.changed(workspace, {"new.py": text}) for text in (b"ours\n", b"theirs\n"))
        assert workspace.merge(workspace.base().id, ours.id, theirs.id, message="m") == Conflict(("new.py",))

    def test_attributes_of_the_workspace_do_not_steer_a_merge(self, tmp_path: Path) -> None:
        files = {**FILES, ".gitattributes": b"* merge=union\n*.py -diff\n"}
        workspace = self.make(files, frozenset(), tmp_path)
        ours = self.changed(workspace, {"train.py": edited(3, mark="ours")})
        theirs = self.changed(workspace, {"train.py": edited(3, mark="theirs")})
        assert isinstance(workspace.merge(workspace.base().id, ours.id, theirs.id, message="m"), Conflict)
        assert workspace.diff(workspace.base().id, ours.id).lines == 2

    def test_branches_move(self, workspace: Workspace) -> None:
        assert workspace.branch("lead") is None
        first, second = (self.changed(workspace, {"train.py": text}) for text in (b"1\n", b"2\n"))
        workspace.move_branch("lead", first.id)
        workspace.move_branch("champion", first.id)
        workspace.move_branch("lead", second.id)
        workspace.move_branch("lead", second.id)
        assert (workspace.branch("lead"), workspace.branch("champion")) == (second.id, first.id)
        assert workspace.read(first.id, "train.py") == b"1\n"
        with pytest.raises(KeyError):
            workspace.move_branch("lead", CommitId(NOWHERE))
        assert workspace.branch("lead") == second.id

    def test_a_pack_is_the_tree_and_nothing_else(self, workspace: Workspace) -> None:
        commit = self.changed(workspace, {"train.py": b"new\n", "prepare.py": b"frozen = 2\n", "a/b.py": b"b\n"})
        with tarfile.open(fileobj=io.BytesIO(workspace.pack(commit.tree)), mode="r:") as archive:
            members = archive.getmembers()
            content = {member.name: archive.extractfile(member).read() for member in members}  # type: ignore[union-attr]  # regular files have one
        assert [member.name for member in members] == workspace.paths(commit.id)
        assert content == {path: workspace.read(commit.id, path) for path in content}
        assert all(member.isreg() and member.uid == member.gid == member.mtime == 0 for member in members)
        modes = {member.name: member.mode for member in members}
        assert (modes["prepare.py"], modes["train.py"], modes["a/b.py"]) == (0o755, 0o644, 0o644)

    def test_a_pack_is_the_same_bytes_every_time(self, workspace: Workspace) -> None:
        commit = self.changed(workspace, {"train.py": b"new\n", "n" * 120 + "/long.py": b"x"})
        assert workspace.pack(commit.tree) == workspace.pack(commit.tree)
        merged = workspace.merge(workspace.base().id, commit.id, commit.id, message="m")
        assert isinstance(merged, Commit)
        assert workspace.pack(merged.tree) == workspace.pack(commit.tree)

    def test_a_merge_keeps_the_executable_bit(self, workspace: Workspace) -> None:
        ours = self.changed(workspace, {"prepare.py": b"frozen = 2\n"})
        theirs = self.changed(workspace, {"train.py": edited(3)})
        merged = workspace.merge(workspace.base().id, ours.id, theirs.id, message="m")
        assert isinstance(merged, Commit)
        with tarfile.open(fileobj=io.BytesIO(workspace.pack(merged.tree)), mode="r:") as archive:
            assert archive.getmember("prepare.py").mode == 0o755
