"""Where a run stands, as whoever looks at its folder sees it."""

from __future__ import annotations

from pathlib import Path

import pytest

from orgruntime.api.folders import RunFolder
from orgruntime.api.statuses import status_of_run, tell_activity
from orgruntime.cli.closing import status_words
from orgruntime.ledger.store import Ledger
from orgruntime.model.amounts import Amounts
from orgruntime.model.ids import CommitId, RunId, TreeId
from orgruntime.model.status import RoleActivity, RunState
from orgruntime.model.trial import Purpose, TrialIdentity
from orgruntime.testing.lab import small_org


@pytest.fixture
def folder(tmp_path: Path) -> RunFolder:
    """Of a run with one attempt that runs, as its ledger says."""
    org, folder = small_org(), RunFolder(tmp_path / "r")
    folder.path.mkdir()
    folder.manifest_file.write_text(org.model_dump_json())
    with Ledger.create(
        folder.ledger_file, run=RunId("r"), manifest_hash=org.hash, org=org.org, budget=org.budget, seed=1
    ) as ledger:
        ledger.take_over()
        identity = TrialIdentity(tree=TreeId("t"), command="c", seed=1, evaluator="e", hardware="cpu:1")
        with ledger.transaction() as tx:
            tx.reserve(
                identity,
                commit=CommitId("c"),
                purpose=Purpose.NOISE,
                proposal=None,
                inquiry=None,
                cap=Amounts(trials=1),
            )
    return folder


def test_without_a_driver_nothing_runs(folder: RunFolder) -> None:
    status = status_of_run(folder)
    assert (status.state, status.driver_alive) == (RunState.STOPPED, False)
    assert (status.trials.running, status.trials.interrupted) == (0, 1)
    assert "its driver is gone; go on with `orgrun resume r`" in status.reason
    words = status_words(status)
    assert "none is alive" in words
    assert "running 0, interrupted 1" in words


def test_with_one_it_does(folder: RunFolder) -> None:
    with folder.driving():
        status = status_of_run(folder)
    assert (status.state, status.driver_alive) == (RunState.RUNNING, True)
    assert (status.trials.running, status.trials.interrupted) == (1, 0)
    words = status_words(status)
    assert "interrupted" not in words
    assert "alive" in words


def test_what_the_roles_do_is_told_for_as_long_as_their_driver_lives(folder: RunFolder) -> None:
    waits = (RoleActivity(role="cluster", doing="2 trials wait for a node: the fleet has no nodes"),)
    with folder.driving():
        assert status_of_run(folder).roles == ()
        tell_activity(folder, waits)
        assert status_of_run(folder).roles == waits
        assert "the fleet has no nodes" in status_words(status_of_run(folder))
        folder.activity_file.write_text('[{"role": "clus')
        assert status_of_run(folder).roles == ()
        tell_activity(folder, waits)
    assert status_of_run(folder).roles == ()
    with folder.driving():
        assert status_of_run(folder).roles == ()


def test_of_many_roles_the_first_busy_ones_are_shown_and_the_rest_counted(folder: RunFolder) -> None:
    roles = [RoleActivity(role="cluster", doing="1 trial waits for a node: the fleet has no nodes")]
    roles += [RoleActivity(role=f"searcher#{n}", doing="idle" if n % 2 else "thinking") for n in range(30)]
    with folder.driving():
        tell_activity(folder, tuple(roles))
        lines = status_words(status_of_run(folder)).splitlines()
    told = [line for line in lines if line.startswith(("cluster", "searcher", " ", "idle"))]
    assert [line.split()[0] for line in told] == ["cluster", *(f"searcher#{n}" for n in range(0, 14, 2)), "and", "idle"]
    assert told[-2].strip() == "and 8 more"
    assert told[-1].count("searcher#") == 15


def test_a_disk_that_cannot_take_it_ends_no_run(folder: RunFolder) -> None:
    folder.activity_file.with_suffix(".tmp").mkdir()
    with folder.driving():
        tell_activity(folder, (RoleActivity(role="trainer", doing="thinking"),))
        assert status_of_run(folder).roles == ()


def test_a_driver_that_left_with_a_word_may_have_left_attempts_too(folder: RunFolder) -> None:
    """As where the cluster was gone before it could settle them."""
    with Ledger.open(folder.ledger_file) as ledger, ledger.transaction() as tx:
        tx.set_state(RunState.STOPPED, "the cluster is gone")
    status = status_of_run(folder)
    assert (status.state, status.reason) == (RunState.STOPPED, "the cluster is gone")
    assert (status.trials.running, status.trials.interrupted) == (0, 1)
