"""A clock that stands still until it is told to move.

Does not know the machine's time. Invariant: a sleeper wakes when the clock was moved to or past its time, in the order
of the times, and never by itself.
"""

from __future__ import annotations

import asyncio
import heapq
import itertools

EPOCH_S = 1_700_000_000.0


class FakeClock:
    """Implements `ports.Clock`. Starts at 0 monotonic seconds."""

    def __init__(self) -> None:
        self._s = 0.0
        self._order = itertools.count()
        self._sleepers: list[tuple[float, int, asyncio.Future[None]]] = []

    def now(self) -> float:
        return EPOCH_S + self._s

    def monotonic(self) -> float:
        return self._s

    async def sleep(self, seconds: float) -> None:
        woken: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        heapq.heappush(self._sleepers, (self._s + seconds, next(self._order), woken))
        self.advance(0)
        await woken

    def advance(self, seconds: float) -> None:
        """Moves time on, by at least 0 seconds, and wakes who waited for it."""
        if seconds < 0:
            raise ValueError(f"a clock never goes back, not even by {-seconds} s")
        self._s += seconds
        while self._sleepers and self._sleepers[0][0] <= self._s:
            _, _, woken = heapq.heappop(self._sleepers)
            if not woken.done():
                woken.set_result(None)
