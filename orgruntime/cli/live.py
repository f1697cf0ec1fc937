"""What `orgrun run` shows while it runs: a live picture on a terminal, plain lines anywhere else.

Works on `RunStatus` and on `RunEvent`. Knows nothing of the ledger. Invariant: every text that comes from a role, a
trial or an org is stripped of control characters and never read as markup, so nothing of a run can drive the terminal.
"""

from __future__ import annotations

import math
import sys
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from types import TracebackType
from typing import Any, Self, TextIO

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from orgruntime.api.running import View
from orgruntime.cli.closing import IDLE, activity_rows
from orgruntime.model.manifest import Direction
from orgruntime.model.status import RunState, RunStatus
from orgruntime.report.wording import clip, count, duration, e_value, interval, number, percent, plain
from orgruntime.runtime.events import EventKind, RunEvent

EVENTS = 6
QUESTIONS = 4
EVENT_CHARS = 400
BAR = 24
"""Columns of a bar."""
QUIET_S = 30.0
"""Plain view: seconds between two lines that only say where the run stands."""
LASTING = (EventKind.STARTED, EventKind.NOTICE, EventKind.CHAMPION, EventKind.PAUSED, EventKind.ENDED)
"""Events that stay in the scrollback of a terminal; the others pass through the last lines of the picture."""


def view_for(out: TextIO | None = None) -> LiveView | PlainView:
    """The live view when `out` (standard output by default) is a terminal that can move its cursor."""
    stream = sys.stdout if out is None else out
    console = Console(file=stream, highlight=False)
    return LiveView(console) if console.is_terminal and not console.is_dumb_terminal else PlainView(stream)


class PlainView(View):
    """One line an event; when something has changed, a line every half minute with where the run stands."""

    def __init__(self, out: TextIO, now: Callable[[], float] = time.monotonic) -> None:
        self._out, self._now = out, now
        self._said, self._at = "", now()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._out.flush()

    def event(self, event: RunEvent) -> None:
        self._line(f"{event.event.value:<13} {clip(event.text, EVENT_CHARS)}")

    def status(self, status: RunStatus) -> None:
        line = summary(status)
        if line != self._said and self._now() - self._at >= QUIET_S:
            self._said = line
            self._line(f"{'status':<13} {line}")

    def _line(self, text: str) -> None:
        self._at = self._now()
        print(text, file=self._out, flush=True)


