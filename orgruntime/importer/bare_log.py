"""Logs of results that were kept before: any header, any words, rows of the wrong width. Text in, rows out.

Does not know runs, nor what words mean. Invariant: a number that may stand for "none" is none: what a crash left in
the metric's column is never a best.
"""

from __future__ import annotations

import csv
import io
import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from orgruntime.importer.bare_places import is_readable, read_some
from orgruntime.importer.bare_status import (
    commit_column,
    is_flag,
    is_free,
    is_known_column,
    meaning,
    meaning_in,
    metric_column,
    plain_name,
    status_columns,
)
from orgruntime.model.history import PastResult, PastWord

MAX_BYTES = 4 << 20
MOST_ROWS = 2000
"""Rows taken of one log, the newest; the largest of 130 logs in the wild has 1,127."""
NOTE = 300

_LOGS = re.compile(r"(?:.*[_.-])?results?(?:[_.-].*)?\.(?:tsv|csv)", re.IGNORECASE)
_COMMENT = re.compile(r"\s*#(?!\d)")
_RULE = re.compile(r"[\s|:+=-]+")
"""The line below the header of a table in markdown."""
_THOUSANDS = re.compile(r"[-+]?[1-9]\d{0,2}(?:,\d{3})+(?:\.\d*)?")
_SENTINEL = re.compile(r"-?9{3,}(?:\.[09]*)?|-1(?:\.0*)?")
HUGE = 1e9
"""From here on a number of what was not kept stands for none."""


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
    where = _Columns.of(header, metric)
    body = lines[1:] if header else lines
    rows = tuple(_row(file.as_posix(), number, cells, where) for number, cells in body[-MOST_ROWS:])
    column = header[where.metric] if where.metric is not None and header else ""
    return ResultLog(file.as_posix(), header, column, rows, max(0, len(body) - MOST_ROWS))


@dataclass(frozen=True)
class _Columns:
    """Where things stand; None and empty where there is no such column. `names` are plain."""

    names: tuple[str, ...]
    shown: tuple[str, ...]
    metric: int | None
    status: tuple[int, ...]
    commit: int | None

    @classmethod
    def of(cls, header: Sequence[str], metric: str) -> _Columns:
        names = [plain_name(name) for name in header]
        shown = tuple(name.casefold() for name in header)
        return cls(tuple(names), shown, metric_column(names, metric), status_columns(names), commit_column(names))


def _read(root: Path, file: Path) -> list[tuple[int, list[str]]]:
    """(line, cells) of each line that has some; comments are left out."""
    text = (read_some(root, file, MAX_BYTES) or "").replace("\0", "")
    lines = text.splitlines()
    first = next((line for line in lines if line.strip() and not _COMMENT.match(line)), "")
    sign = _sign(first, file.suffix.lower())
    return [(number, cells) for number, cells in _cells(text, sign) if not _is_comment(cells)]


def _sign(line: str, suffix: str) -> str:
    """What stands between the cells, told by the first line that is no comment."""
    if "\t" in line:
        return "\t"
    counts = {sign: line.count(sign) for sign in (",", ";", "|")}
    sign = max(counts, key=lambda one: counts[one])
    if counts[sign]:
        return sign
    return "  " if re.search(r"\S {2,}\S", line) else "\t" if suffix == ".tsv" else ","


def _cells(text: str, sign: str) -> Iterator[tuple[int, list[str]]]:
    rows: Iterator[tuple[int, list[str]]]
    if sign in (",", ";"):
        reader = csv.reader(io.StringIO(text), delimiter=sign)
        rows = ((reader.line_num, row) for row in reader)
    else:
        # Free words of agents: a lone quote is a quote, not the start of a cell of many lines.
        rows = ((number, _cut(line, sign)) for number, line in enumerate(text.splitlines(), 1))
    try:
        yield from ((number, row) for number, row in rows if any(cell.strip() for cell in row))
    except csv.Error:
        return


def _cut(line: str, sign: str) -> list[str]:
    if sign == "  ":
        return re.split(r" {2,}", line.strip())
    if sign == "|":
        return [] if _RULE.fullmatch(line) else line.strip().strip("|").split("|")
    return line.split(sign)


