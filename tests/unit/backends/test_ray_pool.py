"""What shares an actor: steps go along in one call, none waits for a slow one, none pays for one that kills."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from ray.exceptions import RayActorError

from orgruntime.backends import desk_wire, ray_pool
from orgruntime.runtime.ports import ExecutorError, StepError

LATE_S = 60.0
"""No step of these takes so long, on however busy a machine."""


class Died(BaseException):
    """As a process dies: no handler of errors meets it."""


def play(actors: Actors, request: bytes) -> bytes:
    """A step sleeps for as long as it says, or is held until the test lets it go, then answers with its number. One
    that kills does so before that."""
    step = json.loads(request)
    actors.played.append(step["n"])
    time.sleep(step.get("sleep_s", 0.0))
    if step.get("held"):
        actors.free.wait(LATE_S)
    if step.get("kills"):
        raise Died
    return json.dumps(step["n"]).encode()


class Actors:
    """Real actors' code in this process: each method waits for its turn, as Ray's do. `dead` is what a death leaves."""

    def __init__(self) -> None:
        self.calls: list[list[int]] = []
        self.made: list[Actor] = []
        self.played: list[int] = []
        """The steps that were begun. Of one test: threads outlive theirs."""
        self.refuses = 0
        """So many do not start."""
        self.free = threading.Event()
        """Lets go of the steps that are held."""

    def remote(self, species: str) -> Actor:
        actor = Actor(self, species, starts=len(self.made) >= self.refuses)
        self.made.append(actor)
        return actor


class Actor:
    def __init__(self, actors: Actors, species: str, *, starts: bool) -> None:
        self._actors, self._starts = actors, starts
        self._turn = ThreadPoolExecutor(1)
        self._code = ray_pool.DeskActor(species)
        self.dead = asyncio.Event()
        self.open, self.serve, self.rest = Method(self, "open"), Method(self, "serve"), Method(self, "rest")

    async def call(self, name: str, *given: Any) -> Any:
        if name == "serve":
            self._actors.calls.append([json.loads(request)["n"] for request in given[0]])
        if not self._starts:
            raise RayActorError
        loop = asyncio.get_running_loop()
        answer = asyncio.ensure_future(loop.run_in_executor(self._turn, getattr(self._code, name), *given))
        death = asyncio.ensure_future(self.dead.wait())
        await asyncio.wait([answer, death], return_when=asyncio.FIRST_COMPLETED)
        if self.dead.is_set():
            raise RayActorError
        return answer.result()


class Method:
    def __init__(self, actor: Actor, name: str) -> None:
        self._actor, self._name = actor, name

    def remote(self, *given: Any) -> Any:
        return self._actor.call(self._name, *given)


class Cluster:
    gone = False

    def insist(self, cause: Exception | None) -> None:
        if self.gone:
            raise ExecutorError("the cluster is gone") from cause


@pytest.fixture
def cluster() -> Cluster:
    return Cluster()


@pytest.fixture
def actors(monkeypatch: pytest.MonkeyPatch) -> Iterator[Actors]:
    actors = Actors()
    loop_of: list[asyncio.AbstractEventLoop] = []

    def dies(code: int) -> None:
        """Of the thread that works: its actor is the one whose code waits for it."""
        dying = next(actor for actor in actors.made if actor._code._works and not actor.dead.is_set())
        loop_of[0].call_soon_threadsafe(dying.dead.set)
        with dying._code._changed:
            # As many as are waited for, so that no thread waits on.
            dying._code._works, dying._code._answers = False, [b""] * len(actors.calls[-1])
            dying._code._changed.notify_all()
        threading.Event().wait()

    def made() -> Actors:
        loop_of[:] = [asyncio.get_running_loop()]
        return actors

    monkeypatch.setattr(ray_pool, "_actor", made)
    monkeypatch.setattr(ray_pool, "resolved", lambda _: actors)
    monkeypatch.setattr(ray_pool, "served", play)
    monkeypatch.setattr(ray_pool.os, "_exit", dies)
    yield actors
    actors.free.set()


@pytest.fixture
async def pool(actors: Actors, cluster: Cluster) -> AsyncIterator[ray_pool.RayPool]:
    pool = ray_pool.RayPool("nobody:asks", LATE_S, cluster.insist)
    yield pool
    await pool.close()


def asked(pool: ray_pool.RayPool, n: int, **step: Any) -> asyncio.Task[bytes]:
    return asyncio.create_task(pool.ask(json.dumps({"n": n, **step}).encode(), f"desk {n}"))


async def until(held: Callable[[], bool]) -> None:
    async with asyncio.timeout(LATE_S):
        while not held():
            await asyncio.sleep(0.005)


async def test_steps_that_wait_together_go_in_one_call(
    pool: ray_pool.RayPool, actors: Actors, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ray_pool, "SLICE_S", LATE_S)
    monkeypatch.setattr(ray_pool, "PATIENCE_S", LATE_S)
    answers = await asyncio.gather(*(asked(pool, n) for n in range(40)))
    assert answers == [str(n).encode() for n in range(40)]
    assert len(actors.made) == 1
    assert sorted(n for call in actors.calls for n in call) == list(range(40)), "each was sent once"
    assert len(actors.calls) < 10


async def test_a_slow_step_gives_back_what_is_behind_it_and_gets_it_served_elsewhere(
    pool: ray_pool.RayPool, actors: Actors, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ray_pool, "PATIENCE_S", 0.05)
    slow = asked(pool, 0, held=True)
    quick = [asked(pool, n) for n in range(1, 6)]
    await asyncio.wait_for(asyncio.gather(*quick), LATE_S)
    assert not slow.done(), "they did not wait for it"
    assert len(actors.made) > 1
    actors.free.set()
    assert await slow == b"0"
    assert actors.played.count(0) == 1


async def test_quick_steps_stay_with_the_first_actor(
    pool: ray_pool.RayPool, actors: Actors, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ray_pool, "PATIENCE_S", 0.05)
    steps = [asked(pool, n, held=True) for n in range(2)]
    await until(lambda: 1 in actors.played)
    actors.free.set()
    await asyncio.gather(*steps)
    assert len(actors.made) == 2
    monkeypatch.setattr(ray_pool, "SLICE_S", LATE_S)
    actors.calls.clear()
    second = actors.made[1]
    monkeypatch.setattr(second, "serve", None)
    for n in range(2, 8):
        await asked(pool, n)
    assert actors.calls == [[n] for n in range(2, 8)]


async def test_nothing_is_started_for_steps_that_are_served(
    pool: ray_pool.RayPool, actors: Actors, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Thirty steps that keep the actor busy for longer than a slice, but not for as long as an actor takes to start."""
    monkeypatch.setattr(ray_pool, "PATIENCE_S", LATE_S)
    await asyncio.gather(*(asked(pool, n, sleep_s=0.01) for n in range(30)))
    assert len(actors.made) == 1


