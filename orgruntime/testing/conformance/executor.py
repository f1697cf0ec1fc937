"""What every `ports.Executor` must do. Inherit `ExecutorConformance` and give the fixture `executor`.

Works through the port alone, with a few commands that any executor can run or play: `true`, `sh -c "echo hello; exit
3"`, `sleep SECONDS`, and one that prints progress lines before it sleeps. Does not know where they run.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Sequence
from typing import Any

import pytest

from orgruntime.model.ids import AttemptId, CommitId, TreeId
from orgruntime.model.manifest import Resources
from orgruntime.model.trial import Ending, TrialOutcome, TrialSpec
from orgruntime.runtime.ports import Executor, ExecutorError

TREE = TreeId("a" * 40)
"""The one tree of the suite. Its pack holds `train.py` and `eval.py`."""
TRUE = ("true",)
FAILS = ("sh", "-c", "echo hello; exit 3")
SLEEPS = ("sleep", "600")
POINTS = ((0.1, 5.0), (0.3, 4.0), (0.4, 3.0))
TALKS = ("sh", "-c", " ".join(f"echo progress {at} loss {value};" for at, value in POINTS) + " sleep 600")
ONE = Resources(cpus=1.0)
PATIENCE_S = 60.0

_numbers = itertools.count(1)


def attempt(argv: Sequence[str] = TRUE, **changed: Any) -> TrialSpec:
    """A fresh attempt at a command, on one CPU for at most a minute."""
    fields: dict[str, Any] = {
        "attempt": AttemptId(f"key{next(_numbers)}.1"), "tree": TREE, "commit": CommitId("c" * 40), "argv": tuple(argv),
        "resources": ONE, "time_limit_s": 60.0,
    }  # fmt: skip
    return TrialSpec(**{**fields, **changed})


async def collect(executor: Executor, count: int) -> list[TrialOutcome]:
    """The next `count` outcomes, and not one more."""
    found: list[TrialOutcome] = []
    while len(found) < count:
        found += await asyncio.wait_for(executor.outcomes(), PATIENCE_S)
    assert len(found) == count
    return found


async def assert_silent(executor: Executor) -> None:
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(executor.outcomes(), 0.2)


class ExecutorConformance:
    """Subclasses override the fixture `executor`: started, with room for at least two CPUs, and at most eight."""

    @pytest.fixture
    def executor(self) -> Executor:
        raise NotImplementedError

    async def test_the_fleet_is_known(self, executor: Executor) -> None:
        fleet = executor.fleet()
        assert fleet.nodes
        assert len({node.id for node in fleet.nodes}) == len(fleet.nodes)
        assert fleet.isolation in ("strict", "none")
        for node in fleet.nodes:
            assert set(fleet.environments[node.address]) >= {"python", "platform", "accelerator"}

    async def test_a_shape_fits_or_never_will(self, executor: Executor) -> None:
        assert executor.fits(ONE)
        assert executor.fits(Resources(cpus=0))
        for shape in (
            Resources(cpus=10_000),
            Resources(gpus=1.5),
            Resources(gpus=10_000),
            Resources(accelerator="X-9"),
        ):
            assert not executor.fits(shape)
            assert executor.free_slots(shape) == 0

    async def test_a_wish_for_room_changes_nothing_here(self, executor: Executor) -> None:
        free = executor.free_slots(ONE)
        await executor.ask_for([ONE, Resources(cpus=10_000, accelerator="X-9", labels=("zone=a/b", "market!=spot"))])
        await executor.ask_for([])
        assert executor.free_slots(ONE) == free

    async def test_slots_are_taken_and_come_back(self, executor: Executor) -> None:
        free = executor.free_slots(ONE)
        assert 2 <= free <= 8
        assert executor.free_slots(Resources(cpus=2)) == free // 2
        executor.submit([attempt(), attempt()])
        assert executor.free_slots(ONE) == free - 2
        await collect(executor, 2)
        assert executor.free_slots(ONE) == free

    async def test_a_gang_takes_of_as_many_nodes_and_yields_one_outcome(self, executor: Executor) -> None:
        nodes, free = len(executor.fleet().nodes), executor.free_slots(ONE)
        assert not executor.fits(Resources(nodes=nodes + 1))
        assert executor.free_slots(Resources(nodes=nodes + 1)) == 0
        gang, other = attempt(resources=Resources(nodes=nodes)), attempt(resources=Resources(nodes=nodes + 1))
        executor.submit([gang, other])
        assert executor.free_slots(ONE) == free - nodes
        outcomes = {outcome.attempt: outcome.ending for outcome in await collect(executor, 2)}
        assert outcomes == {gang.attempt: Ending.EXITED, other.attempt: Ending.NEVER_STARTED}
        assert executor.free_slots(ONE) == free

    async def test_every_attempt_yields_one_outcome(self, executor: Executor) -> None:
        wanted = set()
        for _ in range(5):
            specs = [attempt() for _ in range(executor.free_slots(ONE))]
            wanted |= {spec.attempt for spec in specs}
            executor.submit(specs)
            outcomes = await collect(executor, len(specs))
            assert {outcome.ending for outcome in outcomes} == {Ending.EXITED}
            wanted -= {outcome.attempt for outcome in outcomes}
        assert not wanted
        await assert_silent(executor)

    async def test_what_a_command_says_and_how_it_ends(self, executor: Executor) -> None:
        spec = attempt(FAILS)
        executor.submit([spec])
        (outcome,) = await collect(executor, 1)
        assert (outcome.attempt, outcome.ending, outcome.exit_code) == (spec.attempt, Ending.EXITED, 3)
        assert outcome.output == "hello\n"

    async def test_a_time_limit(self, executor: Executor) -> None:
        executor.submit([attempt(SLEEPS, time_limit_s=0.5)])
        (outcome,) = await collect(executor, 1)
        assert (outcome.ending, outcome.exit_code) == (Ending.TIMEOUT, None)
        assert outcome.wall_s >= 0.5

    async def test_a_cancelled_attempt_still_yields_its_outcome(self, executor: Executor) -> None:
        spec, other = attempt(SLEEPS), attempt()
        executor.submit([spec, other])
        await executor.cancel([spec.attempt])
        outcomes = {outcome.attempt: outcome for outcome in await collect(executor, 2)}
        assert outcomes[spec.attempt].ending is Ending.CANCELLED
        assert outcomes[other.attempt].ending is Ending.EXITED
        await executor.cancel([spec.attempt, AttemptId("unheard-of.1")])
        await assert_silent(executor)

    async def test_a_curve_is_told_at_its_rungs(self, executor: Executor) -> None:
        spec, other = attempt(TALKS, rungs=(0.25, 0.9), metric="loss"), attempt(TALKS)
        executor.submit([spec, other])
        (news,) = await asyncio.wait_for(executor.progress(), PATIENCE_S)
        assert (news.attempt, news.points) == (spec.attempt, POINTS[:2])
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(executor.progress(), 0.2)
        await executor.cancel([spec.attempt, other.attempt])
        endings = {outcome.ending for outcome in await collect(executor, 2)}
        assert endings == {Ending.CANCELLED}

    async def test_a_slow_trial_blocks_no_other(self, executor: Executor) -> None:
        slow, quick = attempt(SLEEPS), attempt()
        executor.submit([slow])
        executor.submit([quick])
        assert [outcome.attempt for outcome in await collect(executor, 1)] == [quick.attempt]
        await executor.cancel([slow.attempt])
        await collect(executor, 1)

    async def test_waiting_can_be_cancelled_without_loss(self, executor: Executor) -> None:
        for _ in range(5):
            waiting = asyncio.ensure_future(executor.outcomes())
            await asyncio.sleep(0)
            executor.submit([attempt()])
            await asyncio.sleep(0.01)
            waiting.cancel()
            early = await asyncio.gather(waiting, return_exceptions=True)
            got = early[0] if isinstance(early[0], list) else []
            if not got:
                got = await collect(executor, 1)
            assert len(got) == 1

    async def test_more_than_there_is_room_for_is_refused_not_lost(self, executor: Executor) -> None:
        specs = [attempt() for _ in range(executor.free_slots(ONE) + 1)]
        executor.submit(specs)
        outcomes = await collect(executor, len(specs))
        assert [outcome.ending for outcome in outcomes].count(Ending.NEVER_STARTED) == 1
        assert {outcome.attempt for outcome in outcomes} == {spec.attempt for spec in specs}

    async def test_z_close_ends_what_runs(self, executor: Executor) -> None:
        """Last: the executor may be shared by the tests of a class."""
        executor.submit([attempt(SLEEPS)])
        await executor.close()
        await executor.close()
        assert executor.free_slots(ONE) == 0
        with pytest.raises(ExecutorError, match="closed"):
            await executor.outcomes()
