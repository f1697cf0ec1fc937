from __future__ import annotations

import io
import os
import re

import pytest
from rich.console import Console

from orgruntime.cli.live import LiveView, PlainView, summary, view_for
from orgruntime.model.status import (
    ChampionStatus,
    Measured,
    NoiseStatus,
    RoleActivity,
    RunState,
    RunStatus,
    Spend,
    TrialCounts,
)
from orgruntime.runtime.events import EventKind, RunEvent

HOSTILE = "[bold]x[/bold] \x1b[2J\x1b]0;owned\x07\nforged line \u202e"


def status(champion: bool = True, direction: str = "minimize") -> RunStatus:
    won = ChampionStatus(
        commit="c" * 40, metric=2.28, gain=0.206, gain_interval=(0.19, 0.222), gain_percent=8.2, e_value=412.4,
        certificate="certificates/c1.json",
    )  # fmt: skip
    return RunStatus(
        run="r-1", org="lab", state=RunState.RUNNING, reason="",
        objective={"metric": "val_loss", "direction": direction},
        noise=NoiseStatus(sd=0.0171, pairs=5, correlation=0.4), baseline=Measured(commit="b" * 40, metric=2.5),
        lead=Measured(commit="c" * 40, metric=2.3), champion=won if champion else None, ideas={"queued": 2},
        trials=TrialCounts(total=57, keep=6, discard=19, crash=1, running=4),
        spend=Spend(usd=5.7, wall_seconds=760), budget={"trials": 120, "wall_seconds": 1800.0, "usd": 20.0},
        isolation="none", folder="f",
        roles=(RoleActivity(role="researcher#1", doing=HOSTILE), RoleActivity(role="scribe", doing="idle")),
    )  # fmt: skip


def shown(view: LiveView, width: int = 100) -> str:
    out = io.StringIO()
    Console(file=out, width=width, force_terminal=False).print(view.picture())
    return out.getvalue()


def live(width: int = 100) -> tuple[LiveView, io.StringIO]:
    out = io.StringIO()
    return LiveView(Console(file=out, width=width, force_terminal=True, legacy_windows=False)), out


def test_the_picture_says_where_the_run_stands() -> None:
    view, _ = live()
    view.status(status())
    text = shown(view)
    assert "57 of 120" in text
    assert "12 min 40 s of 30 min" in text
    assert "$5.70 of $20.00" in text
    assert "lead      2.300 (−8.0 %), screened" in text
    assert "champion  2.280 (−8.2 %), gain +0.206 (+0.190 to +0.222), e-value 412" in text
    assert "6 keep" in text
    assert "idle          scribe" in text
    assert "isolation none" in text


def test_a_maximised_metric_rises_when_it_gets_better() -> None:
    assert "champion 2.280 (+8.2 %)" in summary(status(direction="maximize"))
    assert summary(status(champion=False)) == "57 trials, 4 running, lead 2.300 (−8.0 %), no champion yet"


def test_a_certification_is_shown_until_it_is_decided() -> None:
    view, _ = live()
    view.status(status(champion=False))
    data = {"e_value": 24.8, "threshold": 300.0}
    view.event(RunEvent(event=EventKind.CERTIFICATION, text="pair 5: e-value 24.8 of 300", data=data))
    assert "certifying" in shown(view)
    view.event(RunEvent(event=EventKind.CERTIFICATION, text="not certified: futile", data={"id": "c1"}))
    assert "certifying" not in shown(view)


def test_only_the_last_events_are_in_the_picture_and_a_champion_stays_in_the_scrollback() -> None:
    view, out = live()
    with view:
        view.status(status())
        for i in range(9):
            view.event(RunEvent(event=EventKind.TRIAL, text=f"number {i}."))
        view.event(RunEvent(event=EventKind.CHAMPION, text="8.2 % lower, certified"))
        text = shown(view)
    assert [i for i in range(9) if f"number {i}." in text] == [3, 4, 5, 6, 7, 8]
    assert "8.2 % lower, certified" not in text
    assert "8.2 % lower, certified" in out.getvalue()


@pytest.mark.parametrize("width", [20, 40, 80, 200])
def test_no_text_of_a_run_drives_the_terminal_or_breaks_a_line(width: int) -> None:
    view, out = live(width)
    view.status(status())
    for kind in (EventKind.TRIAL, EventKind.NOTICE):
        view.event(RunEvent(event=kind, text=HOSTILE))
    text = shown(view, width)
    assert not re.search("[\x00-\x09\x0b-\x1f\x7f\u202e]", text)
    assert not re.search(r"^forged", text, re.MULTILINE)
    assert max(map(len, text.splitlines())) <= width
    assert "\x1b[2J" not in out.getvalue()
    assert "\x1b]0;" not in out.getvalue()
    if width >= 80:
        assert "[bold]x[/bold]" in text


def test_before_the_first_status_there_is_a_picture() -> None:
    assert shown(live()[0]) == "starting …\n"


def test_plain_lines_are_one_an_event_without_any_control_character() -> None:
    out = io.StringIO()
    with PlainView(out) as view:
        view.event(RunEvent(event=EventKind.TRIAL, text=HOSTILE))
        view.event(RunEvent(event=EventKind.ENDED, text="finished: the budget is used up"))
    assert out.getvalue() == (
        "trial         [bold]x[/bold] [2J]0;owned forged line\nended         finished: the budget is used up\n"
    )


def test_plain_lines_say_where_the_run_stands_only_after_a_quiet_while_and_only_news() -> None:
    out, clock = io.StringIO(), [0.0]
    view = PlainView(out, now=lambda: clock[0])
    for second in (1.0, 31.0, 32.0, 90.0):
        clock[0] = second
        view.status(status())
    assert out.getvalue().count("\n") == 1
    assert out.getvalue().startswith("status        57 trials, 4 running")


def test_the_live_view_is_for_terminals_only(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("FORCE_COLOR", "TTY_COMPATIBLE", "TTY_INTERACTIVE"):
        monkeypatch.delenv(name, raising=False)
    assert isinstance(view_for(io.StringIO()), PlainView)
    leader, follower = os.openpty()
    with open(follower, "w") as terminal, open(leader, "rb"):
        monkeypatch.setenv("TERM", "xterm-256color")
        assert isinstance(view_for(terminal), LiveView)
        monkeypatch.setenv("TERM", "dumb")
        assert isinstance(view_for(terminal), PlainView)
