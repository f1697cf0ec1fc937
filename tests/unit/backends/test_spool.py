"""Marks of starts: there before the trial is, whole when the file is renewed, and silent promises are taken back."""

from __future__ import annotations

import os
import shutil
import time
from pathlib import Path

import pytest

from orgruntime.backends import zygote
from orgruntime.backends.spool import marks_are_promised, promise_marks, read_marks
from orgruntime.backends.zygote import Job, Marks


def mark(attempt: str) -> bytes:
    return Job({"attempt": attempt}).mark


def test_a_mark_is_read_with_its_moment(tmp_path: Path) -> None:
    marks = Marks(str(tmp_path))
    marks.add(mark("k.1"), ())
    marks.add(mark("k.2"), ())
    found = read_marks(tmp_path)
    assert set(found) == {"k.1", "k.2"}
    assert -1 < time.time() - found["k.1"] < 60
    marks.remove()
    assert read_marks(tmp_path) == {}


def test_a_new_file_takes_over_what_still_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(zygote, "MOST_MARKS", 3)
    marks = Marks(str(tmp_path))
    for number in range(8):
        marks.add(mark(f"k.{number}"), [mark("k.0")])
    assert len(list(tmp_path.iterdir())) == 1
    assert set(read_marks(tmp_path)) == {"k.0", "k.6", "k.7"}


def test_a_disk_that_is_full_takes_the_promise_back(tmp_path: Path) -> None:
    promise_marks(tmp_path, promised=True)
    marks = Marks(str(tmp_path))
    marks.add(mark("k.1"), ())
    os.dup2(full := os.open("/dev/full", os.O_WRONLY), marks.fd)
    os.close(full)
    marks.add(mark("k.2"), ())
    assert not marks_are_promised(tmp_path)
    marks.add(mark("k.3"), ())
    assert read_marks(tmp_path) == {}


def test_a_folder_that_was_cleared_is_no_fault(tmp_path: Path) -> None:
    spool = tmp_path / "outcomes"
    spool.mkdir()
    marks = Marks(str(spool))
    marks.add(mark("k.1"), ())
    shutil.rmtree(spool)
    marks.remove()
    marks.add(mark("k.2"), ())
    assert marks.fd < 0


def test_a_line_that_was_cut_off_is_no_mark(tmp_path: Path) -> None:
    (tmp_path / "started-1-1").write_text("k.1 12.5\nk.2 ")
    assert read_marks(tmp_path) == {"k.1": 12.5}


def test_a_driver_begins_its_marks_anew(tmp_path: Path) -> None:
    spool = tmp_path / "outcomes"
    promise_marks(spool, promised=True)
    Marks(str(spool)).add(mark("k.1"), ())
    promise_marks(spool, promised=False)
    assert (read_marks(spool), marks_are_promised(spool)) == ({}, False)


def test_without_a_spool_nothing_is_marked() -> None:
    marks = Marks(None)
    marks.add(mark("k.1"), ())
    assert marks.fd < 0
