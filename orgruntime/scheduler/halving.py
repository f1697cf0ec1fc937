"""Patience: which running trials are ended at a checkpoint, by asynchronous successive halving on their curves.

Works on points (share of a trial's own budget, metric). Does not know seeds, GPUs or kills. Source: the stopping form
of asynchronous successive halving (Li and others, "A System for Massively Parallel Hyperparameter Tuning", MLSys 2020,
arXiv 1810.05934): at each rung a trial goes on while it is among the best `keep` of all that have reached that rung.

Invariants: trials are compared at an equal share of an equal budget only; a trial is never judged by a rung that it has
not reached; which trial is ended follows from the curves alone, so a replay ends the same ones.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from math import ceil

from orgruntime.model.manifest import Direction

FEWEST_AT_A_RUNG = 4
"""Trials that must have reached a rung before anybody is ended there: the median of fewer is mostly luck."""
WINDOW = 24
"""Candidates that reached a rung last, against which the next one is judged: enough for a median, and few enough that
they are of leads not long gone."""
EARLIEST = 0.1
"""Share of a trial below which a curve says too little."""

Curve = Sequence[tuple[float, float]]
"""(share of the budget in (0, 1], metric), in order."""


def rungs(keep: float) -> tuple[float, ...]:
    """Shares of the budget at which trials are compared, ascending: keep, keep², … down to a tenth. None where all
    trials survive. For keep 1/2: 1/8, 1/4, 1/2."""
    if not 0.0 < keep < 1.0:
        return ()
    found = []
    at = keep
    while at >= EARLIEST:
        found.append(at)
        at *= keep
    return tuple(reversed(found))


def value_at(curve: Curve, rung: float) -> float | None:
    """The metric when the trial had spent `rung` of its budget: between two points by a straight line. None while it
    has not come so far, and where its first point lies beyond."""
    if not curve or curve[-1][0] < rung - 1e-9:
        return None
    before = [point for point in curve if point[0] <= rung + 1e-9]
    if not before:
        return None
    if abs(before[-1][0] - rung) <= 1e-9 or len(before) == len(curve):
        return before[-1][1]
    (x0, y0), (x1, y1) = before[-1], curve[len(before)]
    return y0 + (y1 - y0) * (rung - x0) / (x1 - x0)


def newly_reached(curve: Curve, judged: float, keep: float) -> float | None:
    """The lowest rung that the curve has reached and that lies above `judged`, the last one it was judged at."""
    return next((rung for rung in rungs(keep) if rung > judged + 1e-9 and value_at(curve, rung) is not None), None)


def survives(value: float, others: Sequence[float], keep: float, direction: Direction) -> bool:
    """Whether a trial goes on past a rung. `others`: what the other trials had there, those that were ended included.

    Of n trials the best ⌈keep · n⌉ go on; ties go on.
    """
    if len(others) + 1 < FEWEST_AT_A_RUNG:
        return True
    better = sum(1 for other in others if direction.gain(value, other) > 0)
    return better < ceil(keep * (len(others) + 1) - 1e-9)


def cost_bound(trials: int, keep: float) -> float:
    """The most that `trials` cost together, in whole trials, once their curves are judged at every rung:
    n · Σ keepⁱ · (rᵢ − rᵢ₋₁), plus a whole trial a rung for rounding up and for those that came first."""
    ends = (*rungs(keep), 1.0)
    steps = [b - a for a, b in pairwise((0.0, *ends))]
    ideal = sum(trials * keep**index * step for index, step in enumerate(steps))
    return ideal + len(ends) * FEWEST_AT_A_RUNG
