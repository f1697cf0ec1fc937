from __future__ import annotations

import fcntl
import json
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from cli_cases import orgrun, orgrun_process
from lsp_client import Editor

ROOT = Path(__file__).parents[2]


class FinishedRun(NamedTuple):
    """A whole run of the `solo` template, made once: its folder, its events, the object at its end."""

    home: Path
    runs: Path
    folder: Path
    events: list[dict[str, Any]]
    status: dict[str, Any]


@pytest.fixture
def org(tmp_path: Path) -> Path:
    folder = tmp_path / "lab"
    assert orgrun("init", folder).code == 0
    return folder


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> FinishedRun:
    """Run by whichever process of the tests is the first to want it; to be left as it is."""
    place = tmp_path_factory.getbasetemp()
    home = (place.parent if hasattr(request.config, "workerinput") else place) / "finished"
    with (home.parent / "finished.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (home / "events.jsonl").exists():
            _finish(home)
    *events, status = [json.loads(line) for line in (home / "events.jsonl").read_text().splitlines()]
    runs = home / ".orgrun" / "runs"
    return FinishedRun(home, runs, runs / "r1", events, status)


def _finish(home: Path) -> None:
    home.mkdir()
    assert orgrun_process("init", "lab", cwd=home).code == 0
    program = home / "lab" / "program.md"
    assert "trials: 120" in program.read_text()
    program.write_text(program.read_text().replace("trials: 120", "trials: 60"))
    said = orgrun_process("run", "lab", "--seed", "1", "--run-id", "r1", "--json", "--cpus", "2", cwd=home)
    assert said.code == 0, said.err
    (home / "events.jsonl").write_text(said.out)


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A copy of the repository's orgs, as a folder that an editor opens."""
    for name in ("orgs", "roles"):
        shutil.copytree(ROOT / name, tmp_path / name)
    shutil.copytree(ROOT / "examples" / "microgpt", tmp_path / "examples" / "microgpt")
    (tmp_path / ".git").mkdir()
    return tmp_path


@pytest.fixture
def editor(home: Path) -> Iterator[Editor]:
    made = Editor()
    made.start(home)
    yield made
    made.kill()


@pytest.fixture
def program(home: Path) -> Path:
    return home / "orgs" / "microgpt-lab" / "program.md"
