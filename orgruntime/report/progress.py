"""`progress.png`: a run in one picture.

Works on a `RunStory`. Knows nothing of files. Every settled trial is in it: a dot where it has a metric, a cross in
the margin of crashes where it has none, a triangle at the edge where its metric is off the axis. Invariant: the axis
always holds the baseline, the lead and the champions' intervals, and one absurd value never sets it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import quantiles
from typing import Any

from orgruntime.model.manifest import Direction
from orgruntime.report.canvas import LIGHT, Theme, drawing_rules, figure, png_of, svg_of
from orgruntime.report.story import Champion, Point, PointStatus, RunStory
from orgruntime.report.wording import clip, count, e_value, number, percent, plain

SIZE = (16.0, 9.0)
"""Inches; with 100 dots an inch, 1600 × 900."""
SPREAD_OF_TWO = 2**0.5
"""`Noise.sd` is that of a difference of two runs; a single run spreads this much less."""
NORMAL_95 = 1.96
MARGIN_OF_CRASHES = 0.075
"""Share of the height below (or above) the data, on the worse side, where crashes are."""
LONG_LEGEND = 8
"""Entries from which on the legend is set small: it stands in one line."""
LEFT, WIDEST = 0.065, 0.755
"""Of the width: where the axes begin, and what they take where the labels behind them leave it."""
LABEL_AT = 1.016
"""Where a label in the right margin begins, in widths of the axes."""
EDGE = 0.005
"""Of the width: paper to the right of the longest label."""
LABEL_GAP = 0.038
"""Least distance of two labels in the right margin, as a share of the height."""
LABEL_BOX = (88.0, 44.0)
"""Pixels that a champion's label takes."""


def progress_png(story: RunStory, theme: Theme = LIGHT) -> bytes:
    """1600 × 900 pixels. A run without a single trial gives the empty picture that says so."""
    with drawing_rules():
        return png_of(progress_figure(story, theme))


def progress_svg(story: RunStory, theme: Theme = LIGHT) -> str:
    """The same picture as a self-contained SVG document."""
    with drawing_rules():
        return svg_of(progress_figure(story, theme))


def progress_figure(story: RunStory, theme: Theme = LIGHT) -> Any:
    """The matplotlib figure, for whoever wants another format. To be called within `drawing_rules`."""
    page = figure(*SIZE, theme)
    scale, last = scale_of(story), _last(story)
    labels = _right_labels(theme, story, scale)
    axes = page.add_axes((LEFT, 0.115, _room(page, labels), 0.75))
    axes.set_xlim(0, last + max(1.0, 0.015 * last))
    axes.set_ylim(scale.floor, scale.ceiling)
    _dress(axes, theme, story)
    _noise_band(axes, theme, story)
    _honest_lines(axes, theme, story, scale)
    _crash_margin(axes, theme, story, scale)
    for status in PointStatus:
        _dots(axes, theme, status, [p for p in story.points if p.status is status], scale)
    _lead_line(axes, theme, story, last)
    _champions(axes, theme, story, last)
    _labels(axes, scale, labels)
    _titles(page, theme, story)
    _legend(page, axes, theme, story)
    if not story.points:
        axes.set_yticks([])
        axes.text(
            0.5, 0.5, "no trial has settled yet", transform=axes.transAxes, ha="center", color=theme.faint, size=16
        )
    return page


@dataclass(frozen=True)
class Scale:
    """The axis of the metric: [low, high] holds the data; `floor` and `ceiling` add the margin of crashes."""

    low: float
    high: float
    floor: float
    ceiling: float
    crashes: float
    """Where crashes are drawn."""


