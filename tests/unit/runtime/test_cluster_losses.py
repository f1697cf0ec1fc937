"""A cluster that loses whatever it is given: the run pauses with the reason instead of going through all ideas."""

from __future__ import annotations

import asyncio
import itertools
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest
from supervised import Bench

from orgruntime.cli.live import EVENT_CHARS
from orgruntime.ledger.audit import audit
from orgruntime.ledger.rows import TrialState
from orgruntime.ledger.trial_writes import MAX_LOST
from orgruntime.model.appetite import Dial
from orgruntime.model.ids import AttemptId, RunId
from orgruntime.model.research import VerdictWord
from orgruntime.model.status import RunState
from orgruntime.model.step import StepReply, StepRequest
from orgruntime.model.trial import Ending, TrialOutcome, TrialSpec
from orgruntime.runtime.events import EventKind
from orgruntime.runtime.losses import MOST_GIVEN_UP, MOST_TOLD, Losses
from orgruntime.testing.lab import RESEARCHER, ROLES, small_org
from orgruntime.testing.scripted_desks import declining, setting

HEALTHY = 16
"""Attempts before the cluster breaks: the noise floor, and a few screens."""
DETAIL = "the node could not lay out the tree: [Errno 28] No space left on device"
Outcome = Callable[[TrialSpec], TrialOutcome]


def lost(spec: TrialSpec, detail: str = DETAIL, node: str = "10.0.0.0") -> TrialOutcome:
    return TrialOutcome(attempt=spec.attempt, ending=Ending.INFRASTRUCTURE, wall_s=0, detail=detail, node=node)


def tireless(request: StepRequest) -> StepReply:
    """Never out of ideas, and never a better one."""
    return setting(request, "LR", -1 - len(request.past) - request.desk / 10)


def up_to(count: int) -> Callable[[StepRequest], StepReply]:
    made = itertools.count(1)
    return lambda request: setting(request, "LR", -n) if (n := next(made)) <= count else declining("enough")


def from_then_on(bench: Bench, then: Outcome, healthy: int = HEALTHY) -> Counter[str]:
    """What the attempts after the first `healthy` come to; returns a count of attempts that lives on."""
    seen: Counter[str] = Counter()

    def script(spec: TrialSpec) -> TrialOutcome:
        seen["attempts"] += 1
        return bench.program(spec) if seen["attempts"] <= healthy else then(spec)

    bench.script = script
    return seen


def given_up(bench: Bench) -> int:
    with bench.ledger() as ledger:
        return sum(row.state is TrialState.FAILED for row in ledger.trials())


async def test_a_cluster_that_loses_every_attempt_pauses_the_run(bench: Bench) -> None:
    seen = from_then_on(bench, lost)
    state, reason = await bench.run(tireless)
    assert state is RunState.PAUSED
    count = given_up(bench)
    assert MOST_GIVEN_UP <= count <= MOST_GIVEN_UP + bench.cpus
    assert reason == (
        f"{count} trials in a row were given up: the cluster lost each of them {MAX_LOST} times, and no attempt ended"
        f" by itself in between; the last one was lost so: {DETAIL}; fix that, then `orgrun resume r1`"
    )
    assert seen["attempts"] <= HEALTHY + MAX_LOST * (count + bench.cpus)
    with bench.ledger() as ledger:
        assert (ledger.run().state, ledger.run().reason) == (state, reason), "what `orgrun status` shows"
        (pause,) = ledger.decisions(1)
        assert (pause.verb, pause.dial, pause.reason) == ("pause", Dial.INFRASTRUCTURE, reason)
        assert not ledger.running_attempts()
        assert ledger.amounts().spent.trials == HEALTHY
    assert audit(bench.folder / "ledger.db") == []


