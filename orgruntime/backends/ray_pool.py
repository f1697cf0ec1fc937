"""Steps of species that answer in one go, on a Ray cluster: a few actors for all desks.

Works on requests as bytes (`desk_wire`) and on actors that the caller's cluster starts. Does not know roles or desks: a
species keeps no state between steps, so any actor can serve any step. One actor a desk would cost more than a second of
work each at the start and a call of Ray's (2 ms of work, more than most steps) for each step; here what waits goes
along in one call, and another actor is started only where steps are long.

Invariants: a step that takes long holds up no other for longer than that and the start of an actor; a step is asked at
most twice, and the second time alone in its actor, so that no step pays twice for another that kills; what waits is
answered, or told why not.
"""

from __future__ import annotations

import asyncio
import os
import threading
import time
from collections import deque
from collections.abc import Callable, Coroutine, MutableSequence, Sequence
from typing import Any

import ray
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from orgruntime.backends.desk_wire import resolved, served
from orgruntime.runtime.ports import StepError

PATIENCE_S = 1.0
"""A step that has waited so long for actors that all work gets one more: as long as that takes to start."""
SLICE_S = 0.02
"""An actor that has worked for so long on what it was sent gives back what it has not begun. What has waited so long
goes to any idle actor; before, to none but the first, where most steps take less and others can go along."""
SILENCE_S = 60.0
"""An actor that does not even say what it has begun, because a step keeps its interpreter, goes after so long."""
MOST = 16
"""Steps in one call."""

Insist = Callable[[Exception | None], None]
"""Raises ExecutorError when the cluster is gone."""


class DeskActor:
    """The actor. Ray calls one method at a time; the work is a thread's, so that an answer need not wait for it."""

    def __init__(self, species: str) -> None:
        self._lookup = resolved(species)
        self._changed = threading.Condition()
        self._waiting: deque[bytes] = deque()
        self._answers: list[bytes] = []
        self._works = False
        threading.Thread(target=self._work, daemon=True).start()

    def serve(self, requests: list[bytes]) -> tuple[list[bytes], bool]:
        """Answers to the first of the requests, and whether the next is begun: `rest` waits for its answer. Those after
        it are given back."""
        with self._changed:
            self._waiting.extend(requests)
            self._changed.notify_all()
            self._changed.wait_for(lambda: len(self._answers) == len(requests), SLICE_S)
            while not self._works and not self._answers:
                # The thread had no turn yet, and tells of no beginning.
                self._changed.wait(SLICE_S)
            self._waiting.clear()
            return self._taken(), self._works

    def rest(self) -> bytes:
        with self._changed:
            self._changed.wait_for(lambda: not self._works)
            return self._taken()[0]

    def open(self) -> None:
        """Answers once it is there."""

    def _taken(self) -> list[bytes]:
        answers, self._answers = self._answers, []
        return answers

    def _work(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: bool(self._waiting))
                request, self._works = self._waiting.popleft(), True
            try:
                answer = served(self._lookup, request)
            except BaseException:
                # As it would end an actor's method: the driver is to hear of a death, not to wait for a thread.
                os._exit(1)
            with self._changed:
                self._answers.append(answer)
                self._works = False
                if not self._waiting:
                    self._changed.notify_all()


class _Asked:
    """A step that waits for its answer."""

    def __init__(self, request: bytes, who: str, future: asyncio.Future[bytes]) -> None:
        self.request, self.who, self.future = request, who, future
        self.since = time.monotonic()
        self.lost = 0
        """How often an actor died that had it."""


class _Worker:
    """An actor as the driver sees it."""

    def __init__(self, actor: Any) -> None:
        self.actor = actor
        self.asked: list[_Asked] = []
        """What it was sent and has not answered."""
        self.ready = False


