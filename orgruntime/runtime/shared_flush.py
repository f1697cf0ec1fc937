"""Group commit for anything that is slow to put on disk: callers that wait at the same time share one flush.

Works on one event loop. Does not know what is flushed. Invariant: a flush that answers a caller began after that
caller came.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable


class SharedFlush:
    """`take` is called in the loop as a flush begins, and returns the work; the work runs in a thread."""

    def __init__(self, take: Callable[[], Callable[[], None]]) -> None:
        self._take = take
        self._waiting: list[asyncio.Future[None]] = []
        self._flusher: asyncio.Task[None] | None = None

    async def __call__(self) -> None:
        """Returns once a flush that began after this call has ended. Raises what the work raised."""
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append(done)
        if self._flusher is None or self._flusher.done():
            self._flusher = asyncio.create_task(self._flush())
        await done

    async def _flush(self) -> None:
        while self._waiting:
            group, self._waiting = self._waiting, []
            failure: Exception | None = None
            try:
                await asyncio.to_thread(self._take())
            except Exception as error:
                failure = error
            for done in group:
                if done.done():
                    continue
                if failure is None:
                    done.set_result(None)
                else:
                    done.set_exception(failure)
