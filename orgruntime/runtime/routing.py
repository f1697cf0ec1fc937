"""Where an inquiry goes next: pure routing over the compiled graph.

Works on handoffs, the payload's type and its words. Does not know engines, threads or ledgers.
Invariants: for the same arguments the same way, so a replayed step takes the edge it took before; who is asked can hand
something back.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from orgruntime.model.ids import RoleSlug
from orgruntime.model.manifest import AgentGraph, Handoff, HandoffKind

END = RoleSlug("")
"""The way out of the graph."""
NOTE = "note"
"""What every ask may be answered with."""
_MEASURED = ("result", "verdict")
"""Payloads that only a measurement makes."""


@dataclass(frozen=True)
class Way:
    """The next role (`END` for none), the edge taken (None: a call returns, or the end), and who waits for a return."""

    to: RoleSlug
    edge: Handoff | None
    callers: tuple[RoleSlug, ...]


@dataclass(frozen=True)
class Past:
    """How an inquiry came to where it stands."""

    taken: Mapping[str, int] = field(default_factory=dict)
    callers: tuple[RoleSlug, ...] = ()
    asked: int | None = None
    """The visit at which the role that is next asked what is answered now. None: no call has just returned."""


def way_on(
    graph: AgentGraph,
    role: RoleSlug,
    payload: str,
    words: Sequence[str],
    taken: Mapping[str, int],
    callers: Sequence[RoleSlug] = (),
) -> Way:
    """The first edge of `role` that carries `payload`, whose condition holds and whose bound is not used up.

    `payload` is a payload type ("" ends the inquiry). Without an edge a pending call returns to its caller, else the
    inquiry ends.
    """
    if payload:
        for edge in graph.edges_from(role):
            if _open(edge, payload, words, taken):
                waiting = (*callers, role) if edge.kind is HandoffKind.ASK else tuple(callers)
                return Way(edge.target, edge, waiting)
    if callers:
        return Way(callers[-1], None, tuple(callers[:-1]))
    return Way(END, None, ())


def way_so_far(graph: AgentGraph, steps: Iterable[tuple[RoleSlug, str, Sequence[str]]]) -> Past:
    """After these steps from the first on: (role, payload type or "", words) of each."""
    taken, callers, asking = dict[str, int](), tuple[RoleSlug, ...](), list[int]()
    asked: int | None = None
    for visit, (role, payload, words) in enumerate(steps):
        way, asked = way_on(graph, role, payload, words, taken, callers), None
        if way.edge is not None:
            taken[way.edge.id] = taken.get(way.edge.id, 0) + 1
            if way.edge.kind is HandoffKind.ASK:
                asking.append(visit)
        elif callers:
            asked = asking.pop()
        callers = way.callers
    return Past(taken, callers, asked)


def answers(graph: AgentGraph, role: RoleSlug) -> tuple[str, ...]:
    """Payload types that the role may hand back to who asked: what it was asked by, or a note."""
    asks = [edge for edge in graph.handoffs if edge.kind is HandoffKind.ASK]
    kinds = [edge.payload for edge in asks if role in _within_call(graph, edge.target)]
    return tuple(dict.fromkeys([*(kind for kind in kinds if kind not in _MEASURED), NOTE])) if kinds else ()


def leads_nowhere(graph: AgentGraph, role: RoleSlug, payload: str, past: Past) -> str:
    """Why nobody would ever get this payload of the role; empty when somebody may."""
    edges = [edge for edge in graph.edges_from(role) if edge.payload == payload]
    if any(edge.at_most is None or past.taken.get(edge.id, 0) < edge.at_most for edge in edges):
        return ""
    if any(cadence.role == role and cadence.payload == payload for cadence in graph.cadences):
        return ""
    if past.callers and payload in answers(graph, role):
        return ""
    if edges:
        most = max(edge.at_most or 0 for edge in edges)
        return f"one inquiry takes a `{payload}` of this role at most {most} times, and has"
    return f"nobody has asked in this inquiry, so a `{payload}` would reach nobody"


def ways_out(graph: AgentGraph, role: RoleSlug) -> tuple[RoleSlug, ...]:
    """Every role that `way_on` can name from `role`, without `END`: what a drawing of the graph must show."""
    targets = {edge.target: None for edge in graph.edges_from(role)}
    for edge in graph.handoffs:
        if edge.kind is HandoffKind.ASK and role in _within_call(graph, edge.target):
            targets.setdefault(edge.source)
    return tuple(targets)


def _within_call(graph: AgentGraph, callee: RoleSlug) -> set[RoleSlug]:
    """The roles that may hold a call to `callee` when it returns: the callee, and whom it handed the work on to."""
    found, seen = {callee}, [callee]
    for role in seen:
        for edge in graph.edges_from(role):
            if edge.kind is HandoffKind.TRANSFER and edge.target not in found:
                found.add(edge.target)
                seen.append(edge.target)
    return found


def _open(edge: Handoff, payload: str, words: Sequence[str], taken: Mapping[str, int]) -> bool:
    if edge.payload != payload:
        return False
    if edge.at_most is not None and taken.get(edge.id, 0) >= edge.at_most:
        return False
    return edge.when is None or edge.when in words
