"""The way of one thread through a compiled LangGraph graph: the library's own loop, driven without its stream.

Knows LangGraph's loop, a superstep of which is one task here; does not know roles. What `astream` and `invoke` add to
it (callbacks, a stream, a runner that races tasks, a task of the event loop for each save) costs as much again as the
loop itself, and nobody is there to hear it.
Invariant: of a thread that is saved, a superstep begins only when the checkpoint of the one before it is on disk. What
a thread was started with and where it ended is not saved: whoever runs it has the first, and is asked for the last step
again should the thread be run once more.
"""

from __future__ import annotations

from collections.abc import Awaitable, Mapping, Sequence
from typing import Any

from langgraph.graph import END
from langgraph.pregel._loop import AsyncPregelLoop, SyncPregelLoop
from langgraph.pregel._write import ChannelWrite, ChannelWriteEntry
from langgraph.types import Command


def lean(graph: Any, state: type, nodes: Sequence[str]) -> Any:
    """The compiled graph with these nodes without the sequence that LangGraph makes of a function and the writer of its
    answer: for each step that is two tasks, and callbacks to nobody. It is entered at a node (`entering`): the way
    through the graph's start node is a superstep more."""
    bare = {name: graph.nodes[name].copy({"bound": _Bare(graph.nodes[name].bound), "writers": []}) for name in nodes}
    entries = [*state.__annotations__, *map(_trigger, nodes)]
    return graph.copy({"input_channels": entries, "nodes": {**graph.nodes, **bare}})


def entering(node: str, state: Mapping[str, Any]) -> dict[str, Any]:
    """The input of a `lean` graph: its state and the node's trigger, as a step before it would have written them."""
    return {**state, _trigger(node): None}


async def run_thread(graph: Any, saver: Any, start: Any, config: dict[str, Any]) -> None:
    """From `start`, or from where its checkpoint stands, to the end of its way. Raises what a node raises."""
    loop = _Loop(saver, start, config=config, **_about(graph))
    await loop.__aenter__()
    # There is nothing to leave: what the loop saves is awaited here, and it starts nothing else. Its stack would hold
    # it until the collector comes.
    loop.stack.pop_all()
    loop.begin_saving()
    while loop.tick():
        if not any([await task.proc.ainvoke(task.input, task.config) for task in loop.tasks.values()]):
            return
        loop.after_tick()
        await loop.saving
    _check_end(loop, config)


def run_unsaved(graph: Any, start: Any, config: dict[str, Any]) -> Mapping[str, Any]:
    """The channels of a graph that saves nothing, at the end of its way from `start`. Raises what a node raises."""
    loop = SyncPregelLoop(start, config=config, checkpointer=None, **_about(graph))
    with loop:
        while loop.tick():
            for task in loop.tasks.values():
                task.proc.invoke(task.input, task.config)
            loop.after_tick()
    _check_end(loop, config)
    channels: Mapping[str, Any] = loop.channels
    return channels


def _about(graph: Any) -> dict[str, Any]:
    return {
        "stream": None,
        "store": None,
        "cache": None,
        "nodes": graph.nodes,
        "specs": graph.channels,
        "input_keys": graph.input_channels,
        "trigger_to_nodes": graph.trigger_to_nodes,
        "durability": "sync",
    }


def _check_end(loop: Any, config: dict[str, Any]) -> None:
    if loop.status == "out_of_steps":
        raise RuntimeError(f"the thread took more than {config['recursion_limit']} steps")


def _trigger(node: str) -> str:
    """The channel by which LangGraph calls a node."""
    return f"branch:to:{node}"


class _Bare:
    """A node that writes to the channels itself: as much of a `Runnable` as the loop calls."""

    def __init__(self, bound: Any) -> None:
        self._bound = bound

    def invoke(self, input: Any, config: Any) -> None:
        _write(self._bound.func(input, config), config)

    async def ainvoke(self, input: Any, config: Any) -> bool:
        """Whether another node follows. Without one nothing is written: nobody would read it."""
        command = await self._bound.afunc(input, config)
        if command.goto == END:
            return False
        _write(command, config)
        return True


def _write(command: Command[Any], config: Any) -> None:
    writes = [ChannelWriteEntry(name, value) for name, value in dict(command.update or {}).items()]
    if command.goto != END:
        writes.append(ChannelWriteEntry(_trigger(str(command.goto)), None))
    ChannelWrite.do_write(config, writes)


class _Loop(AsyncPregelLoop):  # type: ignore[misc]  # the library is not followed by the type checker
    """The library's loop, which hands each save to whoever awaits it."""

    def __init__(self, saver: Any, *args: Any, **kwargs: Any) -> None:
        # Without a saver the library writes down no writes of a task: the only one of a superstep is in its checkpoint,
        # and where that was lost, its node runs again.
        super().__init__(*args, checkpointer=None, **kwargs)
        self.checkpointer, self.checkpointer_get_next_version = saver, saver.get_next_version
        self.saving: Awaitable[Any]

    def begin_saving(self) -> None:
        """From here on: what the thread was started with is no checkpoint."""
        self._checkpointer_put_after_previous = self.checkpointer.aput

    @property
    def submit(self) -> Any:
        return self._save

    @submit.setter
    def submit(self, _: Any) -> None:
        """The library's would make a task of the event loop of each save."""

    def _save(self, put: Any, _before: Any, _writes: Any, config: Any, checkpoint: Any, about: Any, new: Any) -> None:
        self.saving = put(config, checkpoint, about, new)