def _is_comment(cells: list[str]) -> bool:
    """A line behind `#` that is neither the header nor a row with a number."""
    if not _COMMENT.match(cells[0]):
        return False
    return not any(is_known_column(plain_name(cell)) for cell in cells) if len(cells) > 1 else True


def _is_header(cells: list[str]) -> bool:
    return len(cells) > 1 and all(_number(cell) is None for cell in cells) and not any(len(cell) > 60 for cell in cells)


def _row(file: str, number: int, cells: list[str], where: _Columns) -> PastResult:
    word, status = _judged(cells, where)
    is_whole = len(cells) == len(where.names) or word is not PastWord.OTHER
    written = _cell(cells, where.metric)
    metric = _number(written) if is_whole else None
    commit = _cell(cells, where.commit)
    if word is PastWord.OTHER and meaning(commit) is PastWord.BASELINE:
        word = PastWord.BASELINE
    is_kept = word in (PastWord.KEEP, PastWord.BASELINE)
    if word is PastWord.CRASH or (not is_kept and _may_be_none(metric, written)) or _is_all_zero(cells, where):
        metric = None
    return PastResult(
        file=file, line=number, commit=_plain(commit)[:80], metric=metric, word=word, status=_plain(status)[:80],
        note=_note(cells, where, is_whole)[:NOTE],
    )  # fmt: skip


def _is_all_zero(cells: list[str], where: _Columns) -> bool:
    """Whether a row has figures besides the metric and all are 0, memory say: then nothing ran, whatever it says."""
    figures = [_number(cell) for index, cell in enumerate(cells) if index not in (where.commit, *where.status)]
    found = [figure for figure in figures if figure is not None]
    return len(found) > 1 and not any(found)


def _judged(cells: list[str], where: _Columns) -> tuple[PastWord, str]:
    """What the status columns say together, and the surest one's own words: a crash in any, then yes or no."""
    said = [(meaning_in(where.names[index], cell), where.names[index], cell)
            for index in where.status if (cell := _cell(cells, index))]  # fmt: skip
    shown = said[0][2] if said else ""
    words = [word for word, _, _ in said]
    if PastWord.CRASH in words:
        return PastWord.CRASH, shown
    flags = [word for word, name, _ in said if is_flag(name)]
    known = [word for word in (*words[:1], *flags, *words) if word is not PastWord.OTHER]
    if flags and PastWord.DISCARD in flags and PastWord.KEEP in known:
        return PastWord.DISCARD, shown
    return (known[0] if known else PastWord.OTHER), shown


def _may_be_none(metric: float | None, written: str) -> bool:
    """Whether the number is one that loops write when there is none."""
    if metric is None:
        return True
    return metric == 0 or abs(metric) >= HUGE or _SENTINEL.fullmatch(written.strip()) is not None


def _note(cells: list[str], where: _Columns, is_whole: bool) -> str:
    """The free words, then the other cells by their names; the raw row where its cells are not where they belong."""
    if not is_whole or not where.names:
        return " · ".join(text for cell in cells if (text := _plain(cell)))
    taken = {*where.status[:1], where.commit, where.metric}
    rest = [(index, _plain(cell)) for index, cell in enumerate(cells) if index not in taken]
    free = [text for index, text in rest if text and (index >= len(where.names) or is_free(where.names[index]))]
    figures = [
        f"{where.shown[index]} {text}"
        for index, text in rest
        if text and index < len(where.names) and not is_free(where.names[index])
    ]
    return " · ".join([*free, *figures])


def _cell(cells: list[str], index: int | None) -> str:
    return cells[index].strip() if index is not None and index < len(cells) else ""


def _number(text: str) -> float | None:
    """A finite number, or None. `1,234` has a thousand, `0,5` is a half."""
    bare = text.strip()
    bare = bare.replace(",", "") if _THOUSANDS.fullmatch(bare) else bare.replace(",", ".")
    try:
        value = float(bare)
    except ValueError:
        return None
    return value if math.isfinite(value) else None


def _plain(text: str) -> str:
    return "".join(char for char in " ".join(text.split()) if char.isprintable())
