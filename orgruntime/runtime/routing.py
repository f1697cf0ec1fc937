"""Where an inquiry goes next: pure routing over the compiled graph.

Works on handoffs, the payload's type and its words. Does not know engines, threads or ledgers.
Invariant: for the same arguments the same way, so a replayed step takes the edge it took before.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from orgruntime.model.ids import RoleSlug
from orgruntime.model.manifest import AgentGraph, Handoff, HandoffKind

END = RoleSlug("")
"""The way out of the graph."""


@dataclass(frozen=True)
class Way:
    """The next role (`END` for none), the edge taken (None: a call returns, or the end), and who waits for a return."""

    to: RoleSlug
    edge: Handoff | None
    callers: tuple[RoleSlug, ...]


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
