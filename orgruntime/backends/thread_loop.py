"""The way of one thread through a compiled LangGraph graph: the library's own loop, driven without its stream.

Knows LangGraph's loop, a superstep of which is one task here; does not know roles. What `astream` adds to the loop
(callbacks, a stream, a runner that races tasks, a task of the event loop for each save) costs twice what the loop
itself does, and nobody is there to hear it.
Invariant: a superstep begins only when the checkpoint of the one before it is on disk. A thread's input is not saved:
whoever runs the thread has it, and gives it again.
"""

from __future__ import annotations

from collections.abc import Awaitable
from typing import Any

from langgraph.pregel._loop import AsyncPregelLoop

INPUT = "input"
"""The source of the checkpoint that holds what a thread was started with."""


async def run_thread(graph: Any, saver: Any, start: Any, config: dict[str, Any]) -> None:
    """From `start`, or from where its checkpoint stands, to the end of its way. Raises what a node raises."""
    loop = _Loop(
        saver,
        start,
        stream=None,
        config=config,
        store=None,
        cache=None,
        nodes=graph.nodes,
        specs=graph.channels,
        input_keys=graph.input_channels,
        trigger_to_nodes=graph.trigger_to_nodes,
        durability="sync",
    )
    await loop.__aenter__()
    # There is nothing to leave: what the loop saves is awaited here, and it starts nothing else. Its stack would hold it
    # until the collector comes.
    loop.stack.pop_all()
    while loop.tick():
        for task in loop.tasks.values():
            await task.proc.ainvoke(task.input, task.config)
        loop.after_tick()
        await loop.saving
    if loop.status == "out_of_steps":
        raise RuntimeError(f"the thread took more than {config['recursion_limit']} steps")


class _Loop(AsyncPregelLoop):  # type: ignore[misc]  # the library is not followed by the type checker
    """The library's loop, which hands each save to whoever awaits it."""

    def __init__(self, saver: Any, *args: Any, **kwargs: Any) -> None:
        # Without a saver the library writes down no writes of a task: the only one of a superstep is in its checkpoint,
        # and where that was lost, its node runs again.
        super().__init__(*args, checkpointer=None, **kwargs)
        self.checkpointer, self.checkpointer_get_next_version = saver, saver.get_next_version
        self._checkpointer_put_after_previous = saver.aput
        self.saving: Awaitable[Any]

    @property
    def submit(self) -> Any:
        return self._save

    @submit.setter
    def submit(self, _: Any) -> None:
        """The library's would make a task of the event loop of each save."""

    def _save(self, put: Any, _before: Any, _writes: Any, config: Any, checkpoint: Any, about: Any, new: Any) -> None:
        if about["source"] != INPUT:
            self.saving = put(config, checkpoint, about, new)
