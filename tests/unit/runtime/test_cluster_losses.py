"""A cluster that loses whatever it is given: the run waits for it, and pauses with the reason instead of going through
all ideas."""

from __future__ import annotations

import asyncio
import itertools
import re
from collections import Counter
from collections.abc import Awaitable, Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest
from supervised import Bench

from orgruntime.cli.live import EVENT_CHARS
from orgruntime.ledger.audit import audit
from orgruntime.ledger.rows import TrialState
from orgruntime.ledger.store import Ledger
from orgruntime.ledger.trial_writes import MAX_LOST
from orgruntime.model.appetite import Dial
from orgruntime.model.ids import AttemptId, RunId, TreeId
from orgruntime.model.research import VerdictWord
from orgruntime.model.status import RunState
from orgruntime.model.step import StepReply, StepRequest
from orgruntime.model.trial import Ending, TrialOutcome, TrialSpec
from orgruntime.runtime import supervisor
from orgruntime.runtime.demand import CLUSTER
from orgruntime.runtime.events import EventKind
from orgruntime.runtime.lab import Lab
from orgruntime.runtime.losses import FIRST_WAIT_S, MOST_GIVEN_UP, MOST_TOLD, MOST_WAITS, Losses
from orgruntime.runtime.supervisor import Supervisor
from orgruntime.testing.fake_clock import FakeClock
from orgruntime.testing.lab import RESEARCHER, ROLES, small_org
from orgruntime.testing.scripted_desks import declining, setting

HEALTHY = 16
"""Attempts before the cluster breaks: the noise floor, and a few screens."""
DETAIL = "the node could not lay out the tree: [Errno 28] No space left on device"
ALL_WAITS_S = FIRST_WAIT_S * (2**MOST_WAITS - 1)
REALLY_S = 0.2
"""Of real time: dozens of ticks, in which something that must not happen could."""
Outcome = Callable[[TrialSpec], TrialOutcome | Awaitable[TrialOutcome]]


