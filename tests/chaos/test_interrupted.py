"""Ctrl-C and SIGTERM stop a run cleanly at any moment; a run has one driver at a time."""

from __future__ import annotations

import os
import signal
import subprocess

import pytest
from chaos_run import SOON, ChaosRun, sound, until

from orgruntime.ledger.store import Fenced, Ledger
from orgruntime.model.status import RunState

pytestmark = [pytest.mark.ray, pytest.mark.slow]

STOPS = [
    ("cluster", signal.SIGINT, "interrupted"),
    ("noise", signal.SIGTERM, "terminated"),
    ("screening", signal.SIGINT, "interrupted"),
    ("certifying", signal.SIGTERM, "terminated"),
    ("certifying", signal.SIGINT, "interrupted"),
]


def to_group(run: ChaosRun, number: int) -> None:
    """As a terminal does: to the driver and to every process that stayed in its group."""
    assert run.driver is not None
    os.killpg(run.driver.pid, number)


@pytest.mark.timeout(400)
def test_a_signal_stops_cleanly_and_the_run_goes_on(run: ChaosRun) -> None:
    for phase, number, reason in STOPS:
        run.go()
        run.reach(phase)
        to_group(run, number) if number == signal.SIGINT else run.kill(number)
        assert run.wait(SOON) == 130, f"{reason} while {phase}\n{run.output()[-3000:]}"
        assert until(run.gone), f"left after {reason} while {phase}: {run.processes()}"
        assert not run.remains(), run.remains()
        assert "Traceback" not in run.output(), run.output()[-3000:]
        status = run.last_line()
        assert (status["state"], status["reason"]) == ("stopped", reason)
        assert sound(run) == [], f"{reason} while {phase}"
    run.go()
    assert run.wait() == 0, run.output()[-3000:]
    assert sound(run) == []
    with run.ledger() as ledger:
        assert ledger is not None
        assert ledger.run().state is RunState.FINISHED


@pytest.mark.timeout(200)
def test_a_second_interrupt_ends_the_driver_at_once(run: ChaosRun) -> None:
    run.go()
    run.reach("noise")
    run.kill(signal.SIGINT)
    run.kill(signal.SIGINT)
    assert run.wait(SOON) == 130, run.output()[-3000:]
    assert until(run.gone), run.processes()
    run.go()
    run.reach("screening")
    run.kill(signal.SIGTERM)
    assert run.wait(SOON) == 130, run.output()[-3000:]
    assert sound(run) == []


@pytest.mark.timeout(200)
def test_a_run_has_one_driver(run: ChaosRun) -> None:
    first = run.go()
    run.reach("noise")
    second = subprocess.run(run.orgrun("resume", "r"), env=run.environment(), capture_output=True, text=True)
    assert second.returncode == 2
    assert f"run r has a driver already (process {first.pid})" in second.stderr
    assert "orgrun stop r" in second.stderr
    again = subprocess.run(
        run.orgrun("run", str(run.place / "org"), "--run-id", "r"),
        env=run.environment(),
        capture_output=True,
        text=True,
    )
    assert again.returncode == 2
    assert "run id r is used already" in again.stderr
    assert first.poll() is None, "the first driver heard of the others"


@pytest.mark.timeout(300)
def test_a_driver_that_was_put_to_sleep_cannot_write_once_another_has_taken_over(run: ChaosRun) -> None:
    """The lock is forced, as by a network file system that forgets locks: the ledger's epoch is what fences."""
    sleeper = run.go()
    run.reach("screening")
    run.kill(signal.SIGSTOP)
    (run.folder.path / "run.lock").unlink()
    run.go()
    assert run.wait() == 0, run.output()[-3000:]
    with run.ledger() as ledger:
        assert ledger is not None
        before = ledger.events(limit=1_000_000)
    sleeper.send_signal(signal.SIGCONT)
    assert sleeper.wait(SOON) == 1
    said = (run.place / "driver-1.out").read_text()
    assert "Traceback" not in said
    assert "Another driver has taken over" in said.splitlines()[-1], said[-1000:]
    assert until(run.gone), run.processes()
    with Ledger.open_readonly(run.folder.ledger_file) as ledger:
        assert ledger.events(limit=1_000_000) == before
    assert sound(run) == []
    assert issubclass(Fenced, Exception)
