"""The shape of the workflow: where ideas enter, what can be reached, which edge hides which, which cycles are open.

Pure: knows roles and edges, no files, and reports nothing. Invariant: each answer holds for every way that conditions
can turn out at run time.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence, Set

from orgruntime.compiler.workflow import Edge
from orgruntime.model.amounts import Budget
from orgruntime.model.ids import RoleSlug
from orgruntime.model.manifest import HandoffKind, Role, RoleKind

_REPLIES = ("result", "verdict")


def entries(roles: Sequence[Role], edges: Sequence[Edge]) -> tuple[RoleSlug, ...]:
    """Where ideas enter: agents that hand something on and get nothing but replies; else the first of the list."""
    transfers = [edge for edge in edges if edge.target and edge.kind is HandoffKind.TRANSFER]
    called = {edge.target.slug for edge in transfers if edge.target and edge.payload not in _REPLIES}
    called |= {edge.target.slug for edge in edges if edge.target and edge.kind is HandoffKind.ASK}
    giving = {edge.source.slug for edge in edges if edge.target}
    agents = [role.slug for role in roles if role.kind is RoleKind.AGENT]
    found = tuple(slug for slug in agents if slug in giving and slug not in called)
    if found:
        return found
    first = (RoleSlug(edge.source.slug) for edge in transfers if edge.source.slug in agents)
    return tuple(agents[:1]) if not transfers else tuple(dict.fromkeys(first))[:1]


def branches(edges: Iterable[Edge]) -> list[list[Edge]]:
    """The handoffs of one role that carry one payload, in order: at run time the first that holds is taken."""
    groups: dict[tuple[str, str], list[Edge]] = {}
    for edge in edges:
        if edge.target is not None and edge.kind is HandoffKind.TRANSFER:
            groups.setdefault((edge.source.slug, edge.payload), []).append(edge)
    return list(groups.values())


def hidden(branch: Sequence[Edge]) -> Iterator[tuple[Edge, Edge]]:
    """(edge, the earlier one that always holds before it) of a branch."""
    closed: Edge | None = None
    spent: dict[str, Edge] = {}
    for edge in branch:
        earlier = closed or (spent.get(edge.when) if edge.when else None)
        if earlier is not None:
            yield edge, earlier
        if edge.at_most is None and closed is None:
            if edge.when is None:
                closed = edge
            else:
                spent.setdefault(edge.when, edge)


def reached(edges: Sequence[Edge], start: Iterable[str]) -> set[str]:
    """The roles that an idea, or a cadence, can come to."""
    onward: dict[str, list[str]] = {}
    for edge in edges:
        onward.setdefault(edge.source.slug, []).extend([edge.target.slug] if edge.target else [])
    waiting = [*start, *(edge.source.slug for edge in edges if edge.target is None)]
    found: set[str] = set()
    while waiting:
        slug = waiting.pop()
        if slug not in found:
            found.add(slug)
            waiting += onward.get(slug, [])
    return found


def open_cycles(
    edges: Sequence[Edge], roles: Mapping[str, Role], budget: Budget, spending: Set[str]
) -> list[list[Edge]]:
    """Cycles without `at most N times` on one of their edges, and without a budget that each turn uses up.

    `spending`: roles of which every step takes from a bound on tokens or dollars.
    """
    if budget.wall_ms is not None:
        return []
    left = [edge for edge in edges if edge.target and edge.at_most is None and edge.target.slug not in spending]
    if budget.is_bounded:
        measured = (RoleKind.EXPERIMENT, RoleKind.VERIFIER)
        left = [edge for edge in left if edge.target and roles[edge.target.slug].kind not in measured]
    return _cycles(left)


def _cycles(edges: Sequence[Edge]) -> list[list[Edge]]:
    """Cycles that together hold every cyclic part; empty where there is none. Each closes with its last edge."""
    found: list[list[Edge]] = []
    left = _cyclic_part(edges)
    while left:
        outgoing: dict[str, Edge] = {}
        for edge in left:
            outgoing.setdefault(edge.source.slug, edge)
        path: list[Edge] = []
        at = left[0].source.slug
        seen: dict[str, int] = {}
        while at not in seen:
            seen[at] = len(path)
            path.append(outgoing[at])
            target = outgoing[at].target
            at = target.slug if target else at
        loop = path[seen[at] :]
        last = max(range(len(loop)), key=lambda i: loop[i].number)
        found.append(loop[last + 1 :] + loop[: last + 1])
        left = _cyclic_part([edge for edge in left if edge is not loop[last]])
    return found


def _cyclic_part(edges: Sequence[Edge]) -> list[Edge]:
    """The edges that are left when roles without a way in or a way on are taken out, again and again."""
    left = list(edges)
    while True:
        sources = {edge.source.slug for edge in left}
        targets = {edge.target.slug for edge in left if edge.target}
        kept = [e for e in left if e.target and e.target.slug in sources and e.source.slug in targets]
        if len(kept) == len(left):
            return kept
        left = kept