@pytest.fixture(autouse=True)
def ticks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Many a wait."""
    monkeypatch.setattr(supervisor, "TICK_S", 0.002)


async def beside(work: Coroutine[Any, Any, None], run: Coroutine[Any, Any, tuple[RunState, str]]) -> str:
    """What `run` came to, as one text, with `work` beside it. A failure of either is one."""
    helper, running = asyncio.create_task(work), asyncio.create_task(run)
    try:
        await asyncio.wait({helper, running}, return_when=asyncio.FIRST_COMPLETED)
        if helper.done():
            helper.result()
        state, reason = await running
        return f"{state.value}: {reason}"
    finally:
        for task in (helper, running):
            task.cancel()
        await asyncio.gather(helper, running, return_exceptions=True)


async def time_passes(bench: Bench) -> None:
    """By itself: a second a millisecond or two."""
    while True:
        await asyncio.sleep(0.001)
        bench.clock.advance(1.0)


async def heard(bench: Bench, words: str, times: int = 1) -> None:
    while sum(words in text for text in bench.heard.texts(EventKind.NOTICE)) < times:
        await asyncio.sleep(0.001)


async def until(true: Callable[[], bool]) -> None:
    async with asyncio.timeout(60):
        while not true():
            await asyncio.sleep(0.001)


def waits(bench: Bench) -> list[str]:
    """Their notices."""
    return [text for text in bench.heard.texts(EventKind.NOTICE) if "the run waits for the cluster until" in text]


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

    def script(spec: TrialSpec) -> TrialOutcome | Awaitable[TrialOutcome]:
        seen["attempts"] += 1
        return bench.program(spec) if seen["attempts"] <= healthy else then(spec)

    bench.script = script
    return seen


def given_up(bench: Bench) -> int:
    with bench.ledger() as ledger:
        return sum(row.state is TrialState.FAILED for row in ledger.trials())


async def test_a_cluster_that_loses_every_attempt_pauses_the_run(bench: Bench) -> None:
    seen = from_then_on(bench, lost)
    ended = await beside(time_passes(bench), bench.run(tireless))
    count = given_up(bench)
    assert MOST_GIVEN_UP <= count <= MOST_GIVEN_UP + bench.cpus
    assert re.fullmatch(
        rf"paused: {count} trials in a row were given up, each lost {MAX_LOST} times; in \d+ min of waiting for the"
        rf" cluster {MOST_WAITS} more tries were lost too; the last loss: {re.escape(DETAIL)}; fix that, then"
        r" `orgrun resume r1`",
        ended,
    )
    waited_s = 60 * float(ended.split("; in ")[1].split(" min")[0])
    assert ALL_WAITS_S - 30 <= waited_s <= 10 * ALL_WAITS_S
    assert seen["attempts"] <= HEALTHY + MAX_LOST * (MOST_GIVEN_UP + bench.cpus) + MOST_WAITS
    told = waits(bench)
    ends = [text.partition("then starts ")[2] for text in told]
    assert ends == [f"one trial to see (wait {n} of {MOST_WAITS})" for n in range(1, MOST_WAITS + 1)]
    assert re.match(r"\d+ trials in a row were lost and given up: the run waits for the cluster until \d\d:", told[0])
    assert all(text.startswith("what was started to see was lost too: the run waits") for text in told[1:])
    with bench.ledger() as ledger:
        assert f"paused: {ledger.run().reason}" == ended, "what `orgrun status` shows"
        (pause,) = ledger.decisions(1)
        assert (pause.verb, pause.dial, pause.reason) == ("pause", Dial.INFRASTRUCTURE, ledger.run().reason)
        assert not ledger.running_attempts()
        assert ledger.amounts().spent.trials == HEALTHY
    assert audit(bench.folder / "ledger.db") == []


async def test_resumed_on_a_healthy_cluster_the_run_ends_as_any_other(bench: Bench) -> None:
    from_then_on(bench, lost)
    assert (await beside(time_passes(bench), bench.run(tireless))).startswith("paused")
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
    await beside(time_passes(bench), bench.run(tireless))
    for driver in (2, 3):
        begun, before = seen["attempts"], given_up(bench)
        ended = await beside(time_passes(bench), bench.run(tireless))
        assert given_up(bench) - before >= MOST_GIVEN_UP
        assert ended.startswith(f"paused: {given_up(bench) - before} trials in a row")
        assert seen["attempts"] > begun
        assert len(waits(bench)) == driver * MOST_WAITS


async def test_one_attempt_that_ends_by_itself_shows_that_the_cluster_still_runs_trials(tmp_path: Path) -> None:
    """Three in four proposals take their node down, whatever it does: that is not the cluster's fault for ever. In the
    order in which they are started: two that wait may change places, and then four are given up in a row."""
    roles = tuple(r.model_copy(update={"count": 1}) if r.slug == RESEARCHER else r for r in ROLES)
    bench = Bench(tmp_path, org=small_org(roles=roles), cpus=1)

    every, started = MOST_GIVEN_UP - 1, list[TreeId]()

    def ending(spec: TrialSpec) -> Ending:
        if bench.program.constants(spec.tree)["LR"] == 0:
            return Ending.EXITED
        if spec.tree not in started:
            started.append(spec.tree)
        return Ending.INFRASTRUCTURE if (started.index(spec.tree) + 1) % every else Ending.EXITED

    bench.program.ending = ending
    tries = 4 * every
    state, reason = await bench.run(up_to(tries))
    assert state is RunState.FINISHED, reason
    assert given_up(bench) == tries - tries // every


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


async def test_a_cluster_that_fails_for_a_minute_holds_the_run_up_and_costs_few_trials(bench: Bench) -> None:
    """From when the run began to wait for it."""
    tried_s: list[float] = []

    def then(spec: TrialSpec) -> TrialOutcome:
        tried_s.extend([bench.clock.monotonic()] if waits(bench) else [])
        return bench.program(spec) if tried_s and tried_s[-1] > tried_s[0] - FIRST_WAIT_S + 60 else lost(spec)

    seen, most = from_then_on(bench, then), 30
    assert (await beside(time_passes(bench), bench.run(up_to(most)))).startswith("finished")
    assert MOST_GIVEN_UP <= given_up(bench) <= MOST_GIVEN_UP + bench.cpus
    assert 2 <= len(waits(bench)) <= 3, "of 15, 30 and 60 s"
    assert sum("the cluster runs trials again" in text for text in bench.heard.texts(EventKind.NOTICE)) == 1
    assert seen["attempts"] > HEALTHY + MAX_LOST * MOST_GIVEN_UP + most / 2, "at full speed again"
    words = Counter(word for word, _ in bench.verdicts().values())
    assert words[VerdictWord.INCONCLUSIVE] == given_up(bench), "no idea is blamed"
    assert sum(words.values()) == most
    with bench.ledger() as ledger:
        assert not ledger.decisions(1, "pause")
    assert audit(bench.folder / "ledger.db") == []


async def test_a_wait_ends_with_one_trial_and_that_it_ends_by_itself_opens_everything(bench: Bench) -> None:
    now, free = Counter[str](), asyncio.Event()

    async def slow(spec: TrialSpec) -> TrialOutcome:
        now["running"] += 1
        await free.wait()
        now["running"] -= 1
        return bench.program(spec)

    seen = from_then_on(bench, lambda spec: slow(spec) if now["healthy"] else lost(spec))

    async def watch() -> None:
        await heard(bench, "(wait 1 of")
        held = seen["attempts"]
        await asyncio.sleep(REALLY_S)
        bench.clock.advance(FIRST_WAIT_S - 1)
        await asyncio.sleep(REALLY_S)
        assert seen["attempts"] == held, "nothing is started in a wait"
        now["healthy"] = 1
        bench.clock.advance(1)
        await until(lambda: now["running"] > 0)
        await asyncio.sleep(REALLY_S)
        assert (now["running"], seen["attempts"]) == (1, held + 1), "one, though there is room for two"
        bench.clock.advance(FIRST_WAIT_S)
        await until(lambda: now["running"] == 2)  # Trials may take hours: one that runs on is followed by another.
        free.set()

    assert (await beside(watch(), bench.run(up_to(20)))).startswith("finished"), "without the clock's help"
    assert len(waits(bench)) == 1


@pytest.mark.parametrize("by_signal", [True, False])
async def test_a_wait_is_stopped_at_once(bench: Bench, by_signal: bool) -> None:
    drivers: list[tuple[Lab, Supervisor]] = []
    bench.prepare = lambda lab, supervisor: drivers.append((lab, supervisor))
    from_then_on(bench, lost)

    async def stop() -> None:
        await heard(bench, "(wait 1 of")
        lab, driver = drivers[0]
        if by_signal:
            driver.ask_stop("interrupted")
        else:
            with Ledger.open(bench.folder / "ledger.db") as other:
                other.request("stop", {"reason": "interrupted"})

    assert await beside(stop(), bench.run(tireless)) == "stopped: interrupted", "the clock stands still"


async def test_where_nothing_is_left_to_be_tried_the_run_ends_instead_of_waiting_for_a_trial(bench: Bench) -> None:
    """Every proposal was given up, and nobody has another."""
    bench.program.ending = lambda spec: (
        Ending.INFRASTRUCTURE if bench.program.constants(spec.tree)["LR"] < 0 else Ending.EXITED
    )
    assert (await beside(time_passes(bench), bench.run(up_to(MOST_GIVEN_UP)))).startswith(
        "finished: no role has anything"
    )
    assert given_up(bench) == MOST_GIVEN_UP


async def test_an_inquiry_is_opened_where_no_trial_is_left_to_see_by(tmp_path: Path) -> None:
    """One desk, one place: with its inquiry given up nothing waits, and the next idea must come from a new one."""
    roles = tuple(r.model_copy(update={"count": 1}) if r.slug == RESEARCHER else r for r in ROLES)
    bench = Bench(tmp_path, org=small_org(roles=roles), cpus=1)
    bench.program.ending = lambda spec: (
        Ending.INFRASTRUCTURE if -6 < bench.program.constants(spec.tree)["LR"] < 0 else Ending.EXITED
    )
    assert (await beside(time_passes(bench), bench.run(up_to(12)))).startswith("finished")
    assert given_up(bench) == MOST_GIVEN_UP
    assert len(bench.verdicts()) == 12


@pytest.mark.parametrize("ending", [Ending.EXITED, Ending.INFRASTRUCTURE])
@pytest.mark.parametrize("when", ["in the first wait", "after the last"])
async def test_what_runs_is_let_end_and_decides_whether_the_run_goes_on(
    bench: Bench, ending: Ending, when: str
) -> None:
    """One of two nodes is broken, and the other has a long trial."""
    long, started = asyncio.Event(), Counter[str]()
    last = when == "after the last"
    words = "so nothing is started until the one that runs has ended" if last else "(wait 1 of"

    async def slow(spec: TrialSpec) -> TrialOutcome:
        await long.wait()
        return bench.program(spec) if ending is Ending.EXITED else lost(spec)

    def script(spec: TrialSpec) -> TrialOutcome | Awaitable[TrialOutcome]:
        started["attempts"] += 1
        if started["attempts"] <= HEALTHY or started["healthy again"]:
            return bench.program(spec)
        return slow(spec) if started["attempts"] == HEALTHY + 1 else lost(spec)

    async def watch() -> None:
        passing = asyncio.create_task(time_passes(bench)) if last else None
        await heard(bench, words)
        held = started["attempts"]
        await asyncio.sleep(REALLY_S)
        assert started["attempts"] == held, "the broken node is given nothing more"
        assert given_up(bench) >= MOST_GIVEN_UP
        started["healthy again"] += ending is Ending.EXITED
        long.set()
        await (passing or time_passes(bench))

    bench.script = script
    ended = await beside(watch(), bench.run(up_to(8 * MOST_GIVEN_UP)))
    assert ended.startswith("finished" if ending is Ending.EXITED else "paused"), ended
    assert "it goes on as before once the one that runs has ended by itself" in waits(bench)[0]
    assert sum(words in text for text in bench.heard.texts(EventKind.NOTICE)) == 1


async def test_while_it_waits_status_says_for_what(bench: Bench) -> None:
    labs: list[Lab] = []
    bench.prepare = lambda lab, driver: labs.append(lab)
    seen: set[str] = set()
    from_then_on(bench, lost)

    async def look() -> None:
        passing = asyncio.create_task(time_passes(bench))
        while not passing.done():
            await asyncio.sleep(0)
            seen.update(lab.doing.get(CLUSTER, "") for lab in labs)

    await beside(look(), bench.run(tireless))
    said = [re.sub(r"\d\d:\d\d:\d\d", "T", text) for text in seen]
    words = "the cluster loses trials: nothing is started until T, then one to see (wait {} of 6)"
    assert {words.format(n) for n in range(1, MOST_WAITS + 1)} <= set(said)


async def test_each_kind_of_loss_is_told_once(bench: Bench) -> None:
    numbers = itertools.count(1)
    from_then_on(bench, lambda spec: lost(spec, f"attempt {spec.attempt}: disk {next(numbers)} is full"))
    await beside(time_passes(bench), bench.run(tireless))
    told = [text for text in bench.heard.texts(EventKind.NOTICE) if "the cluster lost a trial" in text]
    assert len(told) == 1
    assert "on 10.0.0.0: attempt" in told[0]
    assert "disk 1 is full; a trial is tried 3 times" in told[0]


async def test_why_each_attempt_was_lost_is_in_the_ledger_and_beside_the_output(bench: Bench) -> None:
    numbers = itertools.count(1)
    from_then_on(bench, lambda spec: lost(spec, f"reason {next(numbers)}\nof its own", f"10.0.0.{next(numbers)}"))
    await beside(time_passes(bench), bench.run(tireless))
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
    losses, spec = Losses(RunId("r1"), FakeClock()), AttemptId("0.1")

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


class Given:
    """What one driver's losses are told, and what they say."""

    def __init__(self, run: str = "r1") -> None:
        self.clock = FakeClock()
        self.losses = Losses(RunId(run), self.clock)

    def end(self, attempt: str, ending: Ending = Ending.INFRASTRUCTURE, detail: str = "x" * 5000) -> None:
        outcome = TrialOutcome(attempt=AttemptId(attempt), ending=ending, wall_s=0, detail=detail)
        self.losses.note(outcome, given_up=attempt.endswith(".3"))

    def start(self, *attempts: str) -> None:
        self.losses.started([AttemptId(attempt) for attempt in attempts])

    def pass_wait(self) -> float:
        """Until a probe is allowed; how long that took."""
        begun = self.clock.monotonic()
        while self.losses.outage is not None and not self.losses.outage.probe:
            self.clock.advance(1)
        return self.clock.monotonic() - begun


