"""The last words of a run: what was found, where it is, how to check it, how to go on. And the exit code."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import click

from orgruntime.cli.group import FINDINGS, INTERRUPTED
from orgruntime.diagnostics.render import printable
from orgruntime.model.status import QuestionStatus, RoleActivity, RunState, RunStatus

BUSY = 8
"""Roles whose activity is shown, of many that do something."""
IDLE = "idle"

SIGNALS = ("interrupted", "terminated")
"""Reasons of a run that a signal stopped."""


def exit_code(status: RunStatus) -> int:
    """0 for an end, a pause or a stop that was asked for; 1 failed; 130 after a signal."""
    if status.state is RunState.FAILED:
        return FINDINGS
    return INTERRUPTED if status.state is RunState.STOPPED and status.reason in SIGNALS else 0


def closing_words(status: RunStatus, runs: str | None, address: str | None = None) -> str:
    """Plain lines, without a newline at the end. `runs`: the folder of the runs, None for the head's own."""
    folder = Path(status.folder)
    lines = [f"{status.run}: {status.state.value}" + (f" ({status.reason})" if status.reason else "")]
    lines += [
        f"  {label:<10} {text}"
        for label, text in _facts(status, folder, _place(runs, address), address is None)
        if text
    ]
    return "\n".join(map(printable, lines))


def show_closing(status: RunStatus, runs: str | None, as_json: bool, address: str | None = None) -> int:
    """Prints the end of a run, on this machine or the head at `address`; returns the exit code."""
    click.echo(status.model_dump_json() if as_json else closing_words(status, runs, address))
    return exit_code(status)


def champion_line(status: RunStatus) -> str:
    champion, metric = status.champion, status.objective["metric"]
    if champion is None:
        return "none certified"
    low, high = champion.gain_interval
    return (
        f"{champion.commit[:10]}: {metric} {champion.metric:.5g}, gain {champion.gain:.4g} "
        f"(95 % {low:.4g} to {high:.4g}), {champion.gain_percent:+.2f} % against the baseline, "
        f"e-value {champion.e_value:.3g}"
    )


def _place(runs: str | None, address: str | None) -> str:
    """What a command has to say to find the run again."""
    named = f" --runs {runs}" if runs and (address or runs != ".orgrun/runs") else ""
    return (f" --address {address}" if address else "") + named


def _facts(status: RunStatus, folder: Path, where: str, here: bool) -> list[tuple[str, str]]:
    report = folder / "report" / "report.html"
    certificate = folder / status.champion.certificate if status.champion else None
    return [
        ("champion", champion_line(status)),
        ("trials", f"{status.trials.total}, {status.spend.cpu_seconds:.0f} CPU s, {status.spend.wall_seconds:.0f} s"),
        ("report", _report(status, report, where, here)),
        ("verify", f"orgrun verify {certificate}" if certificate and here else ""),
        ("asks", "; ".join(f"{one.id} of {one.role}: {_line(one.text)}" for one in status.questions)),
        ("go on", "" if status.state.is_final else f"orgrun resume {status.run}{where}"),
    ]


def _report(status: RunStatus, report: Path, where: str, here: bool) -> str:
    """Its place, or how to bring it here."""
    if not here:
        return f"orgrun report {status.run}{where}"
    return str(report) if report.is_file() else ""


def status_words(status: RunStatus) -> str:
    """A run's state in aligned plain lines."""
    spend, trials = status.spend, status.trials
    metric = status.objective["metric"]
    lines = [
        (status.run, f"{status.state.value}" + (f": {status.reason}" if status.reason else "")),
        ("driver", _driver(status)),
        ("objective", f"{status.objective['direction']} {metric}"),
        ("baseline", _measured(status)),
        ("lead", f"{status.lead.commit[:10]}: {_number(status.lead.metric)}" if status.lead else ""),
        ("champion", champion_line(status)),
        ("ideas", _counts(status.ideas)),
        ("trials", _counts(trials.model_dump(exclude=set() if trials.interrupted else {"interrupted"}))),
        (
            "spend",
            f"{spend.cpu_seconds:.1f} CPU s, {spend.gpu_seconds:.1f} GPU s, {spend.tokens} tokens, "
            f"${spend.usd:.2f}, {spend.wall_seconds:.0f} s of wall clock",
        ),
        ("budget", _counts(status.budget) or "none"),
        *[("spend by", text) for text in spend_lines(status)],
        *[("model", text) for text in model_lines(status)],
        ("notebook", _counts({name: n for name, n in status.findings.items() if n})),
        ("isolation", status.isolation),
        ("folder", status.folder),
        *[("asks", text) for text in question_lines(status.questions, status.run)],
        *activity_rows(status.roles),
    ]
    width = max(len(label) for label, text in lines if text)
    return "\n".join(f"{label.ljust(width)}  {printable(text)}" for label, text in lines if text)


