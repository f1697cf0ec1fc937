"""A packed tree on a node: what is copied, what is mounted, what is shared."""

from __future__ import annotations

import base64
import errno
import io
import os
import tarfile
from pathlib import Path

import pytest

from orgruntime.backends.trial_layout import (
    add_products,
    copy_tree,
    discard,
    frozen_digest,
    lay_out,
    lay_out_in_memory,
    unpack,
    walk,
)


def pack(files: dict[str, str], executable: str = "") -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as tar:
        for path, text in sorted(files.items()):
            member = tarfile.TarInfo(path)
            member.size, member.mode = len(text), 0o755 if path == executable else 0o644
            tar.addfile(member, io.BytesIO(text.encode()))
    return stream.getvalue()


FILES = {"train.py": "1", "eval.py": "2", "data/a/b.txt": "3", "src/model.py": "4", "src/judge.py": "5"}


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    unpack(pack(FILES, "eval.py"), str(tmp_path / "t"), str(tmp_path / "blobs"))
    return tmp_path / "t"


def test_unpack_gives_the_files_and_their_executable_bit(tree: Path) -> None:
    assert {path: (tree / path).read_text() for path in walk(str(tree))} == FILES
    assert os.access(tree / "eval.py", os.X_OK)
    assert not (tree / "train.py").stat().st_mode & 0o111


def test_equal_files_of_two_trees_are_stored_once(tree: Path) -> None:
    other = tree.parent / "u"
    unpack(pack({**FILES, "train.py": "changed"}), str(other), str(tree.parent / "blobs"))
    assert (other / "data/a/b.txt").stat().st_ino == (tree / "data/a/b.txt").stat().st_ino
    assert (other / "train.py").stat().st_ino != (tree / "train.py").stat().st_ino
    assert (other / "eval.py").stat().st_ino != (tree / "eval.py").stat().st_ino, "the executable bit differs"


def test_the_second_to_unpack_a_tree_finds_it(tree: Path) -> None:
    assert unpack(pack(FILES), str(tree), str(tree.parent / "blobs")) == sorted(FILES)
    assert not [name for name in os.listdir(tree.parent) if name.startswith("t.")]


@pytest.mark.parametrize("name", ["../out", "/etc/out", "a/../../out"])
def test_a_path_that_leads_outside_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(ValueError, match="not a plain file inside"):
        unpack(pack({name: "x"}), str(tmp_path / "t"), str(tmp_path / "blobs"))


def test_a_link_is_refused(tmp_path: Path) -> None:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as tar:
        member = tarfile.TarInfo("link")
        member.type, member.linkname = tarfile.SYMTYPE, "/etc/passwd"
        tar.addfile(member)
    with pytest.raises(ValueError, match="link"):
        unpack(stream.getvalue(), str(tmp_path / "t"), str(tmp_path / "blobs"))


def test_in_the_sandbox_frozen_entries_are_mounted(tree: Path) -> None:
    layout = lay_out(str(tree), ["train.py", "src/model.py"], sandbox=True)
    assert (layout.folders, layout.files, layout.watched) == (["src"], ["src/model.py", "train.py"], [])
    assert layout.binds == [
        "--ro-bind", f"{tree}/data", "/workspace/data",
        "--ro-bind", f"{tree}/eval.py", "/workspace/eval.py",
        "--bind", "{work}/src", "/workspace/src",
        "--ro-bind", f"{tree}/src/judge.py", "/workspace/src/judge.py",
    ]  # fmt: skip


def test_without_it_they_are_copied_and_watched(tree: Path) -> None:
    layout = lay_out(str(tree), ["train.py", "src/model.py"], sandbox=False)
    assert layout.files == sorted(FILES)
    assert layout.watched == ["data/a/b.txt", "eval.py", "src/judge.py"]
    assert layout.binds == []


def test_a_tree_in_memory_has_the_plan_of_one_on_disk(tree: Path) -> None:
    layout, contents = lay_out_in_memory(pack(FILES, "eval.py"), ["train.py", "src/model.py"])
    assert layout == lay_out(str(tree), ["train.py", "src/model.py"], sandbox=False)
    assert {path: base64.b64decode(data).decode() for path, (data, _) in contents.items()} == FILES
    assert [path for path, (_, executable) in contents.items() if executable] == ["eval.py"]
    with pytest.raises(ValueError, match="not a plain file inside"):
        lay_out_in_memory(pack({"../out": "x"}), [])