@pytest.fixture
def given() -> Given:
    given = Given("a-lab-with-a-long-name-17")
    for n in range(MOST_GIVEN_UP):
        assert given.losses.outage is None
        given.end(f"{n}.3")
    return given


def test_the_remedy_stands_within_what_a_view_shows_of_an_event(given: Given) -> None:
    for n in range(MOST_WAITS):
        assert given.losses.words == ""
        given.pass_wait()
        given.start(f"p{n}.3")
        given.end(f"p{n}.3")
    assert given.losses.words.endswith("x; fix that, then `orgrun resume a-lab-with-a-long-name-17`")
    assert f"in 16 min of waiting for the cluster {MOST_WAITS} more tries were lost too" in given.losses.words
    assert len(f"paused: {given.losses.words}") <= EVENT_CHARS


def test_each_probe_that_is_lost_doubles_the_wait_and_no_other_attempt_does(given: Given) -> None:
    for n in range(MOST_WAITS):
        given.end("earlier.2")
        given.end("earlier.3")
        assert given.pass_wait() == FIRST_WAIT_S * 2**n
        given.start(f"a{n}.1")
        given.start(f"b{n}.1")
        given.end(f"a{n}.1")
        given.end(f"b{n}.1")
    assert given.losses.outage is not None
    assert given.losses.outage.ends


def test_a_probe_that_never_started_or_was_cancelled_shows_nothing(given: Given) -> None:
    for ending in (Ending.NEVER_STARTED, Ending.CANCELLED):
        assert given.pass_wait() == FIRST_WAIT_S
        given.start("a.1")
        assert "one was started to see" in given.losses.doing(1)
        given.end("a.1", ending)
        assert "nothing is started until" in given.losses.doing(0)
    assert given.pass_wait() == FIRST_WAIT_S
    assert given.losses.doing(0) == "", "whether there is room is for others to say"


def test_after_one_that_ended_by_itself_the_waits_begin_anew(given: Given) -> None:
    given.pass_wait()
    given.start("a.1")
    given.end("a.1")
    assert given.pass_wait() == 2 * FIRST_WAIT_S
    given.end("earlier.1", Ending.TIMEOUT)
    assert given.losses.outage is None
    assert given.losses.doing(1) == ""
    for n in range(MOST_GIVEN_UP):
        assert given.losses.outage is None
        given.end(f"{n}.3")
    assert given.pass_wait() == FIRST_WAIT_S
