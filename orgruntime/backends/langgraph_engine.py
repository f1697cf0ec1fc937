"""The engine port on LangGraph: the manifest's graph lowered to a `StateGraph`, one durable thread an inquiry.

Knows routing and step addresses; does not know what a step does. The state of a thread is one small record of
ids and counters: results live in the ledger.
Invariant: a step is written down by the runtime before its checkpoint is; a crash between the two replays the
node, and the runtime answers the replay from the ledger.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any, TypedDict

os.environ.setdefault("LANGGRAPH_STRICT_MSGPACK", "true")

from langgraph.graph import END as GRAPH_END
from langgraph.graph import START, StateGraph
from langgraph.types import Command

from orgruntime.backends.group_commit import GroupCommitSaver
from orgruntime.backends.thread_loop import entering, lean, run_thread
from orgruntime.model.ids import InquiryId, PayloadId, RoleSlug
from orgruntime.model.manifest import AgentGraph, Manifest
from orgruntime.runtime.ports import StepAddress, StepRunner
from orgruntime.runtime.routing import END, way_on, ways_out

STEP_LIMIT = 10_000
"""Steps of one thread. The compiler has bounded every cycle; this bounds the compiler's mistakes."""


class Position(TypedDict):
    """Where a thread stands."""

    at: str
    payload: str
    visit: int
    taken: dict[str, int]
    callers: list[str]


class ThreadState(TypedDict):
    position: Position


def lower(graph: AgentGraph, roles: Sequence[RoleSlug], step: StepRunner) -> StateGraph[Any, Any, Any, Any]:
    """The `StateGraph` of an org: a node a role, and from each node a conditional edge to every role that
    routing can name. A thread may start at any role (an idea at an entry, a fan-out's extra payloads at its target)."""
    lowered: StateGraph[Any, Any, Any, Any] = StateGraph(ThreadState)
    for slug in roles:
        ways = tuple(str(to) for to in ways_out(graph, slug))
        lowered.add_node(slug, _node(graph, slug, step), destinations=(*ways, GRAPH_END))
    lowered.add_conditional_edges(START, _next, {slug: slug for slug in roles})
    return lowered


def _next(state: ThreadState) -> str:
    return state["position"]["at"]


def _node(graph: AgentGraph, slug: RoleSlug, step: StepRunner) -> Callable[[ThreadState, Any], Awaitable[Command[Any]]]:
    async def act(state: ThreadState, config: Any) -> Command[Any]:
        position = state["position"]
        address = StepAddress(InquiryId(config["configurable"]["thread_id"]), slug, position["visit"])
        inbox = PayloadId(position["payload"]) if position["payload"] else None
        handed = await step(address, inbox)
        callers = [RoleSlug(caller) for caller in position["callers"]]
        way = way_on(graph, slug, handed.type if handed.payload else "", handed.words, position["taken"], callers)
        taken = dict(position["taken"])
        if way.edge is not None:
            taken[way.edge.id] = taken.get(way.edge.id, 0) + 1
        there = Position(
            at=way.to,
            payload=handed.payload or "",
            visit=position["visit"] + 1,
            taken=taken,
            callers=list(way.callers),
        )
        return Command(update={"position": there}, goto=way.to or GRAPH_END)

    # LangGraph reads a node's type hints at run time to find its input schema; these are local strings.
    act.__annotations__ = {"state": ThreadState, "return": Command}
    return act


class LangGraphEngine:
    """Threads in `path`, a SQLite file that is created with mode 0600 and is never shared: a checkpoint is as
    trusted as code."""

    def __init__(self, manifest: Manifest, path: Path) -> None:
        self._manifest = manifest
        self._path = path
        self._stack = contextlib.AsyncExitStack()
        self._saver: GroupCommitSaver | None = None
        self._graph: Any = None
        """As it is drawn."""
        self._compiled: Any = None
        """As it is run."""
        self._known: set[str] = set()
        """Threads that may have a checkpoint: only these are looked for on disk before they run."""

    async def open(self, step: StepRunner) -> None:
        self._path.touch(mode=0o600, exist_ok=True)
        self._saver = await self._stack.enter_async_context(GroupCommitSaver.opened(self._path))
        self._known = self._saver.threads()
        roles = [role.slug for role in self._manifest.roles]
        self._graph = lower(self._manifest.graph, roles, step).compile(checkpointer=self._saver)
        self._compiled = lean(self._graph, ThreadState, roles)

    async def run(self, inquiry: InquiryId, at: RoleSlug, payload: PayloadId | None) -> None:
        place = {"thread_id": inquiry, "checkpoint_ns": ""}
        config = {"configurable": place, "recursion_limit": STEP_LIMIT, "metadata": {}}
        start: dict[str, Any] | None = entering(at, _start(at, payload))
        if inquiry in self._known:
            saved = await self._compiled.aget_state(config)
            if saved.created_at is not None:
                if not saved.next:
                    return
                start = None
        self._known.add(inquiry)
        await run_thread(self._compiled, self._saver, start, config)

    async def forget(self, inquiries: Sequence[InquiryId]) -> None:
        assert self._saver is not None
        self._known.difference_update(inquiries)
        await self._saver.forget(inquiries)

    async def close(self) -> None:
        await self._stack.aclose()

    def drawn(self) -> tuple[set[str], set[tuple[str, str]]]:
        """Nodes and edges of the compiled graph without start and end, for the test that the drawing is the graph."""
        return drawn(self._graph)


def drawn(compiled: Any) -> tuple[set[str], set[tuple[str, str]]]:
    """Role nodes and role-to-role edges of a compiled graph."""
    picture = compiled.get_graph()
    nodes = {name for name in picture.nodes if not name.startswith("__")}
    edges = {(edge.source, edge.target) for edge in picture.edges}
    return nodes, {(a, b) for a, b in edges if a in nodes and b in nodes}


def _start(at: RoleSlug, payload: PayloadId | None) -> ThreadState:
    return ThreadState(position=Position(at=at or END, payload=payload or "", visit=0, taken={}, callers=[]))