def test_a_link_that_set_up_made_is_never_a_mount(tree: Path) -> None:
    (tree / "out").symlink_to("/etc")
    layout = lay_out(str(tree), ["train.py"], sandbox=True)
    assert "out" in layout.files
    assert not any("out" in word for word in layout.binds)


def test_the_digest_of_the_frozen_files(tree: Path) -> None:
    def digest() -> str:
        return frozen_digest(str(tree), sorted(FILES), ["train.py"])

    before = digest()
    os.unlink(tree / "train.py")
    (tree / "train.py").write_text("other")
    assert digest() == before
    os.unlink(tree / "eval.py")
    (tree / "eval.py").write_text("other")
    assert digest() != before


def test_products_are_added_beside_what_is_there(tree: Path) -> None:
    made = tree.parent / "made"
    copy_tree(str(tree), str(made), sorted(FILES))
    (made / "train.py").write_text("changed by set-up")
    (made / "cache").mkdir()
    (made / "cache/tokens").write_text("t")
    assert (made / "eval.py").stat().st_ino != (tree / "eval.py").stat().st_ino
    add_products(str(made), str(tree), ["cache/tokens", "train.py"])
    assert ((tree / "cache/tokens").read_text(), (tree / "train.py").read_text()) == ("t", "1")


@pytest.fixture
def few_links(monkeypatch: pytest.MonkeyPatch) -> None:
    """A file system that takes three names a file; ext4 takes 65,000."""
    link = os.link

    def limited(source: str, target: str, *, follow_symlinks: bool = True) -> None:
        if os.stat(source).st_nlink >= 3:
            raise OSError(errno.EMLINK, "Too many links")
        link(source, target, follow_symlinks=follow_symlinks)

    monkeypatch.setattr(os, "link", limited)


@pytest.mark.usefixtures("few_links")
def test_a_file_that_has_all_the_links_it_can_have_is_stored_again(tmp_path: Path) -> None:
    for number in range(7):
        unpack(pack({**FILES, "n": str(number)}, "eval.py"), str(tmp_path / str(number)), str(tmp_path / "blobs"))
    for number in range(7):
        tree = tmp_path / str(number)
        assert {path: (tree / path).read_text() for path in walk(str(tree))} == {**FILES, "n": str(number)}
        assert os.access(tree / "eval.py", os.X_OK)
    assert len({(tmp_path / str(number) / "train.py").stat().st_ino for number in range(7)}) == 4, "two trees share one"


@pytest.mark.usefixtures("few_links")
def test_a_product_that_has_all_its_links_is_copied(tmp_path: Path) -> None:
    (tmp_path / "made").mkdir()
    (tmp_path / "made/tokens").write_text("t")
    for number in range(5):
        add_products(str(tmp_path / "made"), str(tmp_path / str(number)), ["tokens"])
        assert (tmp_path / str(number) / "tokens").read_text() == "t"


def test_discarded_trees_take_only_what_no_other_holds(tree: Path) -> None:
    blobs, trash = tree.parent / "blobs", tree.parent / "trash"
    unpack(pack({**FILES, "train.py": "mine alone"}, "eval.py"), str(trash / "u"), str(blobs))
    begun = blobs / "f00d.unfinished"
    begun.touch()
    before = len(list(blobs.iterdir()))
    discard(str(trash), str(blobs))
    assert not trash.exists()
    assert begun.exists(), "it is about to become a blob"
    assert len(list(blobs.iterdir())) == before - 1
    assert {path: (tree / path).read_text() for path in walk(str(tree))} == FILES
    discard(str(trash), str(blobs))


def test_a_blob_that_goes_before_it_is_linked_is_made_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    link, gone = os.link, []

    def dropped_first(source: str, target: str) -> None:
        if not gone:
            gone.append(source)
            os.unlink(source)
        link(source, target)

    monkeypatch.setattr(os, "link", dropped_first)
    unpack(pack(FILES), str(tmp_path / "t"), str(tmp_path / "blobs"))
    assert gone
    assert {path: (tmp_path / "t" / path).read_text() for path in walk(str(tmp_path / "t"))} == FILES
