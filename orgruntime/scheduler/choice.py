"""Who of a panel takes a role's next step: in turn, by shares, or by results.

Works on counts, gains in noise sd and what was spent. Does not know ledgers, models or time of day. Invariants: pure
(the same records, the same pick); with shares each member's count stays within one step of its share at every moment;
by results every member is tried first, and none falls below its minimum afterwards.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import sqrt
from statistics import NormalDist, fmean

FIRST_TRIES = 3
"""Steps of each member before results count."""
LEAST_SHARE = 0.2
"""Of the role's steps, evenly among the members, for ever: gains change while the lead climbs, so judgements are
renewed."""
GPU_HOUR_USD, CPU_HOUR_USD = 2.50, 0.05
"""What device time is taken to be worth beside the dollars of model calls: list prices of an H100-class GPU and of a
core by the hour. Only their ratio to the models' prices matters."""
LEAST_COST = 0.25
"""Of what a step usually costs in the panel: a member that costs less is taken to cost this much, so that what is free
does not win by being free."""


@dataclass(frozen=True)
class Record:
    """What is known of one member of a panel, for one role."""

    name: str
    steps: int = 0
    """Given to it so far, those under way included."""
    pending: int = 0
    """Of its newest steps: those whose result is not known yet."""
    gains: tuple[float, ...] = ()
    """Of its newest steps with a known result: what its proposal gained over the lead of its time, in noise sd; 0 where
    the step brought no number."""
    usd: float = 0.0
    gpu_s: float = 0.0
    cpu_s: float = 0.0
    """Over all its steps: its model calls, and the trials of its proposals."""

    @property
    def cost(self) -> float:
        """Dollars of all its steps."""
        return self.usd + self.gpu_s * GPU_HOUR_USD / 3600 + self.cpu_s * CPU_HOUR_USD / 3600


@dataclass(frozen=True)
class Pick:
    name: str
    reason: str
    numbers: Mapping[str, float | int | str] = field(default_factory=dict)


def in_turn(names: Sequence[str], desk: int) -> str:
    """Desk i is served by member i, and round again."""
    return names[desk % len(names)]


def by_shares(shares: Mapping[str, float], steps: Mapping[str, int]) -> Pick:
    """The member that gets the next step, so that no count is ever a whole step away from its share.

    `shares` are of any sum, and a share of 0 gets nothing; `steps` are what each was given so far. The rule is that of
    R. Tijdeman, The chairman assignment problem, Discrete Mathematics 32 (1980). With n members, shares w and
    δ = 1/(2n − 2): of those with w·t − count ≥ δ at step t, the one whose (1 − δ − (w·t − count))/w is least; then
    |w·t − count| ≤ 1 − δ for all t. The largest deficit first, w·t − count alone, does not keep that for three members
    and more.
    """
    total = sum(shares.values())
    weights = {name: share / total for name, share in shares.items() if share > 0}
    step, slack = sum(steps.get(name, 0) for name in weights) + 1, 1 / max(1, 2 * len(weights) - 2)
    deficits = {name: weight * step - steps.get(name, 0) for name, weight in weights.items()}
    behind = [name for name in weights if deficits[name] >= slack - _ROUNDING] or list(weights)
    name = min(behind, key=lambda one: round((1 - slack - deficits[one]) / weights[one], 9))
    reason = f"it has had {steps.get(name, 0)} of {step - 1} steps, and its share is {weights[name]:.0%}"
    return Pick(name, reason, {"share": weights[name], "deficit": deficits[name]})


def by_results(panel: Sequence[Record], quantile: float) -> Pick:
    """The member with the largest gain for its cost, judged by a quantile of what its gain may be.

    The gain g of a step counts as max(g, 0): what is worse than the lead is discarded, and costs what it costs. With
    n known steps of mean m, the mean gain of a member is Normal with

        mean (m0 + n·m) / (1 + n)     variance s² / (1 + n + pending)

    m0 the mean of the members' means, s² that of their variances (each with a prior observation of 1 noise sd): the
    unit-information prior (Kass and Wasserman, JASA 90, 1995), that is, what is usual in the panel as one step of each.
    Steps under way narrow the variance and leave the mean (Desautels, Krause and Burdick, JMLR 15, 2014), so that desks
    that choose at once spread. Judged is the `quantile` (the optimism dial; Bayes-UCB with a fixed quantile, Kaufmann,
    Cappé and Garivier, AISTATS 2012), divided by the mean cost of a step, itself drawn to the panel's mean by one
    step. Ties go to the cheaper, then to whoever had fewer steps, then to the order of the panel.
    """
    behind = _below_minimum(panel)
    if behind is not None:
        return behind
    judged = _judged(panel, quantile)
    best = min(range(len(panel)), key=lambda i: (-round(judged[i].score, 12), judged[i].cost, panel[i].steps, i))
    name, one = panel[best].name, judged[best]
    reason = (
        f"at quantile {quantile:g} a step may gain {one.bound:.3g} sd for {one.cost:.3g} dollars: the most of"
        f" {len(panel)} models"
    )
    numbers: dict[str, float | int | str] = {"quantile": quantile}
    for record, each in zip(panel, judged, strict=True):
        numbers |= {f"{record.name}: gain": each.mean, f"{record.name}: bound": each.bound}
        numbers |= {f"{record.name}: cost": each.cost, f"{record.name}: steps": record.steps}
    return Pick(name, reason, numbers)


_ROUNDING = 1e-9


@dataclass(frozen=True)
class _Judged:
    mean: float
    bound: float
    """The quantile of the mean gain, in noise sd."""
    cost: float

    @property
    def score(self) -> float:
        return self.bound / self.cost if self.cost else self.bound


def _below_minimum(panel: Sequence[Record]) -> Pick | None:
    total = sum(record.steps for record in panel)
    least = min(panel, key=lambda record: record.steps)
    if least.steps < FIRST_TRIES:
        reason = f"each model takes {FIRST_TRIES} steps before results count; this is its step {least.steps + 1}"
        return Pick(least.name, reason, {"steps": least.steps})
    if least.steps < (share := LEAST_SHARE / len(panel)) * total:
        reason = f"it has had {least.steps} of {total} steps, less than {share:.0%}"
        return Pick(least.name, reason, {"steps": least.steps})
    return None


def _judged(panel: Sequence[Record], quantile: float) -> list[_Judged]:
    # Means over members, not over steps: else whoever is chosen most would set the scale by which it is judged.
    gains = [[max(gain, 0.0) for gain in record.gains] for record in panel]
    steps = [max(1, record.steps - record.pending) for record in panel]
    prior = fmean(fmean(some) if some else 0.0 for some in gains)
    variance = fmean(_variance(some) for some in gains)
    usual = fmean(record.cost / taken for record, taken in zip(panel, steps, strict=True))
    z = NormalDist().inv_cdf(quantile)
    judged = []
    for record, some, taken in zip(panel, gains, steps, strict=True):
        mean = (prior + sum(some)) / (1 + len(some))
        bound = mean + z * sqrt(variance / (1 + len(some) + record.pending))
        cost = max((usual + record.cost) / (1 + taken), LEAST_COST * usual)
        judged.append(_Judged(mean, bound, cost))
    return judged


def _variance(gains: Sequence[float]) -> float:
    """With one observation of 1 (noise sd) beforehand."""
    middle = fmean(gains) if gains else 0.0
    return (1.0 + sum((gain - middle) ** 2 for gain in gains)) / max(1, len(gains))