async def test_one_that_kills_is_asked_twice_and_nobody_pays_for_it(
    pool: ray_pool.RayPool, actors: Actors, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ray_pool, "SLICE_S", LATE_S)
    monkeypatch.setattr(ray_pool, "PATIENCE_S", LATE_S)
    steps = [asked(pool, n, kills=n == 2) for n in range(6)]
    answers = await asyncio.wait_for(asyncio.gather(*steps, return_exceptions=True), LATE_S)
    assert [answer for n, answer in enumerate(answers) if n != 2] == [b"0", b"1", b"3", b"4", b"5"]
    assert isinstance(answers[2], StepError)
    assert str(answers[2]) == "desk 2 died twice at one step"
    assert answers[2].retry
    assert actors.played.count(2) == 2
    assert actors.calls[0] == [0, 1, 2, 3, 4, 5]
    assert all(len(call) == 1 for call in actors.calls[1:]), "what was lost is asked alone"


async def test_one_that_hangs_in_company_is_told_from_the_others(
    pool: ray_pool.RayPool, actors: Actors, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the interpreter held, so that the actor cannot even say what it has begun: as a slice that never ends."""
    await asked(pool, 9)
    monkeypatch.setattr(ray_pool, "SLICE_S", LATE_S)
    monkeypatch.setattr(ray_pool, "SILENCE_S", 0.5)
    pool.limit_s = 6.0
    steps = [asked(pool, n, held=n == 1) for n in range(3)]
    answers = await asyncio.wait_for(asyncio.gather(*steps, return_exceptions=True), LATE_S)
    assert answers[0] == b"0"
    assert str(answers[1]) == "desk 1 gave no answer within 6 s"
    assert answers[2] == b"2"


async def test_a_cluster_that_is_gone_is_said_to_all(
    pool: ray_pool.RayPool, actors: Actors, cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ray_pool, "PATIENCE_S", LATE_S)
    await asked(pool, 9)
    steps = [asked(pool, 0, held=True), asked(pool, 1)]
    await until(lambda: 0 in actors.played)
    cluster.gone = True
    actors.made[0].dead.set()
    answers = await asyncio.wait_for(asyncio.gather(*steps, return_exceptions=True), LATE_S)
    assert [type(answer) for answer in answers] == [ExecutorError, ExecutorError]


async def test_actors_that_never_start_end_the_step(pool: ray_pool.RayPool, actors: Actors) -> None:
    actors.refuses = 1
    assert await asked(pool, 0) == b"0", "one may fail"
    await asyncio.sleep(0)
    actors.refuses = 100
    actors.made[-1].dead.set()
    with pytest.raises(StepError, match="desk 1 died twice"):
        await asked(pool, 1)
    assert len(actors.made) <= 4


async def test_what_nobody_waits_for_is_not_sent(pool: ray_pool.RayPool, actors: Actors) -> None:
    slow = asked(pool, 0, sleep_s=1.0)
    await until(lambda: actors.played == [0])
    left = asked(pool, 1)
    await asyncio.sleep(0)
    left.cancel()
    assert await slow == b"0"
    assert await asked(pool, 2) == b"2"
    assert 1 not in actors.played


async def test_closing_tells_what_waits(
    pool: ray_pool.RayPool, actors: Actors, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ray_pool, "PATIENCE_S", LATE_S)
    steps = [asked(pool, 0, held=True), asked(pool, 1)]
    await until(lambda: 0 in actors.played)
    await pool.close()
    for answer in await asyncio.gather(*steps, return_exceptions=True):
        assert isinstance(answer, StepError)
        assert str(answer) == "the desks are closed"
    with pytest.raises(StepError, match="closed"):
        await asked(pool, 2)


def test_an_error_of_the_species_does_not_end_the_actor(monkeypatch: pytest.MonkeyPatch) -> None:
    """Through `served` itself: the thread goes on."""
    monkeypatch.setattr(ray_pool, "SLICE_S", LATE_S)
    actor = ray_pool.DeskActor("orgruntime.testing.conformance.desks:scripted")
    for _ in range(2):
        answers, begun = actor.serve([b"no request"])
        assert not begun
        with pytest.raises(StepError, match="the species failed"):
            desk_wire.unpacked(answers[0])
