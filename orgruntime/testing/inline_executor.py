"""An executor without a cluster: a script says how each attempt ends.

Works on attempts and virtual slots; does not know processes. Invariant: as the port demands, every attempt that was
submitted yields exactly one outcome, a cancelled one too.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence

from orgruntime.model.fleet import Fleet, Node
from orgruntime.model.ids import AttemptId
from orgruntime.model.manifest import Resources
from orgruntime.model.placement import side_by_side, suits
from orgruntime.model.trial import Ending, TrialOutcome, TrialProgress, TrialSpec
from orgruntime.runtime.mailbox import Mailbox
from orgruntime.runtime.ports import ExecutorError

Script = Callable[[TrialSpec], TrialOutcome | Awaitable[TrialOutcome]]
"""How an attempt ends. An awaitable holds its slot until it is done, and may be cancelled meanwhile."""

ENVIRONMENT = {"python": "0.0", "platform": "make-believe"}
"""Of every virtual node."""


class InlineExecutor:
    def __init__(self, script: Script, *, nodes: int = 1, cpus: float = 4.0, gpus: int = 0) -> None:
        """`nodes` equal virtual nodes. An exception of the script is an infrastructure failure. A gang is played once,
        and takes of as many nodes as it spans."""
        self._script = script
        self._nodes = tuple(
            Node(id=f"node-{i}", address=f"10.0.0.{i}", cpus=cpus, gpus=gpus, memory_mb=1 << 20) for i in range(nodes)
        )
        self._running: dict[AttemptId, tuple[TrialSpec, tuple[int, ...]]] = {}
        self._tasks: dict[AttemptId, asyncio.Task[None]] = {}
        self._done: list[TrialOutcome] = []
        self._news = asyncio.Event()
        self._points: Mailbox[TrialProgress] = Mailbox()
        self._rungs: dict[AttemptId, list[float]] = {}
        self._closed = False
        self.asked_for: list[Resources] = []
        """What the run would hold at once, by its last word."""
        self.submitted: list[TrialSpec] = []
        """Every attempt, in order."""

    async def start(self) -> Fleet:
        return self.fleet()

    def fleet(self) -> Fleet:
        kinds = {node.address: {**ENVIRONMENT, "accelerator": node.accelerator or "none"} for node in self._nodes}
        return Fleet(nodes=self._nodes, isolation="none", simulated=True, environments=kinds)

    def fits(self, shape: Resources) -> bool:
        return side_by_side([_count(node, shape, []) for node in self._nodes], shape.nodes) > 0

    def free_slots(self, shape: Resources) -> int:
        if self._closed:
            return 0
        counts = [_count(node, shape, self._on(index)) for index, node in enumerate(self._nodes)]
        return side_by_side(counts, shape.nodes)

    def submit(self, specs: Sequence[TrialSpec]) -> None:
        for spec in specs:
            self.submitted.append(spec)
            free = [i for i, node in enumerate(self._nodes) if _count(node, spec.resources, self._on(i)) > 0]
            if len(free) < spec.resources.nodes:
                outcome = TrialOutcome(attempt=spec.attempt, ending=Ending.NEVER_STARTED, wall_s=0, detail="no room")
                self._queue(outcome)
                continue
            self._running[spec.attempt] = (spec, tuple(free[: spec.resources.nodes]))
            self._rungs[spec.attempt] = list(spec.rungs)
            self._tasks[spec.attempt] = asyncio.get_running_loop().create_task(self._play(spec))

    async def ask_for(self, shapes: Sequence[Resources]) -> None:
        self.asked_for = list(shapes)

    async def outcomes(self) -> list[TrialOutcome]:
        while not self._done:
            if self._closed:
                raise ExecutorError("the executor is closed")
            self._news.clear()
            await self._news.wait()
        done, self._done = self._done, []
        return done

    async def progress(self) -> list[TrialProgress]:
        return await self._points.take()

    def tell(self, attempt: AttemptId, *points: tuple[float, float]) -> None:
        """To be called by a script whose attempt runs: what a progress line of it would say."""
        rungs = self._rungs.get(attempt, [])
        reached = [rung for rung in rungs if any(at >= rung - 1e-9 for at, _ in points)]
        if reached:
            self._rungs[attempt] = [rung for rung in rungs if rung not in reached]
            self._points.put(TrialProgress(attempt=attempt, points=points))

    async def cancel(self, attempts: Sequence[AttemptId]) -> None:
        for attempt in attempts:
            if attempt in self._running:
                self._tasks[attempt].cancel()
                self._finish(TrialOutcome(attempt=attempt, ending=Ending.CANCELLED, wall_s=0))

    async def close(self) -> None:
        self._closed = True
        for task in self._tasks.values():
            task.cancel()
        await asyncio.gather(*self._tasks.values(), return_exceptions=True)
        self._news.set()

    async def _play(self, spec: TrialSpec) -> None:
        # A real outcome never comes before `submit` has returned.
        await asyncio.sleep(0)
        try:
            result = self._script(spec)
            outcome = await result if isinstance(result, Awaitable) else result
        except Exception as error:
            outcome = TrialOutcome(
                attempt=spec.attempt, ending=Ending.INFRASTRUCTURE, wall_s=0, detail=f"the script failed: {error!r}"
            )
        self._finish(outcome)

    def _finish(self, outcome: TrialOutcome) -> None:
        self._rungs.pop(outcome.attempt, None)
        if self._running.pop(outcome.attempt, None) is not None:
            self._tasks.pop(outcome.attempt, None)
            self._queue(outcome)

    def _queue(self, outcome: TrialOutcome) -> None:
        self._done.append(outcome)
        self._news.set()

    def _on(self, node: int) -> list[Resources]:
        return [spec.resources for spec, where in self._running.values() if node in where]


def _count(node: Node, shape: Resources, held: Sequence[Resources]) -> int:
    """How many more fit, counting sums only: where fractions of GPUs lie is for real executors to know."""
    counts = [64]
    for wanted, total, used in (
        (shape.cpus, node.cpus, sum(one.cpus for one in held)),
        (shape.gpus, node.gpus, sum(one.gpus for one in held)),
        (float(shape.memory_mb or 0), float(node.memory_mb), float(sum(one.memory_mb or 0 for one in held))),
    ):
        if wanted:
            counts.append(int((total - used) / wanted + 1e-6))
    return max(0, min(counts)) if suits(node, shape) else 0
