"""How much device time of the climb long shots and safe bets were given, for the policy to deal out the next of it.

Works in memory, from what this driver starts and settles. Does not decide. Invariant: what runs counts at its worst
case, what is settled at what it took; a share that changes (and a new driver) begins with clean books, so that nobody
is owed what an earlier share would have given.
"""

from __future__ import annotations

from orgruntime.model.amounts import Amounts
from orgruntime.runtime.board import Order
from orgruntime.scheduler.decide import CLIMB
from orgruntime.scheduler.sleeves import Sleeves, share_of_long_shots


class SleeveBook:
    """One a run, in the driver."""

    def __init__(self, exploration: float, since_kept: int) -> None:
        """`since_kept`: proposals that were measured since the last one that moved the lead."""
        self._exploration = exploration
        self.since_kept = since_kept
        self.given = Sleeves()

    def start(self, order: Order) -> None:
        self._give(order, order.device_ms)

    def settle(self, order: Order, used: Amounts) -> None:
        """`used`: what the attempt held in the end."""
        self._give(order, used.device_ms - order.device_ms)

    def judge(self, *, kept: bool, at_once: int) -> None:
        """A proposal has its verdict. `at_once`: trials that the fleet can run."""
        before = share_of_long_shots(self._exploration, self.since_kept, at_once)
        self.since_kept = 0 if kept else self.since_kept + 1
        if share_of_long_shots(self._exploration, self.since_kept, at_once) != before:
            self.given = Sleeves()

    def _give(self, order: Order, cost: float) -> None:
        if order.purpose in CLIMB:
            self.given = self.given.given(order.sleeve, cost)
