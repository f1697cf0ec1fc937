"""What survives a death: SIGKILL at every failpoint and at random, and two processes at one nearly empty budget."""

from __future__ import annotations

import os
import random
import signal
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest
from ledger_cases import CAP, TRIALS, commit, drive, identity

from orgruntime.ledger.audit import audit
from orgruntime.ledger.journal import FAILPOINTS
from orgruntime.ledger.store import BudgetExceeded, Fenced, Ledger
from orgruntime.model.amounts import Budget
from orgruntime.model.ids import RunId, TrialKey
from orgruntime.model.status import RunState
from orgruntime.model.trial import Purpose


def fresh(folder: Path, budget: Budget) -> Path:
    path = folder / "ledger.db"
    Ledger.create(path, run=RunId("r1"), manifest_hash="m", org="o", budget=budget, seed=3).close()
    with Ledger.open(path) as ledger:
        ledger.submit_idea("be better", "runtime")
    return path


def in_child(work: Callable[[Callable[[str], None]], None]) -> tuple[int, int]:
    """Runs `work` in a forked process; returns its pid and the end of a pipe with what it acknowledged."""
    told, tell = os.pipe()
    pid = os.fork()
    if pid:
        os.close(tell)
        return pid, told
    try:
        work(lambda text: void(os.write(tell, f"{text}\n".encode())))
        os._exit(0)
    except BaseException as error:
        os.write(tell, f"error {type(error).__name__}: {error}\n".encode())
        os._exit(1)


def void(_: object) -> None:
    return None


def ended(pid: int, told: int) -> tuple[int, list[str]]:
    with os.fdopen(told) as stream:
        lines = stream.read().splitlines()
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), lines


def dying(path: Path, name: str, time_it: int) -> Callable[[Callable[[str], None]], None]:
    """A driver that is killed at the `time_it`-th visit of a failpoint."""
    visits: Counter[str] = Counter()

    def failpoint(point: str) -> None:
        visits[point] += 1
        if point == name and visits[point] == time_it:
            os.kill(os.getpid(), signal.SIGKILL)

    def work(acknowledge: Callable[[str], None]) -> None:
        ledger = Ledger.open(path)
        ledger.failpoint = failpoint
        drive(ledger, acknowledge)

    return work


def dying_after(path: Path, seconds: float) -> Callable[[Callable[[str], None]], None]:
    """A driver that the kernel ends, by a signal that nothing here hears: whoever waits for it may be late."""

    def work(acknowledge: Callable[[str], None]) -> None:
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        signal.setitimer(signal.ITIMER_REAL, seconds)
        drive(Ledger.open(path), acknowledge)
        signal.setitimer(signal.ITIMER_REAL, 0)

    return work


def check_promises(path: Path, acknowledged: list[str]) -> None:
    assert audit(path) == []
    with Ledger.open_readonly(path) as ledger:
        for line in acknowledged:
            if line.startswith("trial "):
                row = ledger.trial(TrialKey(line.removeprefix("trial ")))
                assert row is not None
                assert row.number is not None
        if "idea" in acknowledged:
            assert ledger.idea_counts()["total"] == 2
        if "finished" in acknowledged:
            assert ledger.run().state is RunState.FINISHED


def check_finished(path: Path) -> None:
    assert audit(path) == []
    with Ledger.open_readonly(path) as ledger:
        assert ledger.run().state is RunState.FINISHED
        assert ledger.settled_trials() == TRIALS
        assert ledger.amounts().reserved.trials == 0
        assert ledger.amounts().spent.trials == TRIALS
        assert ledger.amounts().spent.tokens == 40
        assert ledger.counts().keep == TRIALS
        assert len(ledger.champion_history()) == 2


@pytest.mark.parametrize("name", FAILPOINTS)
def test_death_at_every_failpoint_loses_and_doubles_nothing(tmp_path: Path, name: str) -> None:
    path = fresh(tmp_path, Budget(trials=TRIALS + 1, tokens=100))
    hits = 0
    for time_it in (1, 2, 5):
        code, lines = ended(*in_child(dying(path, name, time_it)))
        hits += code == -signal.SIGKILL
        assert code in (0, -signal.SIGKILL), lines
        check_promises(path, lines)
    assert hits >= 1
    code, lines = ended(*in_child(lambda acknowledge: drive(Ledger.open(path), acknowledge)))
    assert (code, lines[-1]) == (0, "finished")
    check_finished(path)


def test_death_at_random_moments_loses_and_doubles_nothing(tmp_path: Path) -> None:
    rng = random.Random(5)
    kills = 0
    for round_ in range(12):
        folder = tmp_path / str(round_)
        folder.mkdir()
        path = fresh(folder, Budget(trials=TRIALS + 1, tokens=100))
        for _ in range(4):
            code, lines = ended(*in_child(dying_after(path, rng.uniform(0.001, 0.04))))
            kills += code == -signal.SIGALRM
            check_promises(path, lines)
        with Ledger.open(path) as ledger:
            drive(ledger, void)
        check_finished(path)
    assert kills > 5


def test_two_processes_never_overspend_a_nearly_empty_budget(tmp_path: Path) -> None:
    """Both are held to be the same driver's hands (no one takes over), so that only the books keep them apart."""
    path = fresh(tmp_path, Budget(trials=30, cpu_ms=31 * CAP.cpu_ms))

    def reserve(first: int) -> Callable[[Callable[[str], None]], None]:
        def work(acknowledge: Callable[[str], None]) -> None:
            ledger = Ledger.open(path)
            for n in range(first, first + 40):
                try:
                    with ledger.transaction() as tx:
                        found = tx.reserve(
                            identity(n), commit=commit(n), purpose=Purpose.NOISE, proposal=None, inquiry=None, cap=CAP
                        )
                    acknowledge(f"got {found}" if found else "taken")
                except BudgetExceeded as error:
                    acknowledge(f"no {error.unit}")

        return work

    ends = [ended(*child) for child in [in_child(reserve(0)), in_child(reserve(20))]]
    lines = [line for code, lines in ends for line in lines if code == 0]
    got = [line for line in lines if line.startswith("got")]
    assert len(lines) == 80
    assert len(got) == len(set(got)) == 30
    assert lines.count("no trials") == 80 - 30 - lines.count("taken")
    with Ledger.open_readonly(path) as ledger:
        assert ledger.amounts().reserved.trials == 30
    assert audit(path) == []


def test_a_driver_that_slept_through_a_takeover_writes_nothing(tmp_path: Path) -> None:
    path = fresh(tmp_path, Budget(trials=5))

    def sleeper(acknowledge: Callable[[str], None]) -> None:
        ledger = Ledger.open(path)
        ledger.take_over()
        acknowledge("driving")
        os.kill(os.getpid(), signal.SIGSTOP)
        with ledger.transaction() as tx:
            tx.set_state(RunState.FAILED, "from the past")

    pid, told = in_child(sleeper)
    os.waitpid(pid, os.WUNTRACED)
    with Ledger.open(path) as ledger:
        ledger.take_over()
    os.kill(pid, signal.SIGCONT)
    code, lines = ended(pid, told)
    assert code == 1
    assert lines[1].startswith(f"error {Fenced.__name__}")
    with Ledger.open(path) as ledger:
        assert ledger.run().state is RunState.RUNNING