async def test_resumed_on_a_healthy_cluster_the_run_ends_as_any_other(bench: Bench) -> None:
    from_then_on(bench, lost)
    assert (await bench.run(tireless))[0] is RunState.PAUSED
    before = given_up(bench)
    bench.script = bench.program
    state, reason = await bench.run(up_to(6))
    assert state is RunState.FINISHED, reason
    assert given_up(bench) == before
    words = Counter(word for word, _ in bench.verdicts().values())
    assert words[VerdictWord.INCONCLUSIVE] == before, "no idea is blamed"
    assert words[VerdictWord.DISCARD] >= 6
    with bench.ledger() as ledger:
        assert not ledger.open_inquiries()
        assert not ledger.decisions(9, "go-on"), "a pause for the cluster is no dry spell"
    assert audit(bench.folder / "ledger.db") == []


async def test_resumed_on_a_cluster_that_still_loses_all_it_counts_anew(bench: Bench) -> None:
    seen = from_then_on(bench, lost)
    await bench.run(tireless)
    for driver in (2, 3):
        begun, before = seen["attempts"], given_up(bench)
        state, reason = await bench.run(tireless)
        assert state is RunState.PAUSED, driver
        assert given_up(bench) - before >= MOST_GIVEN_UP
        assert reason.startswith(f"{given_up(bench) - before} trials in a row")
        assert seen["attempts"] > begun


async def test_one_attempt_that_ends_by_itself_shows_that_the_cluster_still_runs_trials(tmp_path: Path) -> None:
    """Four in five proposals take their node down, whatever it does: that is not the cluster's fault for ever."""
    roles = tuple(r.model_copy(update={"count": 1}) if r.slug == RESEARCHER else r for r in ROLES)
    bench = Bench(tmp_path, org=small_org(roles=roles), cpus=1)

    def ending(spec: TrialSpec) -> Ending:
        rate = bench.program.constants(spec.tree)["LR"]
        return Ending.EXITED if rate % MOST_GIVEN_UP == 0 else Ending.INFRASTRUCTURE

    bench.program.ending = ending
    tries = 4 * MOST_GIVEN_UP
    state, reason = await bench.run(up_to(tries))
    assert state is RunState.FINISHED, reason
    assert given_up(bench) == tries - tries // MOST_GIVEN_UP


@pytest.mark.parametrize("ending", [Ending.TIMEOUT, Ending.OUT_OF_MEMORY, Ending.EXITED])
async def test_bad_ideas_are_no_broken_cluster(bench: Bench, ending: Ending) -> None:
    from_then_on(bench, lambda spec: TrialOutcome(attempt=spec.attempt, ending=ending, exit_code=1, wall_s=1))
    state, reason = await bench.run(up_to(3 * MOST_GIVEN_UP))
    assert state is RunState.FINISHED, reason


async def test_what_never_started_is_no_loss(bench: Bench) -> None:
    """A cluster without room: the run waits and says for what, or finds room again."""

    def no_room(spec: TrialSpec) -> TrialOutcome:
        return TrialOutcome(attempt=spec.attempt, ending=Ending.NEVER_STARTED, wall_s=0, detail="no room for it")

    from_then_on(bench, no_room)
    state, reason = await bench.run(up_to(3 * MOST_GIVEN_UP))
    assert state is RunState.FINISHED, reason
    assert given_up(bench) > MOST_GIVEN_UP, "after 20 attempts each"
    assert not any("cluster lost" in text for text in bench.heard.texts(EventKind.NOTICE))


