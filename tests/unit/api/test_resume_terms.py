"""A run keeps the terms that it was started with."""

from __future__ import annotations

from pathlib import Path

import pytest

from orgruntime.api.errors import UserError
from orgruntime.api.folders import RunFolder, new_folder
from orgruntime.api.orgs import load_org
from orgruntime.api.running import View, resume_run
from orgruntime.api.wiring import ClusterChoice
from orgruntime.ledger.store import Ledger
from orgruntime.model.ids import RunId

ORGS = sorted(path.parent for path in Path(__file__).parents[3].glob("orgs/*/program.md"))


def started(org: Path, runs: Path) -> RunFolder:
    """A run, as its first driver leaves it when it is killed at once."""
    manifest, _ = load_org(org, {}, {})
    folder = new_folder(runs, "lab", "r")
    folder.manifest_file.write_text(manifest.model_dump_json(indent=1))
    Ledger.create(
        folder.ledger_file, run=RunId("r"), manifest_hash=manifest.hash, org="lab", budget=manifest.budget, seed=1
    ).close()
    return folder


@pytest.mark.parametrize("org", ORGS, ids=lambda org: org.name)
def test_a_manifest_on_disk_has_the_hash_of_the_manifest(org: Path, tmp_path: Path) -> None:
    folder = started(org, tmp_path)
    assert folder.manifest_hash() == folder.manifest().hash


def test_a_run_whose_manifest_was_changed_is_not_resumed(tmp_path: Path) -> None:
    folder = started(ORGS[0], tmp_path)
    text = folder.manifest_file.read_text()
    assert '"false_champions": 0.05' in text
    folder.manifest_file.write_text(text.replace('"false_champions": 0.05', '"false_champions": 0.5'))
    with pytest.raises(UserError, match="keeps its terms"):
        resume_run(tmp_path, "r", ClusterChoice(), View())
