"""Logs of results that were kept before: any header, any words, rows of the wrong width. Text in, rows out.

Does not know runs. Invariant: a number that may stand for "none" is none: what a crash left in the metric's column is
never a best.
"""

from __future__ import annotations

import csv
import io
import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from orgruntime.importer.bare_places import is_readable, read_some
from orgruntime.model.history import PastResult, PastWord

MAX_BYTES = 4 << 20
MOST_ROWS = 2000
"""Rows taken of one log, the newest; the largest of 130 logs in the wild has 1,127."""
NOTE = 300

_STATUS = ("status", "result", "decision", "verdict", "outcome", "kept", "action", "state")
_COMMIT = ("commit", "hash", "sha", "commit_hash", "git_commit", "experiment_id", "exp_id", "id", "run", "exp")
_FREE = ("description", "notes", "note", "hypothesis", "change", "idea", "title", "comment", "what")
_LOGS = re.compile(r"(?:.*[_.-])?results?(?:[_.-].*)?\.(?:tsv|csv)", re.IGNORECASE)
_WORDS = {
    PastWord.BASELINE: ("baseline", "base", "start", "reference"),
    PastWord.KEEP: ("keep", "kept", "accept", "accepted", "new_best", "best", "improved", "advance", "merged", "保留"),
    PastWord.DISCARD: (
        "discard", "discarded", "revert", "reverted", "reject", "rejected", "worse", "drop", "dropped", "rollback",
        "回滚",
    ),
    PastWord.CRASH: (
        "crash", "crashed", "fail", "failed", "failure", "error", "oom", "out_of_memory", "timeout", "timed_out",
        "killed", "invalid", "nan", "diverged", "checks_failed",
    ),
}  # fmt: skip


@dataclass(frozen=True)
class ResultLog:
    """`column` is the metric's; empty where the log has none."""

    file: str
    header: tuple[str, ...]
    column: str
    rows: tuple[PastResult, ...]
    left_out: int = 0
    """Older rows than `MOST_ROWS`."""


def find_logs(root: Path, named: str | None) -> tuple[Path, ...]:
    """Logs at the top of the folder, and the one that the program names. Relative to `root`."""
    names = sorted(path.name for path in root.iterdir() if _LOGS.fullmatch(path.name))
    found = [name for name in names if is_readable(root, name)]
    if named and is_readable(root, named):
        found.append(Path(named).as_posix())
    return tuple(Path(name) for name in dict.fromkeys(found))


def header_of(root: Path, file: Path) -> tuple[str, ...]:
    """The columns that the first line names; empty where there is no such line."""
    first = next(iter(_read(root, file)), (0, []))[1]
    return tuple(cell.strip() for cell in first) if _is_header(first) else ()


def read_log(root: Path, file: Path, metric: str) -> ResultLog:
    """The rows of one log. Never raises for what a log holds."""
    lines = _read(root, file)
    header = tuple(cell.strip() for cell in lines[0][1]) if lines and _is_header(lines[0][1]) else ()
    names = [name.casefold() for name in header]
    where = _Columns.of(names, metric.casefold())
    body = lines[1:] if header else lines
    rows = tuple(_row(file.as_posix(), number, cells, where) for number, cells in body[-MOST_ROWS:])
    column = header[where.metric] if where.metric is not None and header else ""
    return ResultLog(file.as_posix(), header, column, rows, max(0, len(body) - MOST_ROWS))


@dataclass(frozen=True)
class _Columns:
    """Where things stand; None where there is no such column."""

    names: tuple[str, ...]
    metric: int | None
    status: int | None
    commit: int | None

    @classmethod
    def of(cls, names: list[str], metric: str) -> _Columns:
        if not names:
            return cls((), None, None, None)
        like = [
            index for index, name in enumerate(names) if metric and (name == metric or name.startswith(f"{metric} "))
        ]
        return cls(
            tuple(names),
            like[0] if like else None,
            next((names.index(name) for name in _STATUS if name in names), None),
            next((names.index(name) for name in _COMMIT if name in names), None),
        )


def _read(root: Path, file: Path) -> list[tuple[int, list[str]]]:
    """(line, cells) of each line that has some."""
    text = (read_some(root, file, MAX_BYTES) or "").replace("\0", "")
    return list(_cells(text, "\t" if "\t" in text.split("\n", 1)[0] or file.suffix.lower() == ".tsv" else ","))


def _cells(text: str, sign: str) -> Iterator[tuple[int, list[str]]]:
    if sign == "\t":
        # Free words of agents: a lone quote is a quote, not the start of a cell of many lines.
        rows = ((number, line.split("\t")) for number, line in enumerate(text.splitlines(), 1))
    else:
        reader = csv.reader(io.StringIO(text))
        rows = ((reader.line_num, row) for row in reader)
    try:
        yield from ((number, row) for number, row in rows if any(cell.strip() for cell in row))
    except csv.Error:
        return


def _is_header(cells: list[str]) -> bool:
    return len(cells) > 1 and all(_number(cell) is None for cell in cells) and not any(len(cell) > 60 for cell in cells)


def _row(file: str, number: int, cells: list[str], where: _Columns) -> PastResult:
    status = _cell(cells, where.status)
    word = meaning(status)
    is_whole = len(cells) == len(where.names) or word is not PastWord.OTHER
    metric = _number(_cell(cells, where.metric)) if is_whole else None
    commit = _cell(cells, where.commit)
    if word is PastWord.OTHER and commit.casefold() in _WORDS[PastWord.BASELINE]:
        word = PastWord.BASELINE
    if word is PastWord.CRASH or (metric == 0 and word not in (PastWord.KEEP, PastWord.BASELINE)):
        metric = None
    return PastResult(
        file=file, line=number, commit=_plain(commit)[:80], metric=metric, word=word, status=_plain(status)[:80],
        note=_note(cells, where, is_whole)[:NOTE],
    )  # fmt: skip


def _note(cells: list[str], where: _Columns, is_whole: bool) -> str:
    """The free words, then the other cells by their names; the raw row where its cells are not where they belong."""
    if not is_whole or not where.names:
        return " · ".join(text for cell in cells if (text := _plain(cell)))
    taken = {where.status, where.commit, where.metric}
    rest = [(name, _plain(cell)) for index, (name, cell) in enumerate(_named(cells, where)) if index not in taken]
    words = [text for name, text in rest if text and (not name or name in _FREE)]
    figures = [f"{name} {text}" for name, text in rest if text and name and name not in _FREE]
    return " · ".join([*words, *figures])


def _named(cells: list[str], where: _Columns) -> Iterator[tuple[str, str]]:
    """Each cell with its column's name; cells beyond the last column have none."""
    for index, cell in enumerate(cells):
        yield (where.names[index] if index < len(where.names) else "", cell)


def meaning(status: str) -> PastWord:
    """What a status word stands for: `KEEP`, `keep ✔` and `new best` are one; what nobody knows is `other`."""
    word = re.sub(r"[^\w]+", "_", status.strip().casefold()).strip("_")
    for known, spellings in _WORDS.items():
        if word in spellings:
            return known
    return PastWord.OTHER


def _cell(cells: list[str], index: int | None) -> str:
    return cells[index].strip() if index is not None and index < len(cells) else ""


def _number(text: str) -> float | None:
    """A finite number, or None."""
    try:
        value = float(text.strip().replace(",", ""))
    except ValueError:
        return None
    return value if math.isfinite(value) else None


def _plain(text: str) -> str:
    return "".join(char for char in " ".join(text.split()) if char.isprintable())
