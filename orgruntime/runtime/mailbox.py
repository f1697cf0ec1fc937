"""Things that come one by one and are taken all at once.

Works in one event loop. Invariant: whoever stops waiting loses nothing.
"""

from __future__ import annotations

import asyncio
from typing import Generic, TypeVar

T = TypeVar("T")


class Mailbox(Generic[T]):
    def __init__(self) -> None:
        self._things: list[T] = []
        self._news = asyncio.Event()

    def put(self, thing: T) -> None:
        self._things.append(thing)
        self._news.set()

    async def take(self) -> list[T]:
        """Waits for at least one."""
        while not self._things:
            self._news.clear()
            await self._news.wait()
        things, self._things = self._things, []
        return things
