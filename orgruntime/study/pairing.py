"""Which part of one org is which part of another: lists paired by key, renamed roles, edges that moved.

Pure. Invariant: every element of both lists is in exactly one pair, or alone, once; equal elements that share a key are
paired in their order.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from orgruntime.model.ids import RoleSlug
from orgruntime.model.manifest import AgentGraph, Handoff, Role

T = TypeVar("T")

MOST_GUESSES = 400
"""Pairs of a role that is gone and one that is new which are looked at for a rename."""
ALIKE = 0.6
"""Share of common lines from which two prompts are taken for one that was edited."""


@dataclass(frozen=True)
class Pairs(Generic[T]):
    """`both` is in the order of the new list; `places` are where the old ones of the pairs stood."""

    both: list[tuple[T, T]]
    places: list[int]
    gone: list[T]
    new: list[T]

    def in_order(self, of: Callable[[T], bool] = lambda _: True) -> bool:
        """Whether the pairs, or those whose new element is meant, stand in the order in which they stood."""
        found = [place for place, (_, after) in zip(self.places, self.both, strict=True) if of(after)]
        return found == sorted(found)


def pair(old: Sequence[T], new: Sequence[T], *keys: Callable[[T], Hashable]) -> Pairs[T]:
    """Pairs by the first key, what is left by the second, and so on."""
    matched: dict[int, int] = {}
    left = dict.fromkeys(range(len(old)))
    for key in keys:
        waiting: dict[Hashable, list[int]] = {}
        for index in left:
            waiting.setdefault(key(old[index]), []).append(index)
        for index, one in enumerate(new):
            candidates = waiting.get(key(one)) if index not in matched else None
            if candidates:
                matched[index] = candidates.pop(0)
                del left[matched[index]]
    return Pairs(
        [(old[matched[index]], one) for index, one in enumerate(new) if index in matched],
        [matched[index] for index in range(len(new)) if index in matched],
        [old[index] for index in left],
        [one for index, one in enumerate(new) if index not in matched],
    )


def renamed_roles(old: Sequence[Role], new: Sequence[Role]) -> dict[RoleSlug, RoleSlug]:
    """Old slug → new slug of roles that are the same under another name: those that say so, those that are equal but
    for their names, and those of one kind with mostly the same words. Each slug is in at most one rename."""
    names_old, names_new = {role.slug for role in old}, {role.slug for role in new}
    gone = [role for role in old if role.slug not in names_new]
    come = [role for role in new if role.slug not in names_old]
    said = _told(gone, come)
    gone = [role for role in gone if role.slug not in said]
    come = [role for role in come if role.slug not in said.values()]
    same = pair([role for role in gone if role.prompt or role.builtin], come, _all_but_its_names)
    found = said | {before.slug: after.slug for before, after in same.both}
    left = [role for role in gone if role.slug not in found]
    for role in left if len(left) * len(same.new) <= MOST_GUESSES else ():
        taken = {*found.values()}
        near = next((one.slug for one in same.new if one.slug not in taken and _of_the_same_words(role, one)), None)
        found |= {role.slug: near} if near is not None else {}
    return found


def with_names(graph: AgentGraph, names: dict[RoleSlug, RoleSlug]) -> AgentGraph:
    """The same graph with roles called by their new names."""
    if not names:
        return graph

    def now(slug: RoleSlug) -> RoleSlug:
        return names.get(slug, slug)

    return graph.model_copy(
        update={
            "handoffs": tuple(
                edge.model_copy(update={"source": now(edge.source), "target": now(edge.target)})
                for edge in graph.handoffs
            ),
            "cadences": tuple(one.model_copy(update={"role": now(one.role)}) for one in graph.cadences),
            "entries": tuple(map(now, graph.entries)),
        }
    )


def pair_edges(old: Sequence[Handoff], new: Sequence[Handoff]) -> Pairs[Handoff]:
    """By content first, so that an edge that was put in front of others does not change them all."""
    return pair(
        old,
        new,
        lambda edge: edge.model_dump_json(exclude={"id"}),
        lambda edge: (edge.source, edge.target, edge.payload, edge.when, edge.otherwise),
        lambda edge: (edge.source, edge.target, edge.payload),
        lambda edge: (edge.source, edge.target),
    )


def _told(gone: Sequence[Role], come: Sequence[Role]) -> dict[RoleSlug, RoleSlug]:
    """The renames that the new roles tell themselves."""
    found: dict[RoleSlug, RoleSlug] = {}
    for role in gone:
        heir = next((one.slug for one in come if role.slug in one.was and one.slug not in found.values()), None)
        found |= {role.slug: heir} if heir is not None else {}
    return found


def _all_but_its_names(role: Role) -> str:
    return role.model_dump_json(exclude={"slug", "name", "source", "was"})


def _of_the_same_words(old: Role, new: Role) -> bool:
    if old.kind is not new.kind:
        return False
    lines, others = (Counter(line for line in role.prompt.split("\n") if line.strip()) for role in (old, new))
    common, total = (lines & others).total(), lines.total() + others.total()
    return total > 0 and 2 * common / total >= ALIKE
