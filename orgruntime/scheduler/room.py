"""What one tick may still start: free places and money, as trials take of them one after the other.

Works on wanted trials. Does not know order or shares. Invariant: what was taken together fits the free places and what
is left of every bound, and each trial of the climb the stake of what those before it left.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from orgruntime.model.amounts import UNITS
from orgruntime.model.trial import Purpose
from orgruntime.scheduler.waiting import Wanted

CLIMB = (Purpose.SCREEN, Purpose.PROBE)
"""What exploration is made of: held and given up with it."""


@dataclass
class Room:
    """What one tick may still start."""

    free: dict[str, int]
    left: dict[str, int]
    stake: float

    def holds(self, wanted: Wanted) -> bool:
        """Of what the trials before it in this tick have left."""
        return self.free.get(wanted.shape, 0) >= 1 and self.pays(wanted)

    def pays(self, wanted: Wanted) -> bool:
        if not fits(wanted, self.left):
            return False
        return wanted.purpose not in CLIMB or within_stake(wanted, self.stake, self.left)

    def take(self, wanted: Wanted) -> None:
        """Its place and its worst case are gone."""
        self.free[wanted.shape] -= 1
        for unit, cost in wanted.costs().items():
            if unit in self.left and unit != "wall_ms":
                self.left[unit] -= cost

    @property
    def is_open(self) -> bool:
        return any(self.free.values())


def fits(wanted: Wanted, left: Mapping[str, int]) -> bool:
    return all(cost <= left[unit] for unit, cost in wanted.costs().items() if unit in left)


def within_stake(wanted: Wanted, stake: float, left: Mapping[str, int]) -> bool:
    return all(getattr(wanted.cap, unit) <= stake * left[unit] for unit in UNITS if unit != "trials" and unit in left)
