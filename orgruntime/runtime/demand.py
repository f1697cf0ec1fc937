"""Room that is missing: what a growing cluster is asked for, and the sentence that says what a run waits for.

Works on the board and the fleet; starts nothing. Invariant: a run in which nothing runs though trials wait says what it
waits for, once for each thing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from orgruntime.model.manifest import Resources
from orgruntime.model.placement import nearest_miss, room
from orgruntime.runtime.board import shape_name
from orgruntime.runtime.events import EventKind
from orgruntime.runtime.lab import Lab

LOOK_S = 2.0
PATIENCE_S = 10.0
"""Nothing has run for so long: more than a lease takes to start."""
MOST_ASKED = 1000
"""Trials that a cluster is asked to hold at once."""
CLUSTER = "cluster"
"""Whose activity the sentence is, in `status`."""


class Demand:
    """One a run, in the driver."""

    def __init__(self, lab: Lab, held: Callable[[], str] = lambda: "") -> None:
        """`held`: what else the run waits for, in words, in spite of room; it is told by whoever knows it."""
        self._lab, self._held = lab, held
        self._asked: list[str] = []
        self._idle_s = 0.0

    async def follow(self) -> None:
        """For ever."""
        while True:
            await self.look()
            await self._lab.ports.clock.sleep(LOOK_S)

    async def look(self) -> None:
        board = self._lab.board
        waiting = [order.resources for order in board.orders.values()]
        await self._ask(waiting, (order.resources for order in board.started.values()))
        held = self._held()
        self._idle_s = self._idle_s + LOOK_S if waiting and not board.started and not held else 0.0
        if held:
            self._lab.doing[CLUSTER] = held
        elif self._idle_s < PATIENCE_S:
            self._lab.doing.pop(CLUSTER, None)
        else:
            self._say(waiting)

    async def _ask(self, waiting: list[Resources], running: Iterable[Resources]) -> None:
        """Only while something waits: what merely runs has its room."""
        shapes = [*running, *waiting][:MOST_ASKED] if waiting else []
        names = sorted(map(shape_name, shapes))
        if names != self._asked:
            self._asked = names
            await self._lab.ports.executor.ask_for(shapes)

    def _say(self, waiting: list[Resources]) -> None:
        nodes = self._lab.ports.executor.fleet().nodes
        missing = next((shape for shape in waiting if not room(nodes, shape)), None)
        who = "1 trial waits" if len(waiting) == 1 else f"{len(waiting)} trials wait"
        if missing is None:
            said = f"{who} for room that others hold in the cluster"
        else:
            said = f"{who} for a node: {nearest_miss(missing, nodes)}"
        if self._lab.doing.get(CLUSTER) != said:
            self._lab.doing[CLUSTER] = said
            self._lab.tell(EventKind.NOTICE, said)
