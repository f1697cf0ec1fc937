"""A driver that is killed with `kill -9` at any moment loses nothing, repeats nothing, and leaves no process."""

from __future__ import annotations

import os
import random
import time

import pytest
from chaos_run import ChaosRun, sound, until

from orgruntime.model.status import RunState

KILLS = 10
SEED = int(os.environ.get("CHAOS_SEED", "20261123"))

pytestmark = [pytest.mark.ray, pytest.mark.slow(180)]


def moments(rng: random.Random) -> list[tuple[str, float]]:
    """Two kills at random moments of a start-up, five of the work, three of a certification, the start-up first."""
    starting = [("starting", rng.uniform(0.2, 6.0)) for _ in range(2)]
    working = [("working", rng.uniform(0.0, 1.5)) for _ in range(5)]
    certifying = [("certifying", rng.uniform(0.0, 1.0)) for _ in range(3)]
    return [*starting, *working, *certifying]


@pytest.mark.timeout(400)
def test_ten_kills_lose_nothing_and_leave_nothing(run: ChaosRun, capsys: pytest.CaptureFixture[str]) -> None:
    told = []
    for number, (phase, delay) in enumerate(moments(random.Random(SEED)), 1):
        began = time.monotonic()
        run.go(fresh=phase == "starting")
        run.reach(phase)
        told.append(f"{phase} after {time.monotonic() - began:.1f} s")
        time.sleep(delay)
        run.kill()
        assert run.driver is not None
        assert run.driver.returncode == -9, f"the driver had ended by itself\n{run.output()[-3000:]}"
        told.append(f"kill {number} {phase} +{delay:.2f} s: {run.settled()} settled, {run.running()} running")
        assert "Traceback" not in run.output(), run.output()[-3000:]
        if number % 3 == 1:
            began = time.monotonic()
            assert until(run.gone), f"seed {SEED}, {told}; left: {run.processes()}, {run.remains()}"
            assert until(lambda: not run.remains()), f"left in the temporary folder: {run.remains()}"
            told[-1] += f", all gone after {time.monotonic() - began:.2f} s"
    run.go()
    assert run.wait() == 0, f"seed {SEED}\n{told}\n{run.output()[-3000:]}"
    assert until(run.gone), f"seed {SEED}; left: {run.processes()}"
    assert sound(run) == [], f"seed {SEED}, {told}"
    with run.ledger() as ledger:
        assert ledger is not None
        assert ledger.run().state is RunState.FINISHED
        assert not [row for row in ledger.trials() if row.state == "failed"], "a driver's death counted against a trial"
        lost = [event for event in ledger.events(limit=1_000_000) if event.body.get("ending") == "infrastructure"]
        charged = sum(event.body["used"].get("cpu_ms", 0) for event in lost) / 1000
        useful = sum(row.wall_s for row in ledger.trials())
    with capsys.disabled():
        print(f"\nseed {SEED}:", *told, sep="\n  ")
        print(f"  {len(lost)} attempts lost, {charged:.1f} s charged for them; {useful:.1f} s in trials that counted")
