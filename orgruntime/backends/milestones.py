"""What a trial says on its way, read as it comes: the points of its curve at which it may be compared with others.

Works on bytes of its output. Does not know what is done about a point; standard library only, runs on the node.
Invariant: at most one message a rung, however much a trial prints, and nothing of a line longer than `LONGEST` is kept.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

LONGEST = 200
POINTS = '{"points"'
"""Begins a line that tells of points; every other line of a shepherd is an outcome."""


class Milestones:
    """One attempt. A line `progress FRACTION METRIC VALUE` is a point."""

    def __init__(self, metric: str, rungs: Sequence[float]) -> None:
        self._metric = metric.encode()
        self._rungs = sorted(rungs)
        self._line = b""
        self._last: tuple[float, float] | None = None

    def hear(self, data: bytes) -> list[tuple[float, float]]:
        """The last point before a rung and the first at or past it, for each rung that was just reached."""
        if not self._rungs:
            return []
        *lines, rest = (self._line + data).split(b"\n")
        self._line = rest[: LONGEST + 1]
        told: list[tuple[float, float]] = []
        for line in lines:
            point = self._point(line)
            if point is None:
                continue
            before, self._last = self._last, point
            if self._rungs and point[0] >= self._rungs[0] - 1e-9:
                self._rungs = [rung for rung in self._rungs if rung > point[0] + 1e-9]
                told += [one for one in (before, point) if one is not None and one not in told]
        return told

    def _point(self, line: bytes) -> tuple[float, float] | None:
        words = line.split()
        if len(line) > LONGEST or len(words) != 4 or words[0].lower() != b"progress" or words[2] != self._metric:
            return None
        try:
            at, value = float(words[1]), float(words[3])
        except ValueError:
            return None
        return (at, value) if 0 < at <= 1 and math.isfinite(value) else None
