"""Reading an outcome: from how an attempt ended and what it printed to a metric, or the reason why there is none.

Works on one `TrialOutcome`; does not know the ledger, the noise or whether a number is good. The text is hostile:
read with bounded patterns, stripped of control characters where it is quoted, and never an instruction. Invariant: a
metric is finite, and only a process that ended by itself with exit code 0 has one.
"""

from __future__ import annotations

import math
import re

from orgruntime.model.trial import Ending, Reading, Score, TrialOutcome

NUMBER = r"[-+]?(?:\d{1,400}(?:_\d{3})*(?:\.\d{0,400})?|\.\d{1,400})(?:[eE][-+]?\d{1,6})?|[-+]?(?:nan|inf|infinity)"
FIGURES = 100
"""Figures kept of a block."""
QUOTED = 200
"""Characters of a quotation in a reason."""

_SCORES = {
    Ending.TIMEOUT: Score.TIMEOUT,
    Ending.OUT_OF_MEMORY: Score.OUT_OF_MEMORY,
    Ending.TAMPERED: Score.INVALID,
    Ending.ENDED_EARLY: Score.ENDED_EARLY,
}
"""Every other ending is a crash."""

_ANSI = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?|[@-Z\\-_])")
_CONTROL = re.compile(
    r"[\x00-\x08\x0b-\x1f\x7f-\x9f\xad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb"
    "\U000e0000-\U000e01ef]"
)
_PAIR = re.compile(rf"\s{{0,20}}([^\s:=][^:=]{{0,80}}?)\s{{0,20}}[:=]\s{{0,20}}({NUMBER})\s{{0,20}}", re.IGNORECASE)
_PROGRESS = re.compile(rf"progress[ \t]+({NUMBER})[ \t]+(\S{{1,80}})[ \t]+({NUMBER})\s{{0,20}}", re.IGNORECASE)
_ERROR_LINE = re.compile(
    r"(?:[A-Za-z_][\w.]*(?:Error|Exception|Interrupt|Exit|Warning|Iteration)\b|[A-Za-z_]\w*Error)(?::.*)?"
)


def read_outcome(outcome: TrialOutcome, metric: str) -> Reading:
    """The last block that starts with a line `---` is read first; a metric outside one counts when no block has it.
    A line `progress FRACTION METRIC VALUE` is a point of the curve."""
    text = plain(outcome.output)
    lines = text.splitlines()
    progress = _progress(lines, metric)
    score, reason = _how_it_ended(outcome, lines)
    if score is not None:
        return Reading(score=score, progress=progress, reason=reason)
    figures = _figures(lines)
    value = figures[metric] if metric in figures else _last_line(lines, metric)
    finite = {name: number for name, number in figures.items() if math.isfinite(number)}
    if value is None:
        return Reading(
            score=Score.INVALID,
            figures=finite,
            progress=progress,
            reason=f"it printed no `{metric}: NUMBER`{_said(lines)}",
        )
    if not math.isfinite(value):
        reason = f"`{metric}` is {value}, which is not a finite number"
        return Reading(score=Score.INVALID, figures=finite, progress=progress, reason=reason)
    return Reading(score=Score.MEASURED, metric=value, figures=finite, progress=progress)


def plain(text: str) -> str:
    """Without terminal escapes, control and invisible characters; newlines and tabs stay. Safe to show."""
    return _CONTROL.sub("", _ANSI.sub("", text.replace("\r\n", "\n").replace("\r", "\n")))


def _how_it_ended(outcome: TrialOutcome, lines: list[str]) -> tuple[Score | None, str]:
    """A score where the ending alone decides it."""
    if outcome.ending is Ending.EXITED and outcome.exit_code == 0:
        return None, ""
    detail = plain(outcome.detail)[:QUOTED].replace("\n", " ")
    sentences = {
        Ending.EXITED: _crash(outcome.exit_code, detail, lines),
        Ending.TIMEOUT: f"it was still running at its time limit, after {outcome.wall_s:.1f} s{_said(lines)}",
        Ending.OUT_OF_MEMORY: f"it passed its memory limit with {outcome.peak_memory_mb:.0f} MB",
        Ending.TAMPERED: f"it changed the frozen file {detail or 'of its tree'}",
        Ending.TOO_MANY_PROCESSES: "it started too many processes",
        Ending.CANCELLED: "it was cancelled",
        Ending.ENDED_EARLY: detail,
    }
    failed = f"the cluster failed it: {detail or outcome.ending.value}"
    return _SCORES.get(outcome.ending, Score.CRASH), sentences.get(outcome.ending, failed)


def _crash(code: int | None, detail: str, lines: list[str]) -> str:
    killed = f" (killed by signal {code - 128})" if code is not None and 128 < code < 193 else ""
    cause = f"{detail}: " if detail else ""
    return f"{cause}exit code {code}{killed}{_said(lines)}"


def _said(lines: list[str]) -> str:
    """The last line of the last traceback, else the last line."""
    spoken = [line.strip() for line in lines if line.strip()]
    if not spoken:
        return "; it printed nothing"
    errors = [line for line in spoken[-200:] if _ERROR_LINE.fullmatch(line[:2000])]
    return f"; it ended with: {(errors or spoken)[-1][:QUOTED]}"


def _figures(lines: list[str]) -> dict[str, float]:
    """Every `name: number` line of the last block; the last of a name wins."""
    starts = [index for index, line in enumerate(lines) if line.strip() == "---"]
    if not starts:
        return {}
    found: dict[str, float] = {}
    for line in lines[starts[-1] + 1 :]:
        if (pair := _PAIR.fullmatch(line[:1000])) and (len(found) < FIGURES or pair[1] in found):
            found[pair[1].strip()] = _number(pair[2])
    return found


def _last_line(lines: list[str], metric: str) -> float | None:
    for line in reversed(lines):
        pair = _PAIR.fullmatch(line[:1000])
        if pair and pair[1].strip() == metric:
            return _number(pair[2])
    return None


def _progress(lines: list[str], metric: str) -> tuple[tuple[float, float], ...]:
    points = []
    for line in lines:
        point = _PROGRESS.fullmatch(line.strip()[:1000]) if line.lstrip().startswith("progress") else None
        if point and point[2].rstrip(":=") == metric:
            fraction, value = _number(point[1]), _number(point[3])
            if 0 < fraction <= 1 and math.isfinite(value):
                points.append((fraction, value))
    return tuple(points)


def _number(text: str) -> float:
    return float(text)