def activity_rows(roles: Sequence[RoleActivity]) -> list[tuple[str, str]]:
    """Who, and does what: the first of the busy ones, how many more there are, and the idle ones in one row."""
    busy = [(one.role, one.doing) for one in roles if one.doing != IDLE]
    idle = [one.role for one in roles if one.doing == IDLE]
    rows = busy[:BUSY]
    rows += [("", f"and {len(busy) - BUSY} more")] if len(busy) > BUSY else []
    return rows + ([(IDLE, ", ".join(idle))] if idle else [])


def spend_lines(status: RunStatus) -> list[str]:
    """One line for each role and species, what they brought included."""
    lines = []
    for row in status.spend_by:
        parts = [f"{row.trials} trials"] if row.trials else []
        parts += [f"{row.cpu_seconds:.1f} CPU s"] if row.cpu_seconds else []
        parts += [f"{row.gpu_seconds:.1f} GPU s"] if row.gpu_seconds else []
        parts += [f"{row.tokens} tokens, ${row.usd:.2f}"] if row.tokens or row.usd else []
        parts += [f"kept gain {row.gain:.4g}"] if row.gain else []
        lines.append(f"{row.role} ({row.species}): {', '.join(parts) or 'nothing'}")
    return lines


def model_lines(status: RunStatus) -> list[str]:
    """One line for each language model: how often it was asked, what failed, what of its prompts a cache held."""
    lines = []
    for row in status.models:
        failed = ", ".join(f"{count} {what}" for what, count in sorted(row.failed.items()))
        parts = [f"{row.calls} calls", f"{row.attempts} attempts{f' ({failed})' if failed else ''}"]
        parts += [f"{row.cached:.0%} of the input from its cache"] if row.cached is not None else []
        parts += [f"it cannot take {', '.join(row.lacks)}"] if row.lacks else []
        lines.append(f"{row.model}: {', '.join(parts)}")
    return lines


def question_lines(questions: Sequence[QuestionStatus], run: str, widest: int = 300) -> list[str]:
    """Each question, and how to answer it."""
    lines = []
    for one in questions:
        answer = " | ".join(one.choices) or "…"
        how = f'orgrun answer {run} {one.id} "{answer}"'
        lines.append(printable(f"{one.id} of {one.role}: {_line(one.text, widest)} → {how}"))
    return lines


def _line(text: str, widest: int = 120) -> str:
    line = " ".join(text.split())
    return line if len(line) <= widest else f"{line[: widest - 1]}…"


def _driver(status: RunStatus) -> str:
    """Empty for a run that is over: nobody is missed there."""
    if status.driver_alive:
        return "alive"
    return "" if status.state.is_final else "none is alive, so nothing runs"


def _measured(status: RunStatus) -> str:
    if status.baseline is None or status.noise is None:
        return "not measured yet"
    noise = status.noise
    return (
        f"{status.baseline.commit[:10]}: {_number(status.baseline.metric)}, noise sd {noise.sd:.3g} "
        f"(of {noise.pairs} seeds, correlation {noise.correlation:.2f})"
    )


def _number(value: float | None) -> str:
    return "not measured" if value is None else f"{value:.5g}"


def _counts(counts: Mapping[str, object]) -> str:
    return ", ".join(f"{name} {value:g}" for name, value in counts.items() if isinstance(value, (int, float)))
