"""A start that was killed before its ledger was there can be made again; a run or a stranger's folder is left alone."""

from __future__ import annotations

import fcntl
import threading
from pathlib import Path

import pytest

from orgruntime.api.errors import UserError
from orgruntime.api.folders import LOCK, new_folder
from orgruntime.ledger.store import Ledger
from orgruntime.model.amounts import Budget
from orgruntime.model.ids import RunId


def cut_off(runs: Path) -> Path:
    folder = new_folder(runs, "lab", "r")
    with folder.driving():
        (folder.git_dir / "objects").mkdir(parents=True)
        folder.manifest_file.write_text("{")
        (folder.path / ".ledger.db.17.new-wal").touch()
    return folder.path


def test_the_same_id_can_be_started_again(tmp_path: Path) -> None:
    path = cut_off(tmp_path)
    folder = new_folder(tmp_path, "lab", "r")
    assert folder.path == path
    with folder.driving():
        folder.clear_away()
        assert [left.name for left in path.iterdir()] == ["run.lock"]


def test_a_start_that_is_under_way_is_not_disturbed(tmp_path: Path) -> None:
    cut_off(tmp_path)
    folder = new_folder(tmp_path, "lab", "r")
    with folder.driving(), pytest.raises(UserError, match="has a driver already"), folder.driving():
        pass


def test_who_looks_for_a_driver_is_none(tmp_path: Path) -> None:
    folder = new_folder(tmp_path, "lab", "r")
    (folder.path / LOCK).touch()
    with (folder.path / LOCK).open() as looking:
        fcntl.flock(looking, fcntl.LOCK_SH)
        threading.Timer(0.05, lambda: fcntl.flock(looking, fcntl.LOCK_UN)).start()
        with folder.driving():
            assert folder.has_driver()


def test_a_run_that_came_to_be_meanwhile_is_kept(tmp_path: Path) -> None:
    cut_off(tmp_path)
    folder = new_folder(tmp_path, "lab", "r")
    Ledger.create(
        folder.ledger_file, run=RunId("r"), manifest_hash="m", org="o", budget=Budget(trials=9), seed=1
    ).close()
    with folder.driving(), pytest.raises(UserError, match="is used already"):
        folder.clear_away()
    assert folder.manifest_file.exists()
    with pytest.raises(UserError, match="orgrun resume r"):
        new_folder(tmp_path, "lab", "r")


def test_a_folder_with_anything_else_in_it_is_taken(tmp_path: Path) -> None:
    (cut_off(tmp_path) / "thesis.tex").touch()
    with pytest.raises(UserError, match="is used already"):
        new_folder(tmp_path, "lab", "r")
