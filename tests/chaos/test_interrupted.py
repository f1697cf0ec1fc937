"""Ctrl-C and SIGTERM stop a run cleanly at any moment; a run has one driver at a time."""

from __future__ import annotations

import contextlib
import os
import signal
import sqlite3
import sys
from pathlib import Path

import pytest
from chaos_run import SOON, ChaosRun, sound, until

from orgruntime.ledger.store import Ledger
from orgruntime.model.status import RunState

sys.path.insert(0, str(Path(__file__).parents[1] / "functional"))

from cli_cases import orgrun

TWICE = "interrupted twice"
pytestmark = [pytest.mark.ray, pytest.mark.slow(145)]

STOPS = [
    ("cluster", signal.SIGINT, "interrupted"),
    ("noise", signal.SIGTERM, "terminated"),
    ("screening", signal.SIGINT, TWICE),
    ("screening", signal.SIGINT, "interrupted"),
    ("certifying", signal.SIGTERM, "terminated"),
]


def to_group(run: ChaosRun, number: int) -> None:
    """As a terminal does: to the driver and to every process that stayed in its group."""
    assert run.driver is not None
    os.killpg(run.driver.pid, number)


@pytest.mark.timeout(450)
def test_a_signal_stops_cleanly_a_second_one_at_once_and_the_run_goes_on(run: ChaosRun) -> None:
    for phase, number, reason in STOPS[:-1]:
        stop(run, phase, number, reason)
        assert until(run.gone), f"left after {reason} while {phase}: {run.processes()}"
        if reason is not TWICE:
            stopped_cleanly(run, reason)
    one_that_slept_writes_nothing_once_another_has_taken_over(run)
    run.go()
    assert run.wait() == 0, run.output()[-3000:]
    assert sound(run) == []
    with run.ledger() as ledger:
        assert ledger is not None
        assert ledger.run().state is RunState.FINISHED


def stop(run: ChaosRun, phase: str, number: int, reason: str) -> None:
    run.go()
    run.reach(phase)
    to_group(run, number) if number == signal.SIGINT else run.kill(number)
    if reason is TWICE:
        run.kill(number)
    assert run.wait(SOON) == 130, f"{reason} while {phase}\n{run.output()[-3000:]}"


def stopped_cleanly(run: ChaosRun, reason: str) -> None:
    assert not run.remains(), run.remains()
    assert "Traceback" not in run.output(), run.output()[-3000:]
    status = run.last_line()
    assert (status["state"], status["reason"]) == ("stopped", reason)
    assert sound(run) == [], run.output()[-3000:]


def one_that_slept_writes_nothing_once_another_has_taken_over(run: ChaosRun) -> None:
    """The lock is forced at last, as by a network file system that forgets locks: the epoch of the ledger fences. The
    other one is stopped, and the run is not over."""
    sleeper = run.go()
    slept = run.driven
    run.reach("screening")
    refuse_another_driver(run, sleeper.pid)
    run.reach("working")
    assert sleeper.poll() is None, "the first driver heard of the others"
    put_to_sleep(run)
    (run.folder.path / "run.lock").unlink()
    stop(run, *STOPS[-1])
    with run.ledger() as ledger:
        assert ledger is not None
        before = ledger.events(limit=1_000_000)
    sleeper.send_signal(signal.SIGCONT)
    assert sleeper.wait(SOON) == 1
    said = run.said(slept).read_text()
    assert "Traceback" not in said
    assert "Another driver has taken over" in said.splitlines()[-1], said[-1000:]
    assert until(run.gone), run.processes()
    with Ledger.open_readonly(run.folder.ledger_file) as ledger:
        assert ledger.events(limit=1_000_000) == before
    stopped_cleanly(run, STOPS[-1][2])


def put_to_sleep(run: ChaosRun) -> None:
    """Between two of its writes: one that slept in the middle of one would lock the ledger for everybody."""

    def asleep() -> bool:
        run.kill(signal.SIGSTOP)
        assert until(lambda: state(run) == "T", every_s=0.01)
        if all(may_be_written(path) for path in (run.folder.ledger_file, run.folder.graph_file)):
            return True
        run.kill(signal.SIGCONT)
        return False

    assert until(asleep)


def state(run: ChaosRun) -> str:
    assert run.driver is not None
    return Path(f"/proc/{run.driver.pid}/stat").read_text().rpartition(")")[2].split()[0]


def may_be_written(database: Path) -> bool:
    there = f"{database.as_uri()}?mode=rw"
    try:
        with contextlib.closing(sqlite3.connect(there, uri=True, timeout=0, isolation_level=None)) as link:
            link.execute("BEGIN IMMEDIATE")
    except sqlite3.OperationalError:
        return False
    return True


def refuse_another_driver(run: ChaosRun, first: int) -> None:
    said = orgrun("resume", "r", "--runs", run.runs)
    assert said.code == 2
    assert f"run r has a driver already (process {first})" in said.err
    assert "orgrun stop r" in said.err
    again = orgrun("run", run.place / "org", "--run-id", "r", "--runs", run.runs)
    assert again.code == 2
    assert "run id r is used already" in again.err