def scale_of(story: RunStory) -> Scale:
    """The axis: what must be seen, and the points within Tukey's fences (1.5 quartile ranges on the worse side, or 0.6
    of what must be seen; 3 ranges on the better side). So a diverged run, or a metric too good to be true, is marked at
    the edge and not drawn to scale."""
    must = _must_see(story)
    values = [point.metric for point in story.points if point.metric is not None]
    low, high = (min(must), max(must)) if must else (min(values, default=0.0), max(values, default=1.0))
    if len(values) >= 4:
        first, _, third = quantiles(values, n=4)
        better, worse = 3 * (third - first), max(1.5 * (third - first), 0.6 * (high - low))
        below, above = (better, worse) if story.direction is Direction.MINIMIZE else (worse, better)
        values = [value for value in values if first - below <= value <= third + above]
    low, high = min([low, *values]), max([high, *values])
    span = high - low or abs(high) * 0.01 or 1.0
    near = [row.metric for row in story.honest if low - 0.6 * span <= row.metric <= high + 0.6 * span]
    low, high = min([low, *near]), max([high, *near])
    pad = 0.05 * (high - low or abs(high) * 0.02 or 1.0)
    low, high = low - pad, high + pad
    if story.champions:  # Room for the label of the best one.
        low, high = (low - pad, high) if story.direction is Direction.MINIMIZE else (low, high + pad)
    strip = MARGIN_OF_CRASHES * (high - low) if any(point.metric is None for point in story.points) else 0.0
    if story.direction is Direction.MINIMIZE:
        return Scale(low, high, low, high + strip, high + strip / 2)
    return Scale(low, high, low - strip, high, low - strip / 2)


def _must_see(story: RunStory) -> list[float]:
    must = [step.metric for step in story.lead if step.metric is not None]
    if story.baseline is not None:
        spread = NORMAL_95 * story.noise.sd / SPREAD_OF_TWO if story.noise else 0.0
        must += [story.baseline - spread, story.baseline + spread]
    for champion in story.champions:
        must += story.certified_at(champion)
    return must


@dataclass(frozen=True)
class _Label:
    """A line's name in the right margin."""

    y: float
    text: str
    color: str
    bold: bool = False

    @property
    def looks(self) -> dict[str, Any]:
        return {"s": self.text, "size": 12.5, "color": self.color, "weight": "bold" if self.bold else "normal"}


def _last(story: RunStory) -> int:
    numbers = [point.number for point in story.points] + [step.trial for step in story.lead]
    return max([*numbers, *(champion.trial for champion in story.champions)], default=1)


def _dress(axes: Any, theme: Theme, story: RunStory) -> None:
    from matplotlib.ticker import MaxNLocator

    axes.set_facecolor(theme.paper)
    axes.grid(axis="y", color=theme.grid, lw=0.9)
    axes.set_axisbelow(True)
    for side in ("top", "right", "left"):
        axes.spines[side].set_visible(False)
    axes.spines["bottom"].set_color(theme.faint)
    axes.tick_params(colors=theme.faint, labelsize=12.5, length=0, pad=7)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=12))
    axes.ticklabel_format(axis="y", useOffset=False, style="plain" if _is_plain(story) else "sci")
    axes.set_xlabel("trial, in the order in which they settled", color=theme.faint, size=13, labelpad=10)


def _is_plain(story: RunStory) -> bool:
    size = abs(story.baseline or next((p.metric for p in story.points if p.metric), 1.0) or 1.0)
    return 1e-3 <= size < 1e6


def _noise_band(axes: Any, theme: Theme, story: RunStory) -> None:
    if story.baseline is None:
        return
    if story.noise and story.noise.sd > 0:
        half = NORMAL_95 * story.noise.sd / SPREAD_OF_TWO
        axes.axhspan(story.baseline - half, story.baseline + half, color=theme.noise, alpha=0.13, lw=0, zorder=0.6)
    axes.axhline(story.baseline, color=theme.noise, lw=1.6, zorder=1.1)


def _honest_lines(axes: Any, theme: Theme, story: RunStory, scale: Scale) -> None:
    for row in story.honest:
        if scale.low <= row.metric <= scale.high:
            axes.axhline(row.metric, color=theme.faint, lw=0.9, ls=(0, (2, 3)), zorder=1)


