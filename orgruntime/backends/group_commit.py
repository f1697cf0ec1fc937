"""A LangGraph checkpointer on SQLite in which threads that run side by side share one fsync.

Built on the library's `AsyncSqliteSaver`, which commits each write by itself: one disk flush a step. Here rows
are collected in memory and written, in order, by one worker thread: a commit covers everything that has come
since the last one. Reads go through the library, after a flush.
Invariant: when `aput` returns, the checkpoint and every write before it are on disk. `aput_writes` alone promises
nothing: a lost write replays its node, which the ledger makes harmless.
"""

from __future__ import annotations

import contextlib
import json
import sqlite3
from collections.abc import AsyncIterator, Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import aiosqlite
from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.base import (
    WRITES_IDX_MAP,
    ChannelVersions,
    Checkpoint,
    CheckpointMetadata,
    CheckpointTuple,
    get_checkpoint_metadata,
)
from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver

from orgruntime.runtime.shared_flush import SharedFlush

_PUT = (
    "INSERT OR REPLACE INTO checkpoints"
    " (thread_id, checkpoint_ns, checkpoint_id, parent_checkpoint_id, type, checkpoint, metadata)"
    " VALUES (?, ?, ?, ?, ?, ?, ?)"
)
_WRITE = (
    "INSERT OR {} INTO writes"
    " (thread_id, checkpoint_ns, checkpoint_id, task_id, task_path, idx, channel, type, value)"
    " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"
)
_FORGET = ("DELETE FROM checkpoints WHERE thread_id = ?", "DELETE FROM writes WHERE thread_id = ?")

Statement = tuple[str, tuple[Any, ...]]


class GroupCommitSaver(AsyncSqliteSaver):  # type: ignore[misc]  # the library is not followed by the type checker
    """See the module. Use `opened`."""

    def __init__(self, conn: aiosqlite.Connection, path: Path) -> None:
        super().__init__(conn)
        self._disk = sqlite3.connect(path, timeout=30, isolation_level=None, check_same_thread=False)
        self._disk.execute("PRAGMA synchronous=FULL")
        self._rows: list[Statement] = []
        self._flush = SharedFlush(self._take)
        self._stored: set[str] = set()

    @classmethod
    @contextlib.asynccontextmanager
    async def opened(cls, path: Path) -> AsyncIterator[GroupCommitSaver]:
        """A saver on the file; flushed and closed at the end."""
        async with aiosqlite.connect(path) as conn:
            saver = cls(conn, path)
            await saver.setup()
            async with conn.execute("SELECT DISTINCT thread_id FROM checkpoints") as rows:
                saver._stored = {row[0] async for row in rows}
            try:
                yield saver
                await saver.flush()
            finally:
                saver._disk.close()

    def threads(self) -> set[str]:
        """Ids of the threads that have a checkpoint."""
        return set(self._stored)

    async def aput(
        self,
        config: RunnableConfig,
        checkpoint: Checkpoint,
        metadata: CheckpointMetadata,
        new_versions: ChannelVersions,
    ) -> RunnableConfig:
        place = config["configurable"]
        thread = str(place["thread_id"])
        kind, blob = self.serde.dumps_typed(checkpoint)
        about = json.dumps(get_checkpoint_metadata(config, metadata), ensure_ascii=False).encode("utf-8", "ignore")
        parent = place.get("checkpoint_id")
        row = (thread, place["checkpoint_ns"], checkpoint["id"], parent, kind, blob, about)
        self._stored.add(thread)
        self._rows.append((_PUT, row))
        await self.flush()
        return {
            "configurable": {
                "thread_id": place["thread_id"],
                "checkpoint_ns": place["checkpoint_ns"],
                "checkpoint_id": checkpoint["id"],
            }
        }

    async def aput_writes(
        self, config: RunnableConfig, writes: Sequence[tuple[str, Any]], task_id: str, task_path: str = ""
    ) -> None:
        place = config["configurable"]
        where = (str(place["thread_id"]), str(place["checkpoint_ns"]), str(place["checkpoint_id"]), task_id, task_path)
        statement = _WRITE.format("REPLACE" if all(name in WRITES_IDX_MAP for name, _ in writes) else "IGNORE")
        for index, (channel, value) in enumerate(writes):
            kind, blob = self.serde.dumps_typed(value)
            row = (*where, WRITES_IDX_MAP.get(channel, index), channel, kind, blob)
            self._rows.append((statement, row))

    async def aget_tuple(self, config: RunnableConfig) -> CheckpointTuple | None:
        if str(config["configurable"]["thread_id"]) not in self._stored:
            return None
        await self.flush()
        return await super().aget_tuple(config)

    async def alist(self, *args: Any, **kwargs: Any) -> AsyncIterator[CheckpointTuple]:
        await self.flush()
        async for saved in super().alist(*args, **kwargs):
            yield saved

    async def adelete_thread(self, thread_id: str) -> None:
        await self.forget([str(thread_id)])
        await self.flush()

    async def forget(self, threads: Sequence[str]) -> None:
        """Deletes the threads with the next commit; does not wait for it."""
        for thread in threads:
            if thread in self._stored:
                self._stored.discard(thread)
                self._rows.extend((statement, (thread,)) for statement in _FORGET)

    async def flush(self) -> None:
        """Returns when every row that was there at the call is on disk."""
        await self._flush()

    def _take(self) -> Callable[[], None]:
        # Emptied in place: the library works on a shallow copy of the saver, which must go on sharing this list.
        rows = list(self._rows)
        self._rows.clear()
        return partial(self._write, rows)

    def _write(self, rows: Sequence[Statement]) -> None:
        if not rows:
            return
        self._disk.execute("BEGIN IMMEDIATE")
        try:
            for statement, values in rows:
                self._disk.execute(statement, values)
        except sqlite3.Error:
            self._disk.execute("ROLLBACK")
            raise
        self._disk.execute("COMMIT")
