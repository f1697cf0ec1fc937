"""The money of a simulated run: what is spent, what is held, what each purpose took.

Works on amounts as plain integers. Does not know codes or seeds. Invariant: spent + held never passes a bound, and what
an attempt is charged is at most what was held for it.
"""

from __future__ import annotations

from dataclasses import dataclass

from orgruntime.model.amounts import UNITS, Amounts, Budget
from orgruntime.model.manifest import Resources
from orgruntime.model.research import RiskClass
from orgruntime.model.trial import Purpose
from orgruntime.scheduler.decide import CLIMB
from orgruntime.scheduler.sleeves import Sleeves

WALL = "wall_ms"


@dataclass(frozen=True)
class Held:
    """What was held for one attempt."""

    purpose: Purpose
    sleeve: RiskClass
    epoch: int
    share: float
    """What long shots were to have then."""


class Books:
    """Every trial holds the same worst case."""

    def __init__(self, budget: Budget, resources: Resources, time_limit_s: float) -> None:
        self._resources = resources
        self.cap = resources.cost(time_limit_s)
        self._cap: dict[str, int] = {unit: getattr(self.cap, unit) for unit in UNITS}
        self._bounds: dict[str, int] = {unit: bound for unit, bound in budget.bounds().items() if bound > 0}
        self._refused = {unit: 0 for unit, bound in budget.bounds().items() if bound == 0}
        self._wall_ms = budget.wall_ms
        self._spent = dict.fromkeys(UNITS, 0)
        self._held = 0
        self.sleeves = Sleeves()
        self.epoch = 0
        """Of the sleeves: they begin again whenever the share of long shots changes."""
        self._share = 0.0
        self._target_ms = 0.0
        self.device_ms: dict[str, float] = {}
        """Account → device time."""
        self.climb_ms = {sleeve: 0.0 for sleeve in RiskClass}
        """Of all trials of the climb, whatever became of them."""
        self.largest_bite = 0.0
        """The most that a trial of the climb held of what was left when it was started."""
        self.overspent = False

    @property
    def worst_ms(self) -> float:
        return float(self.cap.gpu_ms or self.cap.cpu_ms)

    def left(self, now_s: float) -> dict[str, int]:
        """Bound − spent − held."""
        found = {unit: max(0, bound - self._taken(unit)) for unit, bound in self._bounds.items()} | self._refused
        return found if self._wall_ms is None else {**found, WALL: max(0, self._wall_ms - round(now_s * 1000))}

    def used(self, now_s: float) -> dict[str, float]:
        """(Spent + held) / bound."""
        found = {unit: min(1.0, self._taken(unit) / bound) for unit, bound in self._bounds.items()}
        return found if self._wall_ms is None else {**found, WALL: min(1.0, now_s * 1000 / self._wall_ms)}

    def share_is(self, share: float) -> None:
        """What long shots are to have from now on."""
        if share != self._share:
            self._share, self.sleeves, self.epoch = share, Sleeves(), self.epoch + 1

    def hold(self, purpose: Purpose, sleeve: RiskClass) -> Held:
        """A trial is started; what is returned settles it."""
        if purpose in CLIMB:
            self.largest_bite = max(self.largest_bite, self._bite())
            self.sleeves = self.sleeves.given(sleeve, self.worst_ms)
        self._held += 1
        self.overspent |= any(self._taken(unit) > bound for unit, bound in self._bounds.items())
        return Held(purpose, sleeve, self.epoch, self._share)

    def settle(self, held: Held, seconds: float, account: str, *, counts: bool) -> None:
        """A trial has ended after so long. `counts`: as a trial, which what the cluster lost does not."""
        used = self._resources.cost(seconds)
        device = float(used.gpu_ms or used.cpu_ms)
        self._held -= 1
        self._spend(used, counts=counts)
        self.device_ms[account] = self.device_ms.get(account, 0.0) + device
        if held.purpose in CLIMB:
            self.climb_ms[held.sleeve] += device
            self._target_ms += held.share * device
            if held.epoch == self.epoch:
                self.sleeves = self.sleeves.given(held.sleeve, device - self.worst_ms)

    @property
    def exploring_share(self) -> float:
        """Of the climb."""
        return self.climb_ms[RiskClass.EXPLORE] / (sum(self.climb_ms.values()) or 1.0)

    @property
    def exploring_target(self) -> float:
        """What it was to be."""
        return self._target_ms / (sum(self.climb_ms.values()) or 1.0)

    def shares(self) -> dict[str, float]:
        """Account → share of all device time."""
        spent = sum(self.device_ms.values()) or 1.0
        return {account: device / spent for account, device in self.device_ms.items()}

    def _spend(self, used: Amounts, *, counts: bool) -> None:
        for unit in UNITS:
            self._spent[unit] += getattr(used, unit) if counts or unit != "trials" else 0

    def _taken(self, unit: str) -> int:
        return self._spent[unit] + self._held * self._cap[unit]

    def _bite(self) -> float:
        """Of the units that can be divided."""
        return max(
            (
                self._cap[unit] / (bound - self._taken(unit))
                for unit, bound in self._bounds.items()
                if unit != "trials" and bound > self._taken(unit)
            ),
            default=0.0,
        )