def _crash_margin(axes: Any, theme: Theme, story: RunStory, scale: Scale) -> None:
    crashed = [point.number for point in story.points if point.metric is None]
    if not crashed:
        return
    edge = scale.high if scale.ceiling > scale.high else scale.low
    far = scale.ceiling if scale.ceiling > scale.high else scale.floor
    axes.axhspan(min(edge, far), max(edge, far), color=theme.grid, alpha=0.55, lw=0, zorder=0.5)
    failed = [point.number for point in story.points if point.metric is None and not point.ended_early]
    axes.scatter(failed, [scale.crashes] * len(failed), marker="x", s=42, lw=1.7, color=theme.crash, zorder=3)
    ended = [point.number for point in story.points if point.ended_early]
    axes.scatter(ended, [scale.crashes] * len(ended), marker="|", s=42, lw=1.4, color=theme.discard, zorder=3)


def _dots(axes: Any, theme: Theme, status: PointStatus, points: Sequence[Point], scale: Scale) -> None:
    looks = _LOOKS[status](theme)
    inside = [(p.number, p.metric) for p in points if p.metric is not None and scale.low <= p.metric <= scale.high]
    if inside:
        axes.scatter(*zip(*inside, strict=True), **looks)
    for up in (True, False):
        edge = scale.high if up else scale.low
        past = [p.number for p in points if p.metric is not None and (p.metric > edge if up else p.metric < edge)]
        if past:
            marker = {**looks, "marker": "^" if up else "v", "s": 46}
            inset = 0.014 * (scale.high - scale.low)
            axes.scatter(past, [edge - inset if up else edge + inset] * len(past), **marker)


_LOOKS: dict[PointStatus, Callable[[Theme], dict[str, Any]]] = {
    PointStatus.DISCARD: lambda t: {"s": 30, "color": t.discard, "alpha": 0.9, "lw": 0, "zorder": 2.0},
    PointStatus.KEEP: lambda t: {"s": 62, "color": t.keep, "edgecolor": t.paper, "lw": 0.8, "zorder": 3.2},
    PointStatus.INCONCLUSIVE: lambda t: {
        "s": 34,
        "color": t.inconclusive,
        "edgecolor": t.paper,
        "lw": 0.5,
        "zorder": 2.4,
    },
    PointStatus.CRASH: lambda t: {"s": 34, "color": t.crash, "lw": 0, "zorder": 2.2},
    PointStatus.NOISE: lambda t: {"s": 30, "color": t.noise, "edgecolor": t.paper, "lw": 0.5, "zorder": 2.6},
    PointStatus.LEAD: lambda t: {"s": 16, "color": t.lead, "alpha": 0.55, "lw": 0, "zorder": 2.5},
    PointStatus.VERIFY: lambda t: {
        "s": 20,
        "facecolor": "none",
        "edgecolor": t.verify,
        "lw": 0.9,
        "alpha": 0.8,
        "zorder": 2.1,
    },
    PointStatus.PROBE: lambda t: {"s": 22, "color": t.faint, "marker": "D", "alpha": 0.6, "lw": 0, "zorder": 1.9},
}


def _lead_line(axes: Any, theme: Theme, story: RunStory, last: int) -> None:
    steps = [(step.trial, step.metric) for step in story.lead if step.metric is not None]
    if steps:
        x, y = zip(*steps, (last, steps[-1][1]), strict=True)
        axes.step(x, y, where="post", color=theme.lead, lw=2.4, zorder=3, solid_joinstyle="round")


def _champions(axes: Any, theme: Theme, story: RunStory, last: int) -> None:
    """Stars with their intervals. The newest is labelled first; a label that would touch another is left out."""
    size = 560 if len(story.champions) <= 8 else 260
    taken: list[tuple[float, float]] = []
    for champion in reversed(story.champions):
        low, middle, high = story.certified_at(champion)
        bars = [[max(0.0, middle - low)], [max(0.0, high - middle)]]
        bar = {"fmt": "none", "ecolor": theme.ink, "elinewidth": 1.8, "capsize": 5, "zorder": 4}
        axes.errorbar([champion.trial], [middle], yerr=bars, **bar)
        looks = {"marker": "*", "s": size, "color": theme.champion, "edgecolor": theme.ink, "lw": 1.3, "zorder": 5}
        axes.scatter([champion.trial], [middle], **looks)
        at = tuple(axes.transData.transform((champion.trial, low if story.sign < 0 else high)))
        if all(abs(at[0] - x) > LABEL_BOX[0] or abs(at[1] - y) > LABEL_BOX[1] for x, y in taken):
            taken.append(at)
            _champion_label(axes, theme, story, champion, early=champion.trial < 0.09 * last)


