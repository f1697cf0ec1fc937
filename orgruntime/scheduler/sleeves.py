"""Exploration: two sleeves of device time, one for long shots and one for the rest, and whose turn it is.

Works on milliseconds of device time. Does not know trials or ideas. Source: deficit round-robin (Shreedhar and Varghese
1995) over a two-part portfolio of exploration and exploitation (March 1991).

Invariants: while both sleeves have work, neither is ever further from its share than what one trial costs; while one of
them has none, the other gets everything.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from orgruntime.model.research import RiskClass

STUCK_AFTER = 12
"""Settled proposals without a kept one that count as being stuck; each further dozen doubles the share once more."""
MOST = 0.8
"""A lab that only takes long shots builds on nothing: at .9 the simulated gain fell again."""


@dataclass(frozen=True)
class Sleeves:
    """Device time that each sleeve was given since its share last changed. Reserved worst cases count as given, and are
    corrected when they are settled."""

    explore: float = 0.0
    exploit: float = 0.0

    @property
    def total(self) -> float:
        return self.explore + self.exploit

    def given(self, sleeve: RiskClass, cost: float) -> Sleeves:
        """After `cost` more (a refund is negative) for one of them."""
        if sleeve is RiskClass.EXPLORE:
            return Sleeves(max(0.0, self.explore + cost), self.exploit)
        return Sleeves(self.explore, max(0.0, self.exploit + cost))


def share_of_long_shots(exploration: float, since_kept: int, at_once: int = 1) -> float:
    """The dial's share now. `since_kept`: settled proposals since the last one that was kept.

    Where more than a dozen run `at_once`, as many as that count instead: those that were under way when the lead moved
    say nothing of where it stands now.
    """
    doubled = exploration * 2.0 ** min(since_kept // max(STUCK_AFTER, at_once), 30)
    return min(max(MOST, exploration), doubled)


def deficit(sleeves: Sleeves, share: float, sleeve: RiskClass, cost: float) -> float:
    """What a sleeve would still be owed, were it given nothing of the next `cost`: share × (total + cost) − given."""
    part, given = (share, sleeves.explore) if sleeve is RiskClass.EXPLORE else (1.0 - share, sleeves.exploit)
    return part * (sleeves.total + cost) - given


def turn(sleeves: Sleeves, share: float, costs: Mapping[RiskClass, float]) -> RiskClass:
    """Whose trial is next. `costs`: what the first waiting trial of each sleeve that has one would cost.

    Raises ValueError where nothing waits.
    """
    if not costs:
        raise ValueError("no sleeve has a trial that waits")
    if len(costs) == 1:
        return next(iter(costs))
    largest = max(costs.values())
    explore, exploit = (deficit(sleeves, share, one, largest) for one in (RiskClass.EXPLORE, RiskClass.EXPLOIT))
    return RiskClass.EXPLORE if explore > exploit else RiskClass.EXPLOIT


def wanted_next(sleeves: Sleeves, share: float, cost: float, count: int) -> int:
    """Of the next `count` trials of equal cost, how many must be long shots for the shares to hold."""
    explore = 0
    for _ in range(count):
        chosen = turn(sleeves, share, {RiskClass.EXPLORE: cost, RiskClass.EXPLOIT: cost})
        explore += chosen is RiskClass.EXPLORE
        sleeves = sleeves.given(chosen, cost)
    return explore