class LiveView(View):
    """A context manager: the picture is there from enter to exit, and its last state stays on the screen."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._status: RunStatus | None = None
        self._events: deque[tuple[str, str]] = deque(maxlen=EVENTS)
        self._evidence: dict[str, Any] = {}
        # What others print is not for the reader.
        self._live = Live(
            console=console, get_renderable=self.picture, refresh_per_second=4, redirect_stdout=False,
            redirect_stderr=False,
        )  # fmt: skip

    def __enter__(self) -> Self:
        self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._live.stop()

    def event(self, event: RunEvent) -> None:
        text = clip(event.text, EVENT_CHARS)
        if event.event in LASTING:
            self._console.print(Text.assemble((f"{event.event.value} ", _COLORS.get(event.event, "bold")), text))
        else:
            self._events.append((event.event.value, text))
        if event.event is EventKind.CERTIFICATION:
            self._evidence = {**event.data, "text": text} if "e_value" in event.data else {}
        elif event.event is EventKind.CHAMPION:
            self._evidence = {}

    def status(self, status: RunStatus) -> None:
        self._status = status

    def picture(self) -> RenderableType:
        """The whole picture, as rich draws it; at most about 25 lines."""
        if self._status is None:
            return Text("starting …", style="dim")
        return Group(*_parts(self._status, self._evidence, list(self._events)))


def summary(status: RunStatus) -> str:
    """Where a run stands, in one line."""
    trials = status.trials
    parts = [count(trials.total, "trial"), f"{trials.running} running"]
    if status.lead and status.lead.metric is not None:
        parts.append(f"lead {number(status.lead.metric)}{_against_baseline(status, status.lead.metric)}")
    parts.append(f"champion {_champion(status)}" if status.champion else "no champion yet")
    if status.questions:
        parts.append(f"{count(len(status.questions), 'question')} open")
    return ", ".join(parts)


_COLORS = {EventKind.CHAMPION: "bold green", EventKind.NOTICE: "bold yellow", EventKind.PAUSED: "bold yellow"}
_NAMES = {"gpu_hours": "GPU hours", "cpu_hours": "CPU hours", "usd": "dollars", "wall_seconds": "wall clock"}
_STATES = {RunState.RUNNING: "green", RunState.FINISHED: "green", RunState.FAILED: "red"}


def _parts(status: RunStatus, evidence: dict[str, Any], events: list[tuple[str, str]]) -> Iterator[RenderableType]:
    yield Text()
    yield _header(status)
    yield _budget(status)
    yield Text()
    yield _standing(status)
    yield _verdicts(status)
    if evidence:
        yield _certification(evidence)
    if status.questions:
        yield Text()
        yield _questions(status)
    if status.roles:
        yield Text()
        yield _roles(status)
    if events:
        yield Text()
        yield _grid([(Text(kind, style="dim"), Text(text)) for kind, text in events])


def _header(status: RunStatus) -> Text:
    state = (status.state.value, _STATES.get(status.state, "yellow"))
    words: list[Any] = [(plain(status.org), "bold"), "  ", (plain(status.run), "cyan"), "  ", state]
    words += ["  ", duration(status.spend.wall_seconds)]
    if status.isolation and status.isolation != "strict":
        words += ["  ", (f"isolation {plain(status.isolation)}", "yellow")]
    return Text.assemble(*words, no_wrap=True, overflow="ellipsis")


def _budget(status: RunStatus) -> Table:
    """A bar a bound."""
    spend = status.spend
    used = {
        "trials": float(status.trials.total),
        "gpu_hours": spend.gpu_seconds / 3600,
        "cpu_hours": spend.cpu_seconds / 3600,
        "tokens": float(spend.tokens),
        "usd": spend.usd,
        "wall_seconds": spend.wall_seconds,
    }
    rows = []
    for name, bound in status.budget.items():
        if name in used and isinstance(bound, int | float) and bound > 0:
            bar = ProgressBar(total=float(bound), completed=min(used[name], float(bound)), width=BAR)
            rows.append((Text(_NAMES.get(name, name), style="dim"), bar, Text(_of(name, used[name], float(bound)))))
    return _grid(rows)


def _of(name: str, used: float, bound: float) -> str:
    if name == "wall_seconds":
        return f"{duration(used)} of {duration(bound)}"
    if name in ("trials", "tokens"):
        return f"{used:,.0f} of {bound:,.0f}"
    if name == "usd":
        return f"${used:,.2f} of ${bound:,.2f}"
    return f"{number(used, 3)} of {number(bound, 3)}"


def _standing(status: RunStatus) -> Table:
    metric = f"{plain(status.objective.get('metric', ''))}"
    rows = []
    if status.baseline:
        noise = f"  noise sd {number(status.noise.sd, 2)}" if status.noise else ""
        rows.append((Text("baseline", style="dim"), Text(f"{number(status.baseline.metric)}{noise}")))
    else:
        rows.append((Text("baseline", style="dim"), Text("being measured")))
    if status.lead and status.lead.metric is not None:
        against = _against_baseline(status, status.lead.metric)
        rows.append((Text("lead", style="blue"), Text(f"{number(status.lead.metric)}{against}, screened")))
    rows.append(
        (Text("champion", style="bold green"), Text(_champion(status), style="bold"))
        if status.champion
        else (Text("champion", style="dim"), Text("none yet", style="dim"))
    )
    return _grid([(Text(metric if i == 0 else "", style="bold"), *row) for i, row in enumerate(rows)])


def _champion(status: RunStatus) -> str:
    """`2.281 (−8.2 %), gain +0.206 (+0.190 to +0.222), e-value 412`."""
    champion = status.champion
    if champion is None:
        return "none"
    moved = percent(_sign(status) * champion.gain_percent)
    gain = interval(champion.gain_interval[0], champion.gain, champion.gain_interval[1])
    return f"{number(champion.metric)} ({moved}), gain {gain}, e-value {e_value(champion.e_value)}"


def _against_baseline(status: RunStatus, metric: float) -> str:
    base = status.baseline.metric if status.baseline else None
    return f" ({percent(100 * (metric - base) / abs(base))})" if base else ""


def _sign(status: RunStatus) -> float:
    """What the metric does when it gets better."""
    return -1.0 if status.objective.get("direction") == Direction.MINIMIZE else 1.0


def _verdicts(status: RunStatus) -> Text:
    trials = status.trials
    words: list[Any] = [("trials   ", "dim"), f"{trials.total:,}  "]
    for name, style in (("keep", "green"), ("discard", "dim"), ("crash", "red"), ("inconclusive", "yellow")):
        amount = getattr(trials, name)
        words.append((f" {amount:,} {name} ", style if amount else "dim"))
    words += [(f"  {trials.running:,} running", "cyan" if trials.running else "dim")]
    if queued := status.ideas.get("queued", 0):
        words.append(f"   {count(queued, 'idea')} queued")
    return Text.assemble(*words, no_wrap=True, overflow="ellipsis")


def _certification(evidence: dict[str, Any]) -> Table:
    """Evidence multiplies, so its bar is logarithmic."""
    wealth, threshold = float(evidence["e_value"]), float(evidence.get("threshold") or 0.0)
    share = math.log(max(wealth, 1.0)) / math.log(threshold) if threshold > 1 else 0.0
    bar = ProgressBar(total=1.0, completed=min(1.0, share), width=BAR)
    return _grid([(Text("certifying", style="bold yellow"), bar, Text(str(evidence["text"])))])


def _questions(status: RunStatus) -> Table:
    """What people are asked, oldest first."""
    rows = [
        (Text(plain(one.id), style="bold yellow"), Text(clip(one.role, 24), style="magenta"), Text(clip(one.text, 200)))
        for one in status.questions[:QUESTIONS]
    ]
    if len(status.questions) > QUESTIONS:
        rows.append((Text(""), Text(""), Text(f"and {len(status.questions) - QUESTIONS} more", style="dim")))
    return _grid(rows)


def _roles(status: RunStatus) -> Table:
    rows = []
    for who, doing in activity_rows(status.roles):
        is_role = who not in ("", IDLE)
        name = Text(clip(who, 24), style="magenta" if is_role else "dim")
        rows.append((name, Text(clip(doing, 200), style="" if is_role else "dim")))
    return _grid(rows)


def _grid(rows: Sequence[tuple[Text | ProgressBar, ...]]) -> Table:
    """Columns of single lines; only the last one gives way, and is cut at the terminal's edge."""
    table = Table.grid(padding=(0, 2), expand=True)
    for column in zip(*(row[:-1] for row in rows), strict=True):
        table.add_column(
            no_wrap=True, min_width=max(cell.cell_len if isinstance(cell, Text) else BAR for cell in column)
        )
    table.add_column(no_wrap=True, overflow="ellipsis", ratio=1)
    for row in rows:
        table.add_row(*row)
    return table
