"""Rules over the whole workflow: order of edges, reachability, bounded cycles. Knows roles and edges, no files.

Invariant: in a graph without findings every role can be reached and every inquiry ends.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from orgruntime.compiler.workflow import Edge
from orgruntime.diagnostics.codes import (
    CADENCE_NEEDS_AGENT,
    HUMAN_HANDOFF,
    SECOND_OTHERWISE,
    SHADOWED_HANDOFF,
    UNBOUNDED_CYCLE,
    UNREACHABLE_ROLE,
)
from orgruntime.diagnostics.diagnostic import Findings
from orgruntime.diagnostics.span import Span
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


def check_sources(edges: Iterable[Edge], roles: Mapping[str, Role], findings: Findings) -> None:
    """Who may hand off, and who may be called on a schedule."""
    for edge in edges:
        kind = roles[edge.source.slug].kind
        if edge.target is None and kind is not RoleKind.AGENT:
            message = f"`{edge.source.slug}` is of kind `{kind}` and cannot be called on a schedule"
            findings.add(CADENCE_NEEDS_AGENT, edge.source_span, message, "only agents have a cadence")
        elif edge.target is not None and kind is RoleKind.HUMAN:
            message = f"`{edge.source.slug}` is a person, and handoffs from people are not supported yet"
            help = "people put ideas in the queue with `orgrun idea`"
            findings.add(HUMAN_HANDOFF, edge.source_span, message, help)


def check_order(edges: Iterable[Edge], findings: Findings) -> None:
    """Edges of one role and payload are tried in order: one that always holds hides those after it."""
    groups: dict[tuple[str, str], list[Edge]] = {}
    for edge in edges:
        if edge.target is not None and edge.kind is HandoffKind.TRANSFER:
            groups.setdefault((edge.source.slug, edge.payload), []).append(edge)
    for group in groups.values():
        _check_group(group, findings)


def _check_group(group: list[Edge], findings: Findings) -> None:
    closed: Edge | None = None
    spent: dict[str, Edge] = {}
    for edge in group:
        other = next((one for one in group if one.otherwise and one.number < edge.number), None)
        earlier = closed or (spent.get(edge.when) if edge.when else None)
        if edge.otherwise and other is not None:
            message = f"`{edge.source.slug}` has a second `otherwise` for `{edge.payload}`"
            findings.add(SECOND_OTHERWISE, edge.when_span or edge.span, message, f"the first is handoff {other.number}")
        elif earlier is not None:
            message = f"this handoff is never taken: handoff {earlier.number} always holds before it"
            help = "put it first, or give the earlier one a `when` or `at most N times`"
            findings.add(SHADOWED_HANDOFF, edge.span, message, help)
        if edge.at_most is None and closed is None:
            if edge.when is None:
                closed = edge
            else:
                spent.setdefault(edge.when, edge)


def check_reach(
    roles: Sequence[Role], edges: Sequence[Edge], start: Iterable[str], places: Mapping[str, Span], findings: Findings
) -> None:
    reached = {*start, *(edge.source.slug for edge in edges if edge.target is None)}
    grown = True
    while grown:
        new = {edge.target.slug for edge in edges if edge.target and edge.source.slug in reached} - reached
        reached |= new
        grown = bool(new)
    for role in roles:
        if role.slug not in reached:
            help = "add a handoff to it, a cadence, or remove it from `## Roles`"
            message = f"no handoff leads to the role `{role.slug}`, so it can never work"
            findings.add(UNREACHABLE_ROLE, places[role.slug], message, help)


def check_cycles(edges: Sequence[Edge], roles: Mapping[str, Role], budget: Budget, findings: Findings) -> None:
    """A cycle needs `at most N times` on one of its edges, or a budget that each turn of it uses up."""
    talk_ends = any(bound is not None for bound in (budget.tokens, budget.usd_micro, budget.wall_ms))
    open_edges = [edge for edge in edges if edge.target and edge.at_most is None]
    if budget.is_bounded:
        measured = (RoleKind.EXPERIMENT, RoleKind.VERIFIER)
        open_edges = [edge for edge in open_edges if edge.target and roles[edge.target.slug].kind not in measured]
    if talk_ends:
        return
    for loop in _cycles(open_edges):
        path = " → ".join([loop[0].source.slug, *(edge.target.slug for edge in loop if edge.target)])
        last = loop[-1]
        help = "add `, at most N times` to one of its handoffs, or a bound to `budget:`"
        findings.add(UNBOUNDED_CYCLE, last.span, f"the cycle {path} has no bound", help)


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
