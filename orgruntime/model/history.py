"""One row of a log that was kept before a run: what somebody says was tried. Data only, and no evidence of anything."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from enum import StrEnum

from orgruntime.model.base import Noun
from orgruntime.model.manifest import Direction

HISTORY_FILE = "history.jsonl"
"""Beside an org's `program.md`: one row a line."""


class PastWord(StrEnum):
    """What a status word of a foreign log means, as far as that can be told."""

    BASELINE = "baseline"
    KEEP = "keep"
    DISCARD = "discard"
    CRASH = "crash"
    OTHER = "other"


class PastResult(Noun):
    file: str
    """Of the log, relative to the folder that it was found in."""
    line: int
    commit: str = ""
    """As written; nobody promises that it exists."""
    metric: float | None = None
    """None: none was written, or what stands for none, such as the zeros of a crash."""
    word: PastWord = PastWord.OTHER
    status: str = ""
    """The log's own word."""
    note: str = ""
    """What else the row says, on one line. Untrusted."""


MOST_ROWS = 12
"""Shown of a history, where not all of it is."""


def counted(rows: Sequence[PastResult]) -> str:
    """`results.tsv: 126 rows (23 keep, 102 discard, 1 crash)`."""
    counts = Counter(row.word for row in rows)
    files = ", ".join(dict.fromkeys(row.file for row in rows))
    words = ", ".join(f"{counts[word]} {word}" for word in PastWord if counts[word])
    return f"{files}: {len(rows)} row{'s' * (len(rows) != 1)} ({words})"


def telling(rows: Sequence[PastResult], direction: Direction, most: int = MOST_ROWS) -> list[PastResult]:
    """The best of what was kept, best first, and the newest of the rest; at most `most`."""
    kept = [row for row in rows if row.word in _KEPT and row.metric is not None]
    best = sorted(kept, key=lambda row: -direction.gain(0.0, row.metric or 0.0))[: most // 2]
    rest = [row for row in reversed(rows) if row.word not in _KEPT]
    return [*best, *rest[: most - len(best)]]


def past_lines(rows: Sequence[PastResult], direction: Direction, most: int = MOST_ROWS) -> tuple[str, ...]:
    """For readers of words, one line each; empty for no rows."""
    return (counted(rows), *(_line(row) for row in telling(rows, direction, most))) if rows else ()


_KEPT = (PastWord.KEEP, PastWord.BASELINE)


def _line(row: PastResult) -> str:
    number = "" if row.metric is None else f" {row.metric:.6g}"
    return " ".join(f"{row.status or row.word}{number}: {row.note or row.commit}".split())
