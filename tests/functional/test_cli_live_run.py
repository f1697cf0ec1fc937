"""A run that goes on, operated from beside: a second driver, status, ideas, logs, stop, resume, Ctrl-C."""

from __future__ import annotations

import contextlib
import json
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from cli_cases import Said, assert_one_sentence, orgrun
from warm import Orgrun

from orgruntime.ledger.audit import audit

pytestmark = [pytest.mark.ray, pytest.mark.slow(40)]

PATIENCE_S = 120


@contextmanager
def driving(home: Path, *words: object) -> Iterator[Orgrun]:
    driver = Orgrun(*words, cwd=home, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    try:
        yield driver
    finally:
        driver.kill()


def waited(driver: Orgrun, until: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not until():
        assert driver.poll() is None, driver.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.1)


def ended(driver: Orgrun) -> Said:
    out, err = driver.communicate(timeout=PATIENCE_S)
    assert driver.returncode is not None
    return Said(driver.returncode, out, err)


def status(runs: Path) -> dict[str, Any]:
    said = orgrun("status", "r1", "--runs", runs, "--json")
    return json.loads(said.out) if said.code == 0 else {"state": "", "trials": {"total": 0}}


@pytest.fixture
def slow(org: Path) -> Path:
    """Trials of half a second, so that there is time to look."""
    measure = org / "workspace" / "measure.py"
    text = measure.read_text()
    assert '    print("---")\n' in text
    measure.write_text(text.replace('    print("---")\n', "    __import__('time').sleep(0.5)\n    print('---')\n"))
    return org


def test_a_live_run_is_operated_from_beside_then_resumed_and_interrupted(slow):
    home, runs = slow.parent, slow.parent / ".orgrun" / "runs"
    with driving(home, "run", slow, "--run-id", "r1", "--cpus", "2") as driver:
        waited(driver, lambda: status(runs)["trials"]["total"] >= 1)
        _operated_from_beside(driver, runs)
    before = status(runs)
    assert before["state"] == "stopped"
    waiting = orgrun("idea", "r1", "try BATCH = 8", "--runs", runs)
    assert_one_sentence(waiting, 0, "has no driver", "orgrun resume r1")
    with driving(home, "resume", "r1", "--cpus", "2") as driver:
        waited(driver, lambda: status(runs)["trials"]["total"] > before["trials"]["total"])
        driver.send_signal(signal.SIGINT)
        assert_one_sentence(ended(driver), 130, "stopped", "orgrun resume r1")
    after = status(runs)
    assert after["state"] == "stopped"
    assert after["trials"]["running"] == 0
    assert audit(runs / "r1" / "ledger.db") == []


def _operated_from_beside(driver: Orgrun, runs: Path) -> None:
    assert status(runs)["state"] == "running"
    assert_one_sentence(orgrun("resume", "r1", "--runs", runs), 2, "has a driver already", str(driver.pid))
    idea = orgrun("idea", "r1", "try DEGREE = 5", "--runs", runs, "--json")
    assert json.loads(idea.out)["live"] is True
    with driving(runs, "logs", "-f", "--json", "--runs", runs) as follower:
        assert_one_sentence(orgrun("stop", "--runs", runs), 0, "run r1 is stopped", "orgrun resume r1")
        followed = ended(follower)
    said = ended(driver)
    assert said.code == 0, said.err
    assert "go on" in said.out
    assert (followed.code, followed.err) == (0, "")
    kinds = [json.loads(line)["kind"] for line in followed.out.splitlines()]
    assert kinds[0] == "create"
    assert kinds[-1] == "set-state"


def test_a_run_outlasts_a_node_that_loses_every_trial_for_a_while_and_is_stopped_while_it_waits(slow):
    home, runs = slow.parent, slow.parent / ".orgrun" / "runs"
    with driving(home, "run", slow, "--run-id", "r1", "--cpus", "2", "--json") as driver:
        waited(driver, lambda: bool(status(runs).get("noise")))
        trees = _trees_of(runs / "r1")
        _break(trees)
        waited(driver, lambda: _is_held(runs))
        trees.unlink()
        trees.with_name("gone").rename(trees)
        before = status(runs)["trials"]["total"]
        waited(driver, lambda: status(runs)["trials"]["total"] > before + 2 and not _waits_for(runs))
        _break(trees)
        waited(driver, lambda: _is_held(runs))
        assert orgrun("stop", "r1", "--runs", runs).code == 0
        said = ended(driver)
    *events, last = [json.loads(line) for line in said.out.splitlines()]
    assert last["state"] == "stopped"
    notices = [event["text"] for event in events if event["event"] == "notice"]
    waits = [text for text in notices if "trials in a row were lost and given up: the run waits" in text]
    again = sum("the cluster runs trials again" in text for text in notices)
    assert again >= 1, notices
    # One more where a trial that began before the node broke ends by itself behind the first losses. Where it ends in
    # the very tick of the last of them, nobody is told of a wait that was over at once.
    assert len(waits) >= 2, notices
    assert len(waits) in (again, again + 1), notices
    assert 1 <= sum("the cluster lost a trial" in text for text in notices) <= 4, notices
    key = next(
        e["data"]["trial"] for e in events if e["data"].get("ending") == "infrastructure" and e["data"]["number"]
    )
    explained = orgrun("explain", key, "--run", "r1", "--runs", runs).out
    assert all(f"attempt {n} on " in explained for n in (1, 2, 3)), explained
    assert "infrastructure, exit None" in orgrun("logs", "r1", key, "--runs", runs).out
    before = last["trials"]["total"]
    with driving(home, "resume", "r1", "--cpus", "2") as driver:
        waited(driver, lambda: status(runs)["trials"]["total"] > before + 2)
        assert status(runs)["state"] == "running"
        driver.send_signal(signal.SIGINT)
        ended(driver)
    assert audit(runs / "r1" / "ledger.db") == []


def _break(trees: Path) -> None:
    """The node cannot lay out a tree any more."""
    trees.rename(trees.with_name("gone"))
    trees.touch()


def _waits_for(runs: Path) -> str:
    """What the run says that it waits for, to whoever asks from another process."""
    return next((one["doing"] for one in status(runs).get("roles", ()) if one["role"] == "cluster"), "")


def _is_held(runs: Path) -> bool:
    return "nothing is started until" in _waits_for(runs) and not status(runs)["trials"]["running"]


def _trees_of(run: Path) -> Path:
    """Where the run's agent keeps the trees of its trials."""
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            words = (process / "cmdline").read_text().split("\0")
            if any("backends.zygote" in word for word in words) and any(str(run) in word for word in words):
                return Path(json.loads(words[-2])["root"]) / "trees"
    raise AssertionError("no trial runs")
