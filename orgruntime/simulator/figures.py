"""Figures of many runs, each with its interval, and as a table for people.

Works on finished runs. Invariant: the interval of a share is exact, so that no hit in n runs is not read as never.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Sequence
from math import exp, lgamma, log, sqrt
from statistics import fmean, stdev

from orgruntime.model.simulation import Figure, GreedyRun, SimulatedRun, Simulation

ACCOUNTS = {
    "baseline": "noise floor",
    "exploit": "safe bets",
    "explore": "long shots",
    "verifying": "verifying",
    "killed": "ended early",
    "wasted": "wasted",
}
"""Account → what people call it, in the order in which they are shown."""
_MOST_ENDINGS = 3
_WITHOUT_NUMBERS = re.compile(r"\d+")


def figures_of_runs(runs: Sequence[SimulatedRun]) -> dict[str, Figure]:
    """Means a run, but for `any_false_champion`: the share of runs."""
    found = {
        "champions": mean_of([run.champions for run in runs]),
        "false_champions": mean_of([run.false_champions for run in runs]),
        "any_false_champion": share_of(sum(run.any_false for run in runs), len(runs)),
        "gain": mean_of([run.gain for run in runs]),
        "reported_gain": mean_of([sum(reported for _, reported in run.gains) for run in runs]),
        "trials": mean_of([run.trials for run in runs]),
        "hours": mean_of([run.hours for run in runs]),
        "device_hours": mean_of([run.device_hours for run in runs]),
        "busy_share": mean_of([run.busy_share for run in runs]),
        "exploring_share": mean_of([run.exploring_share for run in runs]),
    }
    return found | {f"{name}_share_of_time": mean_of([run.shares.get(name, 0.0) for run in runs]) for name in ACCOUNTS}


def figures_of_greedy(runs: Sequence[GreedyRun]) -> dict[str, Figure]:
    return {
        "champions": mean_of([run.champions for run in runs]),
        "false_champions": mean_of([run.false_champions for run in runs]),
        "any_false_champion": share_of(sum(run.any_false for run in runs), len(runs)),
        "gain": mean_of([run.gain for run in runs]),
        "reported_gain": mean_of([run.recorded_gain for run in runs]),
        "trials": mean_of([run.trials for run in runs]),
    }


def endings(runs: Sequence[SimulatedRun]) -> list[tuple[str, int]]:
    """Why runs ended, most frequent first: of reasons that differ in their numbers, one."""
    reasons = {_WITHOUT_NUMBERS.sub("", run.ended): run.ended for run in runs}
    counts = Counter(_WITHOUT_NUMBERS.sub("", run.ended) for run in runs).most_common(_MOST_ENDINGS)
    return [(reasons[plain], count) for plain, count in counts]


def table(simulation: Simulation) -> list[str]:
    """The lines that `orgrun simulate` prints."""
    org, greedy = figures_of_runs(simulation.runs), figures_of_greedy(simulation.greedy)
    runs = len(simulation.runs)
    lines = [
        f"{simulation.org} ({simulation.preset}) in the {simulation.world} world, {simulation.noise} noise:"
        f" {runs} runs, {simulation.slots} trials at once, seed {simulation.seed}",
        "",
        _row("", "this org", "keep what scores best"),
    ]
    both: tuple[tuple[str, str, Callable[[Figure], str]], ...] = (
        ("champions", "champions", _number),
        ("false_champions", "  false ones", _number),
        ("any_false_champion", "  runs with a false one", _percent),
        ("gain", "true gain, in run spreads", _number),
        ("reported_gain", "  as it was reported", _number),
        ("trials", "trials", _whole),
    )
    lines += [_row(label, show(org[name]), show(greedy[name])) for name, label, show in both]
    lines += ["", "device time"]
    lines += [_row(f"  {label}", _percent(org[f"{name}_share_of_time"])) for name, label in ACCOUNTS.items()]
    lines += [
        _row("long shots, of the climb", _percent(org["exploring_share"])),
        _row("devices busy", _percent(org["busy_share"])),
        _row("hours", _number(org["hours"])),
        "",
    ]
    return lines + [f"ended: {reason} ({count} of {runs})" for reason, count in endings(simulation.runs)]


def _row(label: str, *cells: str) -> str:
    return "".join([f"{label:<28}", *(f"{cell:<30}" for cell in cells)]).rstrip()


def _number(one: Figure) -> str:
    return f"{one.mean:.2f} ({one.low:.2f} to {one.high:.2f})"


def _whole(one: Figure) -> str:
    return f"{one.mean:,.0f}"


def _percent(one: Figure) -> str:
    return f"{one.mean:.1%} ({max(0.0, one.low):.1%} to {one.high:.1%})"


def mean_of(values: Sequence[float]) -> Figure:
    """With the normal interval of a mean. Raises StatisticsError for no values."""
    mean = fmean(values)
    half = 1.96 * stdev(values) / sqrt(len(values)) if len(values) > 1 else 0.0
    return Figure(mean=mean, low=mean - half, high=mean + half)


def share_of(hits: int, n: int, confidence: float = 0.95) -> Figure:
    """A share with its exact interval (Clopper and Pearson, Biometrika 26, 1934)."""
    rest = (1.0 - confidence) / 2
    return Figure(mean=hits / n, low=at_least(hits, n, rest), high=at_most(hits, n, rest))


def at_most(hits: int, n: int, miss: float) -> float:
    """The largest share under which so few hits still have probability `miss`: 1 − `miss` sure that it is not more."""
    if hits >= n:
        return 1.0
    return _where(lambda share: sum(_binomial(k, n, share) for k in range(hits + 1)) > miss)


def at_least(hits: int, n: int, miss: float) -> float:
    """The smallest share under which so many hits still have probability `miss`."""
    return 1.0 - at_most(n - hits, n, miss) if hits else 0.0


def _where(holds: Callable[[float], bool]) -> float:
    """The end of the shares from 0 up for which it holds."""
    low, high = 0.0, 1.0
    for _ in range(40):
        middle = (low + high) / 2
        low, high = (middle, high) if holds(middle) else (low, middle)
    return high


def _binomial(hits: int, n: int, share: float) -> float:
    ways = lgamma(n + 1) - lgamma(hits + 1) - lgamma(n - hits + 1)
    return exp(ways + hits * log(share) + (n - hits) * log(1.0 - share))
