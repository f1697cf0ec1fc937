"""Removal of what hostile commands leave: deep, closed, full of links, changing meanwhile."""

from __future__ import annotations

import os
import threading
from pathlib import Path

from orgruntime.backends.trial_files import remove_tree


def test_everything_goes_and_nothing_beside_it(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "kept").write_text("kept")
    top = tmp_path / "top"
    (top / "a/b/c").mkdir(parents=True)
    (top / "a/b/c/file").write_text("x")
    (top / "link").symlink_to(outside)
    (top / "a/link").symlink_to(outside / "kept")
    os.mkfifo(top / "pipe")
    for closed in ("a/b/c", "a/b", "a"):
        (top / closed).chmod(0)
    for number in range(2500):
        (top / f"f{number}").touch()
    remove_tree(str(top))
    assert os.listdir(tmp_path) == ["outside"]
    assert (outside / "kept").read_text() == "kept"


def test_what_is_no_folder_and_what_is_not_there(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir(mode=0o755)
    (tmp_path / "link").symlink_to(outside)
    for name in ("link", "nothing"):
        remove_tree(str(tmp_path / name))
    assert os.listdir(tmp_path) == ["outside"]
    assert outside.stat().st_mode & 0o777 == 0o755


def test_a_folder_swapped_for_a_link_meanwhile_leads_nowhere(tmp_path: Path) -> None:
    """A process that still lives does so as fast as it can."""
    outside = tmp_path / "outside"
    outside.mkdir(mode=0o755)
    (outside / "kept").write_text("kept")
    top = tmp_path / "top"
    over = threading.Event()

    def swap() -> None:
        while not over.is_set():
            for make in (lambda place: os.mkdir(place), lambda place: os.symlink(outside, place)):
                try:
                    make(top / "d")
                    os.rename(top / "d", top / "e")
                    os.rmdir(top / "e") if not os.path.islink(top / "e") else os.unlink(top / "e")
                except OSError:
                    continue

    swapper = threading.Thread(target=swap)
    top.mkdir()
    swapper.start()
    for _ in range(200):
        top.mkdir(exist_ok=True)
        remove_tree(str(top))
    over.set()
    swapper.join()
    remove_tree(str(top))
    assert (outside / "kept").read_text() == "kept"
    assert outside.stat().st_mode & 0o777 == 0o755
