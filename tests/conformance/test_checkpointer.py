"""The group-commit checkpointer passes the library's own conformance suite, and survives a reopening."""

from __future__ import annotations

import tempfile
from collections.abc import AsyncIterator
from pathlib import Path

from langgraph.checkpoint.base import BaseCheckpointSaver, empty_checkpoint
from langgraph.checkpoint.conformance import checkpointer_test, validate

from orgruntime.backends.group_commit import GroupCommitSaver


@checkpointer_test(name="GroupCommitSaver")
async def saver() -> AsyncIterator[BaseCheckpointSaver[str]]:
    with tempfile.TemporaryDirectory() as folder:
        async with GroupCommitSaver.opened(Path(folder) / "graph.db") as opened:
            yield opened


async def test_library_conformance() -> None:
    report = await validate(saver)
    assert report.passed_all_base(), report.to_dict()


async def test_a_checkpoint_is_on_disk_when_put_returns(tmp_path: Path) -> None:
    path = tmp_path / "graph.db"
    config = {"configurable": {"thread_id": "q1", "checkpoint_ns": ""}}
    async with GroupCommitSaver.opened(path) as first:
        await first.aput(config, empty_checkpoint(), {"source": "input", "step": -1, "parents": {}}, {})
        async with GroupCommitSaver.opened(path) as second:
            assert second.threads() == {"q1"}


async def test_forgotten_threads_leave_no_rows(tmp_path: Path) -> None:
    path = tmp_path / "graph.db"
    config = {"configurable": {"thread_id": "q1", "checkpoint_ns": ""}}
    async with GroupCommitSaver.opened(path) as first:
        await first.aput(config, empty_checkpoint(), {"source": "input", "step": -1, "parents": {}}, {})
        await first.forget(["q1"])
    async with GroupCommitSaver.opened(path) as second:
        assert second.threads() == set()
        assert await second.aget_tuple(config) is None
