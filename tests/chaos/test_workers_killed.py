"""Killed below the driver: the run goes on, or it says why not and can be resumed; no idea is blamed for it."""

from __future__ import annotations

import json
import os
import re
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from chaos_run import ChaosRun, unblamed, until

pytestmark = [pytest.mark.ray, pytest.mark.slow(90)]


@pytest.fixture
def run(tmp_path: Path) -> Iterator[ChaosRun]:
    """With two desks: one dies while the other lives."""
    made = ChaosRun(tmp_path, desks=2, trials=50)
    yield made
    made.clean_up()


def parent(pid: int) -> int:
    with open(f"/proc/{pid}/stat") as file:
        return int(file.read().rpartition(")")[2].split()[1])


def supervisors(run: ChaosRun) -> tuple[set[int], set[int]]:
    """(the zygotes, the shepherds of trials): one program, and the second are children of the first."""
    found = set(run.processes("backends.zygote"))
    shepherds = {pid for pid in found if parent(pid) in found}
    return found - shepherds, shepherds


def kill_one(run: ChaosRun, what: str) -> None:
    def victims() -> set[int]:
        if what in ("zygote", "shepherd"):
            return supervisors(run)[what == "shepherd"]
        return set(run.processes({"agent": "ray::NodeAgent", "raylet": "raylet/raylet", "desk": "ray::Desk"}[what]))

    assert until(victims, every_s=0.01), f"there is no {what}: {run.processes()}"
    os.kill(min(victims()), signal.SIGKILL)


@pytest.mark.timeout(450)
def test_agents_zygotes_shepherds_desks_and_at_last_the_raylet_die_and_the_run_goes_on(run: ChaosRun) -> None:
    run.go()
    for what in ("agent", "shepherd", "zygote", "desk", "shepherd", "agent"):
        settled = run.settled()
        assert until(lambda before=settled: run.ended() or (run.running() and run.settled() > before + 2))
        assert not run.ended(), run.output()[-3000:]
        kill_one(run, what)
    a_dead_raylet_ends_the_driver_with_a_sentence(run)
    unblamed(run)


def a_dead_raylet_ends_the_driver_with_a_sentence(run: ChaosRun) -> None:
    """And the run is resumed."""
    run.reach("working")
    kill_one(run, "raylet")
    code = run.wait(120)
    assert code in (0, 1), run.output()[-3000:]
    assert "Traceback" not in run.output()
    assert until(run.gone), run.processes()
    said = [line for line in run.output().splitlines() if not line.startswith("orgrun: ")]
    assert all(isinstance(json.loads(line), dict) for line in said), "Ray spoke among the events"
    assert re.search("Raylet is terminated|raylet crashes", (run.folder.logs / "ray.log").read_text())
    if code:
        assert "orgrun resume r" in run.output().splitlines()[-1]
        run.go()
        assert run.wait() == 0, run.output()[-3000:]
        assert until(run.gone), run.processes()
