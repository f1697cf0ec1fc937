"""A simulation in one picture: what champions are truly worth, and where the device time goes.

Works on a `Simulation`. Knows no policy. Invariant: a line is the mean over all runs, a run that has ended keeps its
last value; a band holds eight of ten runs.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Sequence
from statistics import fmean, quantiles
from typing import Any

from orgruntime.model.simulation import Simulation, Step
from orgruntime.report.canvas import LIGHT, Theme, drawing_rules, figure, png_of, svg_of
from orgruntime.report.wording import clip, count

SIZE = (12.0, 6.75)
POINTS = 200
"""Of a line."""
ACCOUNTS = (
    ("explore", "long shots", "lead"),
    ("exploit", "safe bets", "keep"),
    ("verifying", "verifying", "verify"),
    ("baseline", "noise floor", "noise"),
    ("killed", "ended early", "inconclusive"),
    ("wasted", "wasted", "crash"),
)
"""Account, its name, its colour of the theme."""


def simulation_png(simulation: Simulation, theme: Theme = LIGHT) -> bytes:
    with drawing_rules():
        return png_of(_page(simulation, theme))


def simulation_svg(simulation: Simulation, theme: Theme = LIGHT) -> str:
    with drawing_rules():
        return svg_of(_page(simulation, theme))


def _page(simulation: Simulation, theme: Theme) -> Any:
    page = figure(*SIZE, theme)
    axes = page.add_axes((0.07, 0.30, 0.90, 0.56))
    last = max(max(run.trials for run in simulation.runs), 2)
    trials = [1 + (last - 1) * n / (POINTS - 1) for n in range(POINTS)]
    _dress(axes, theme, last)
    _line(axes, trials, [run.curve for run in simulation.runs], _true, theme.keep, "champion of this org, in truth")
    _line(axes, trials, [run.curve for run in simulation.greedy], _true, theme.crash, "keep what scores best, in truth")
    said = _means(trials, [run.curve for run in simulation.greedy], _said)
    axes.plot(trials, said, color=theme.crash, lw=1.4, ls=(0, (4, 3)), label="keep what scores best, as it scored")
    axes.legend(loc="upper left", frameon=False, fontsize=11, labelcolor=theme.ink)
    _titles(page, theme, simulation)
    _device_time(page, theme, simulation)
    return page


def _dress(axes: Any, theme: Theme, last: int) -> None:
    axes.set_facecolor(theme.paper)
    axes.set_xlim(1, last)
    axes.grid(axis="y", color=theme.grid, lw=0.9)
    axes.axhline(0.0, color=theme.faint, lw=0.9)
    axes.set_axisbelow(True)
    for side in ("top", "right", "left"):
        axes.spines[side].set_visible(False)
    axes.spines["bottom"].set_color(theme.faint)
    axes.tick_params(colors=theme.faint, labelsize=11, length=0)
    axes.set_xlabel("trials", color=theme.faint, fontsize=11)
    axes.set_ylabel("gain over the base, in run spreads", color=theme.faint, fontsize=11)


def _line(
    axes: Any,
    trials: Sequence[float],
    curves: Sequence[Sequence[Step]],
    value: Callable[[Step], float],
    color: str,
    label: str,
) -> None:
    if len(curves) > 1:
        tenths = [quantiles([_at(curve, trial, value) for curve in curves], n=10) for trial in trials]
        axes.fill_between(
            trials, [each[0] for each in tenths], [each[-1] for each in tenths], color=color, alpha=0.15, lw=0
        )
    axes.plot(trials, _means(trials, curves, value), color=color, lw=2.4, label=label)


def _means(trials: Sequence[float], curves: Sequence[Sequence[Step]], value: Callable[[Step], float]) -> list[float]:
    return [fmean(_at(curve, trial, value) for curve in curves) for trial in trials]


def _at(curve: Sequence[Step], trial: float, value: Callable[[Step], float]) -> float:
    """Of the last step up to a trial; 0 before the first."""
    place = bisect_right(curve, trial, key=lambda step: step.trials)
    return value(curve[place - 1]) if place else 0.0


def _true(step: Step) -> float:
    return step.champion


def _said(step: Step) -> float:
    return step.lead


def _titles(page: Any, theme: Theme, simulation: Simulation) -> None:
    runs, greedy = simulation.runs, simulation.greedy
    title = f"{clip(simulation.org, 40)} in the {simulation.world} world, {simulation.noise} noise"
    page.text(0.07, 0.945, title, fontsize=17, weight="bold", color=theme.ink)
    facts = (
        f"{count(len(runs), 'run')}, {simulation.slots} trials at once. A run certifies"
        f" {fmean(run.champions for run in runs):.1f} champions, {fmean(run.false_champions for run in runs):.2f} of"
        f" them false; keeping what scores best: {fmean(run.champions for run in greedy):.1f},"
        f" {fmean(run.false_champions for run in greedy):.1f} false"
    )
    page.text(0.07, 0.895, facts, fontsize=11.5, color=theme.faint)


def _device_time(page: Any, theme: Theme, simulation: Simulation) -> None:
    axes = page.add_axes((0.07, 0.10, 0.90, 0.06))
    axes.set_axis_off()
    axes.set_xlim(0, 1)
    at = 0.0
    for account, name, color in ACCOUNTS:
        share = fmean(run.shares.get(account, 0.0) for run in simulation.runs)
        axes.barh(0, share, left=at, height=1.0, color=getattr(theme, color), label=f"{name} {share:.0%}")
        at += share
    page.text(0.07, 0.175, "device time", fontsize=11.5, color=theme.ink, weight="bold")
    axes.legend(
        loc="upper left", bbox_to_anchor=(-0.005, -0.1), ncols=len(ACCOUNTS), frameon=False, fontsize=10.5,
        labelcolor=theme.ink, handlelength=1.0, columnspacing=1.6,
    )  # fmt: skip