@pytest.mark.parametrize("ending", [Ending.EXITED, Ending.INFRASTRUCTURE])
async def test_what_runs_is_let_end_and_decides_whether_the_run_goes_on(bench: Bench, ending: Ending) -> None:
    """One of two nodes is broken, and the other has a long trial."""
    long, started = asyncio.Event(), Counter[str]()

    async def slow(spec: TrialSpec) -> TrialOutcome:
        await long.wait()
        return bench.program(spec) if ending is Ending.EXITED else lost(spec)

    def script(spec: TrialSpec):  # type: ignore[no-untyped-def]  # as the executor takes it
        started["attempts"] += 1
        if started["attempts"] <= HEALTHY or started["healthy again"]:
            return bench.program(spec)
        return slow(spec) if started["attempts"] == HEALTHY + 1 else lost(spec)

    async def watch() -> None:
        while not any("nothing is started" in text for text in bench.heard.texts(EventKind.NOTICE)):
            await asyncio.sleep(0.001)
        held = started["attempts"]
        await asyncio.sleep(0.5)
        assert started["attempts"] == held, "the broken node is given nothing more"
        assert given_up(bench) == MOST_GIVEN_UP
        started["healthy again"] += ending is Ending.EXITED
        long.set()

    bench.script = script
    watching = asyncio.create_task(watch())
    state, reason = await bench.run(up_to(4 * MOST_GIVEN_UP))
    await watching
    assert state is (RunState.FINISHED if ending is Ending.EXITED else RunState.PAUSED), reason
    (notice,) = (text for text in bench.heard.texts(EventKind.NOTICE) if "nothing is started" in text)
    assert "until one of the 1 that run has ended by itself" in notice


async def test_each_kind_of_loss_is_told_once(bench: Bench) -> None:
    numbers = itertools.count(1)
    from_then_on(bench, lambda spec: lost(spec, f"attempt {spec.attempt}: disk {next(numbers)} is full"))
    await bench.run(tireless)
    told = [text for text in bench.heard.texts(EventKind.NOTICE) if "the cluster lost a trial" in text]
    assert len(told) == 1
    assert "on 10.0.0.0: attempt" in told[0]
    assert "disk 1 is full; a trial is tried 3 times" in told[0]


async def test_why_each_attempt_was_lost_is_in_the_ledger_and_beside_the_output(bench: Bench) -> None:
    numbers = itertools.count(1)
    from_then_on(bench, lambda spec: lost(spec, f"reason {next(numbers)}\nof its own", f"10.0.0.{next(numbers)}"))
    await bench.run(tireless)
    with bench.ledger() as ledger:
        row = next(row for row in ledger.trials() if row.state is TrialState.FAILED)
        found = ledger.attempts_in_vain(row.key)
    assert [one.attempt for one in found] == [f"{row.key}.{n}" for n in (1, 2, 3)]
    assert {one.ending for one in found} == {Ending.INFRASTRUCTURE}
    assert len({(one.detail, one.node) for one in found}) == 3
    assert all(one.detail.endswith("\nof its own") and one.node.startswith("10.0.0.") for one in found)
    log = (bench.folder / "logs" / f"{row.key}.2.log").read_text().splitlines()
    assert log[1] == f"# {found[1].detail}".replace("\n", " ")


def test_details_that_never_repeat_do_not_flood_and_another_nodes_are_news() -> None:
    losses, spec = Losses(RunId("r1")), AttemptId("0.1")

    def lose(detail: str, node: str) -> list[str]:
        outcome = TrialOutcome(attempt=spec, ending=Ending.INFRASTRUCTURE, wall_s=0, detail=detail, node=node)
        losses.note(outcome, given_up=False)
        return losses.news(1)

    assert len(lose("gone", "a")) == 1
    assert lose("gone", "a") == []
    assert len(lose("gone", "b")) == 1
    assert "no reason is known" in lose("", "b")[0]
    told = [text for n in range(1000) for text in lose("x" * n, "a")]
    assert len(told) == MOST_TOLD - 3
    assert losses.words == "", "nothing was given up"


def test_the_remedy_stands_within_what_a_view_shows_of_an_event() -> None:
    losses = Losses(RunId("a-lab-with-a-long-name-17"))
    outcome = TrialOutcome(attempt=AttemptId("0.1"), ending=Ending.INFRASTRUCTURE, wall_s=0, detail="x" * 5000)
    for _ in range(MOST_GIVEN_UP):
        losses.note(outcome, given_up=True)
    assert losses.words.endswith("x; fix that, then `orgrun resume a-lab-with-a-long-name-17`")
    assert len(f"paused: {losses.words}") <= EVENT_CHARS