def _champion_label(axes: Any, theme: Theme, story: RunStory, champion: Champion, early: bool) -> None:
    """Before the star and beyond it: nothing that settled earlier was better, so no dot is there."""
    from matplotlib.patheffects import withStroke

    low, _, high = story.certified_at(champion)
    axes.annotate(
        f"{percent(story.sign * champion.total_percent)}\ne = {e_value(champion.e_value)}",
        (champion.trial, low if story.sign < 0 else high), xytext=(8 if early else -6, 4 * story.sign),
        textcoords="offset points", ha="left" if early else "right", va="top" if story.sign < 0 else "bottom",
        size=12, color=theme.ink, weight="bold", linespacing=1.3, zorder=6,
        path_effects=[withStroke(linewidth=3, foreground=theme.paper)],
    )  # fmt: skip


def _right_labels(theme: Theme, story: RunStory, scale: Scale) -> list[_Label]:
    labels = []
    if story.baseline is not None:
        labels.append(_Label(story.baseline, f"baseline {number(story.baseline)}", theme.noise))
    if story.lead and story.lead[-1].metric is not None:
        labels.append(_Label(story.lead[-1].metric, f"lead {number(story.lead[-1].metric)}", theme.lead))
    if champion := story.champion:
        words = f"champion {number(story.certified_at(champion)[1])}"
        labels.append(_Label(story.certified_at(champion)[1], words, theme.ink, bold=True))
    for row in story.honest:
        where = " ↑" if row.metric > scale.high else " ↓" if row.metric < scale.low else ""
        y = min(max(row.metric, scale.low), scale.high)
        labels.append(_Label(y, f"{clip(row.name, 24)} {number(row.metric)}{where}", theme.faint))
    if any(point.metric is None for point in story.points):
        labels.append(_Label(scale.crashes, "no metric", theme.crash))
    values = [point.metric for point in story.points if point.metric is not None]
    if above := [value for value in values if value > scale.high]:
        labels.append(_Label(scale.high, f"▲ {len(above)} up to {number(max(above), 3)}", theme.faint))
    if below := [value for value in values if value < scale.low]:
        labels.append(_Label(scale.low, f"▼ {len(below)} down to {number(min(below), 3)}", theme.faint))
    return labels


def _room(page: Any, labels: Sequence[_Label]) -> float:
    """What the axes may take of the width, so that no label behind them is cut at the picture's edge."""
    drawn = [page.text(0, 0, **label.looks) for label in labels]
    longest = max((text.get_window_extent().width for text in drawn), default=0.0) / page.bbox.width
    for text in drawn:
        text.remove()
    return float(min(WIDEST, (1.0 - EDGE - longest - LEFT) / LABEL_AT))


def _labels(axes: Any, scale: Scale, labels: Sequence[_Label]) -> None:
    """Names at the lines' ends, pushed apart where they would touch, with a thin leader to the line."""
    height = scale.ceiling - scale.floor
    ordered = sorted(labels, key=lambda label: label.y)
    wanted = [(label.y - scale.floor) / height for label in ordered]
    for label, place, want in zip(ordered, apart(wanted, LABEL_GAP), wanted, strict=True):
        axes.plot([1.0, 1.012], [want, place], transform=axes.transAxes, color=label.color, lw=0.9, clip_on=False)
        axes.text(LABEL_AT, place, transform=axes.transAxes, va="center", **label.looks)