class RayPool:
    """`species` names the lookup as `module:function`. Belongs to one event loop."""

    def __init__(self, species: str, limit_s: float, insist: Insist) -> None:
        self.limit_s = limit_s
        self._species = species
        self._insist = insist
        self._workers: list[_Worker] = []
        self._waiting: deque[_Asked] = deque()
        self._tasks: set[asyncio.Task[None]] = set()
        self._due = False
        self._alarm: asyncio.TimerHandle | None = None
        self._closed = False

    def warm(self) -> None:
        """Starts the first actor (about a second of work) without waiting for it."""
        if not self._workers:
            self._start()

    async def ask(self, request: bytes, who: str) -> bytes:
        """The answer to one step; `who` is named in errors. Raises StepError, and what `insist` raises."""
        if self._closed:
            raise StepError("the desks are closed")
        loop = asyncio.get_running_loop()
        asked = _Asked(request, who, loop.create_future())
        self._waiting.append(asked)
        if not self._due:
            # In the loop's next round: what else is asked in this one goes along.
            self._due = True
            loop.call_soon(self._dispatch)
        return await asked.future

    async def close(self) -> None:
        self._closed = True
        if self._alarm is not None:
            self._alarm.cancel()
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for worker in list(self._workers):
            self._bury(worker)
            self._fail(worker.asked, StepError("the desks are closed"))
        self._fail(self._waiting, StepError("the desks are closed"))

    def _dispatch(self) -> None:
        """Gives what waits to the actors that have nothing to do."""
        self._due = False
        if self._closed:
            return
        self._waiting = deque(asked for asked in self._waiting if not asked.future.done())
        while self._waiting and (worker := self._free(time.monotonic() - self._waiting[0].since)):
            worker.asked = self._batch()
            self._spawn(self._served(worker))
        if self._waiting and self._alarm is None:
            waited_s = time.monotonic() - self._waiting[0].since
            again_s = SLICE_S if waited_s < SLICE_S else max(SLICE_S, PATIENCE_S - waited_s)
            self._alarm = asyncio.get_running_loop().call_later(again_s, self._look_again)

    def _free(self, waited_s: float) -> _Worker | None:
        """An actor for what has waited so long. Starts one where there is none to wait for."""
        idle = [worker for worker in self._workers if worker.ready and not worker.asked]
        if idle and (idle[0] is self._workers[0] or waited_s >= SLICE_S):
            return idle[0]
        starts = any(not worker.ready for worker in self._workers)
        if not starts and (not self._workers or (not idle and waited_s >= PATIENCE_S)):
            try:
                self._start()
            except Exception as error:
                self._fail(self._waiting, error)
        return None

    def _batch(self) -> list[_Asked]:
        batch = [self._waiting.popleft()]
        while not batch[0].lost and len(batch) < MOST and self._waiting and not self._waiting[0].lost:
            batch.append(self._waiting.popleft())
        return batch

    def _look_again(self) -> None:
        self._alarm = None
        self._dispatch()

    async def _opened(self, worker: _Worker) -> None:
        try:
            async with asyncio.timeout(self.limit_s):
                await worker.actor.open.remote()
            worker.ready = True
        except Exception as error:
            self._bury(worker)
            if not self._workers:
                # Nobody else can serve what waits: it has died with this one.
                worker.asked.extend(self._waiting)
                self._waiting.clear()
                self._lost(worker, error)
        self._dispatch()

    async def _served(self, worker: _Worker) -> None:
        """Sends an actor what it was given, and takes its answers."""
        try:
            alone = len(worker.asked) == 1
            async with asyncio.timeout(self.limit_s if alone else min(self.limit_s, SILENCE_S)):
                answers, begun = await worker.actor.serve.remote([asked.request for asked in worker.asked])
            self._answered(worker, answers)
            self._waiting.extendleft(reversed(worker.asked[int(begun) :]))
            del worker.asked[int(begun) :]
            if begun:
                self._dispatch()
                async with asyncio.timeout(self.limit_s):
                    self._answered(worker, [await worker.actor.rest.remote()])
        except Exception as error:
            # Whatever it was: a step without an answer would be waited for for ever.
            self._bury(worker)
            self._lost(worker, error)
        self._dispatch()

    def _answered(self, worker: _Worker, answers: Sequence[bytes]) -> None:
        for asked, answer in zip(worker.asked, answers, strict=False):
            if not asked.future.done():
                asked.future.set_result(answer)
        del worker.asked[: len(answers)]

    def _lost(self, worker: _Worker, cause: Exception) -> None:
        """Of several steps that one hung or died with, nobody knows which did it: each is asked again, alone."""
        if isinstance(cause, TimeoutError):
            if len(worker.asked) == 1:
                self._fail(worker.asked, f"gave no answer within {self.limit_s:g} s")
        else:
            try:
                self._insist(cause)
            except Exception as error:
                self._fail(worker.asked, error)
        for asked in worker.asked:
            asked.lost += 1
        again = [asked for asked in worker.asked if asked.lost == 1]
        self._fail([asked for asked in worker.asked if asked.lost > 1], "died twice at one step")
        self._waiting.extendleft(reversed(again))

    def _fail(self, steps: MutableSequence[_Asked], why: str | Exception) -> None:
        for asked in steps:
            if not asked.future.done():
                error = why if isinstance(why, Exception) else StepError(f"{asked.who} {why}", retry=True)
                asked.future.set_exception(error)
        steps.clear()

    def _start(self) -> None:
        # Ray would start a cluster of its own where there is none, and wait for ever for a node that is dead.
        self._insist(None)
        worker = _Worker(_actor().remote(self._species))
        self._workers.append(worker)
        self._spawn(self._opened(worker))

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _bury(self, worker: _Worker) -> None:
        if worker in self._workers:
            self._workers.remove(worker)
        if ray.is_initialized():
            ray.kill(worker.actor)


def _actor() -> Any:
    """On the driver's node: a desk imports this package, which other nodes need not have, and needs no resources."""
    here = NodeAffinitySchedulingStrategy(ray.get_runtime_context().get_node_id(), soft=False)
    options: dict[str, Any] = {"num_cpus": 0, "max_restarts": 0, "max_task_retries": 0, "scheduling_strategy": here}
    return ray.remote(**options)(DeskActor)