def apart(wanted: Sequence[float], gap: float) -> list[float]:
    """Sorted places at least `gap` apart and within [0, 1] if they fit, moved as little as a few passes find."""
    places = list(wanted)
    for _ in range(200):
        moved = False
        for i in range(len(places) - 1):
            if (short := gap - (places[i + 1] - places[i])) > 1e-9:
                places[i], places[i + 1], moved = places[i] - short / 2, places[i + 1] + short / 2, True
        if not moved:
            break
    over = max(0.0, places[-1] - 1.0) if places else 0.0
    return [place - over for place in places]


def _titles(page: Any, theme: Theme, story: RunStory) -> None:
    name = clip(story.title or story.org, 60)
    page.text(
        0.04,
        0.945,
        f"{name}: {plain(story.objective)}, {story.better} is better",
        size=21,
        weight="bold",
        color=theme.ink,
    )
    page.text(0.04, 0.904, _subtitle(story), size=13.5, color=theme.faint)
    page.text(0.985, 0.945, clip(story.run, 40), size=11, color=theme.faint, ha="right")


def _subtitle(story: RunStory) -> str:
    parts = [count(len(story.points), "trial")]
    if champion := story.champion:
        low, middle, high = (number(end, 3) for end in story.certified_percent(champion))
        certified = count(len(story.champions), "certified champion")
        parts.append(f"{certified}, {middle} % {story.better} than the baseline (95 %: {low} to {high} %)")
    else:
        parts.append("no certified champion")
    if story.noise:
        parts.append(f"noise floor: sd {number(story.noise.sd, 2)} of a difference")
    return "  ·  ".join(parts)


_NAMES = {
    PointStatus.KEEP: "kept", PointStatus.DISCARD: "discarded", PointStatus.INCONCLUSIVE: "inconclusive",
    PointStatus.NOISE: "baseline runs", PointStatus.LEAD: "lead again", PointStatus.VERIFY: "verification",
    PointStatus.CRASH: "crashed", PointStatus.PROBE: "probes",
}  # fmt: skip


def _legend(page: Any, axes: Any, theme: Theme, story: RunStory) -> None:
    from matplotlib.lines import Line2D

    handles = []
    if story.champions:
        star: dict[str, Any] = {"marker": "*", "ms": 17, "mfc": theme.champion, "mec": theme.ink, "mew": 1.1}
        handles.append(Line2D([], [], ls="", label="certified champion, 95 % interval", **star))
    if story.lead:
        handles.append(Line2D([], [], color=theme.lead, lw=2.4, label="lead"))
    ended = sum(point.ended_early for point in story.points)
    if ended:
        mark: dict[str, Any] = {"marker": "|", "ms": 8, "mew": 1.5, "mec": theme.discard}
        handles.append(Line2D([], [], ls="", label=f"ended early {ended}", **mark))
    for status, name in _NAMES.items():
        number_of = sum(point.status is status and not point.ended_early for point in story.points)
        if number_of:
            handles.append(Line2D([], [], ls="", label=f"{name} {number_of}", **_legend_mark(theme, status)))
    if handles:
        size = 12 if len(handles) < LONG_LEGEND else 9.5  # one line, as wide as the page
        page.legend(
            handles=handles, loc="lower left", bbox_to_anchor=(0.055, 0.004), ncols=len(handles), frameon=False,
            fontsize=size, labelcolor=theme.ink, handletextpad=0.3, columnspacing=size / 8, handlelength=1.4,
        )  # fmt: skip


def _legend_mark(theme: Theme, status: PointStatus) -> dict[str, Any]:
    if status is PointStatus.CRASH:
        return {"marker": "x", "ms": 7, "mew": 1.7, "mec": theme.crash}
    if status is PointStatus.VERIFY:
        return {"marker": "o", "ms": 5.5, "mfc": "none", "mec": theme.verify}
    if status is PointStatus.PROBE:
        return {"marker": "D", "ms": 5.5, "mfc": theme.faint, "mec": "none"}
    return {"marker": "o", "ms": 7.5, "mfc": getattr(theme, status.value), "mec": "none"}
