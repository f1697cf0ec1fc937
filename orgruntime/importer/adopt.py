"""Hints become handoffs: each is resolved, merged, bounded, or left out with the reason. Pure.

Invariant: every hint is in exactly one handoff or in the list of those that were left out; in the graph every role can
be reached, and every cycle has a bound.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from orgruntime.importer.foreign import Foreign, Hint, Way
from orgruntime.importer.hints import OWN
from orgruntime.importer.names import names_of

TURNS = 3
"""How often a drafted handoff that closes a cycle may be taken: enough to revise twice. The draft asks about it."""

_KEYS = (
    OWN, "handoffs:", "reportsTo:", "includes:", "agents:", "subagents:", "sub_agents:", "tools:", "permission.task:",
)  # fmt: skip
"""Origins that are keys, not words."""


@dataclass(frozen=True)
class Drafted:
    """A handoff of the draft, and the hints that it rests on."""

    source: str
    target: str
    way: Way
    hints: tuple[Hint, ...]
    at_most: int | None = None

    def as_json(self) -> dict[str, Any]:
        places = [f"{hint.place} ({hint.origin})" for hint in self.hints]
        return {
            "source": self.source, "target": self.target, "way": self.way, "at_most": self.at_most, "found": places,
        }  # fmt: skip


@dataclass(frozen=True)
class LeftOut:
    hint: Hint
    why: str
    nearest: str | None = None
    by: tuple[str, str] = ("", "")
    """The handoff, as source and target, that does it already: then nothing is lost."""

    @property
    def is_covered(self) -> bool:
        return bool(self.by[0])

    def as_json(self) -> dict[str, Any]:
        return {**self.hint.as_json(), "why": self.why, "nearest": self.nearest, "covered": self.is_covered}


@dataclass(frozen=True)
class Adopted:
    handoffs: tuple[Drafted, ...]
    left_out: tuple[LeftOut, ...]

    @property
    def lost(self) -> tuple[LeftOut, ...]:
        """Those that a person may want to write in by hand."""
        return tuple(one for one in self.left_out if not one.is_covered)

    @cached_property
    def outgoing(self) -> dict[str, tuple[Drafted, ...]]:
        """The handoffs of each role that has any, in order."""
        found: dict[str, list[Drafted]] = {}
        for one in self.handoffs:
            found.setdefault(one.source, []).append(one)
        return {slug: tuple(ones) for slug, ones in found.items()}


def adopt(foreign: Foreign) -> Adopted:
    """The workflow that the hints of an organization make."""
    order = [role.slug for role in foreign.roles]
    pairs, left = _resolved(foreign)
    merged, covered = _merged(pairs)
    opened, closed_in = _opened(merged, order)
    uncovered, covered = _uncovered(covered, opened)
    bounded = _bounded([*opened, *uncovered], order)
    place = {slug: at for at, slug in enumerate(order)}
    # Stable: of one role, the handoffs stay in the order in which they were found.
    handoffs = tuple(sorted(bounded, key=lambda one: place[one.source]))
    return Adopted(handoffs, tuple(sorted((*left, *covered, *closed_in), key=lambda one: _key(one.hint))))


def missing(foreign: Foreign, there: Mapping[tuple[str, str], bool]) -> Adopted:
    """The handoffs that the hints speak of and a workflow does not have. `there`: those that it has, as source and
    target, and whether it is a call, which returns by itself."""
    pairs, left = _resolved(foreign)
    covered: list[LeftOut] = []
    fresh: list[tuple[str, str, Hint]] = []
    for source, target, hint in pairs:
        if (source, target) in there:
            covered.append(LeftOut(hint, "the workflow has this handoff", by=(source, target)))
        elif there.get((target, source)):
            why = f"`{target}` asks `{source}`, and what is asked for returns by itself"
            covered.append(LeftOut(hint, why, by=(target, source)))
        else:
            fresh.append((source, target, hint))
    merged, back = _merged(fresh)
    place = {role.slug: at for at, role in enumerate(foreign.roles)}
    handoffs = tuple(sorted(merged, key=lambda one: place[one.source]))
    return Adopted(handoffs, tuple(sorted((*left, *covered, *back), key=lambda one: _key(one.hint))))


def entries(handoffs: Iterable[Drafted], order: Sequence[str]) -> tuple[str, ...]:
    """Where ideas come in: the roles that no other sends work to."""
    called = {one.target for one in handoffs}
    return tuple(slug for slug in order if slug not in called)


def leaves(handoffs: Iterable[Drafted], order: Sequence[str]) -> tuple[str, ...]:
    """The roles that send nobody work: those that are left to change the workspace."""
    giving = {one.source for one in handoffs}
    return tuple(slug for slug in order if slug not in giving)


def _key(hint: Hint) -> tuple[str, int, str, str]:
    return hint.file, hint.line, hint.name, hint.origin


def _resolved(foreign: Foreign) -> tuple[list[tuple[str, str, Hint]], list[LeftOut]]:
    """(source, target, hint) of each hint that names one other role; the others with the reason."""
    names = names_of(foreign.roles)
    known = {role.slug for role in foreign.roles}
    found: list[tuple[str, str, Hint]] = []
    left: list[LeftOut] = []
    for hint in foreign.hints:
        match = names.find(hint.name, hint.role) if hint.slug is None and not hint.why_not else None
        slug = hint.slug or (match.slug if match else None)
        if hint.why_not or slug not in known or hint.role not in known:
            why = hint.why_not or (match.why if match else "") or "that role was refused"
            left.append(LeftOut(hint, why, match.nearest if match else None))
        elif slug == hint.role:
            left.append(LeftOut(hint, "the role names itself"))
        else:
            source, target = (slug, hint.role) if hint.incoming else (hint.role, slug)
            found.append((source, target, hint))
    return found, left


def _merged(pairs: Iterable[tuple[str, str, Hint]]) -> tuple[list[Drafted], list[LeftOut]]:
    """One handoff a pair of roles. Handing back to who asked needs none: a call returns."""
    grouped: dict[tuple[str, str], list[Hint]] = {}
    for source, target, hint in pairs:
        grouped.setdefault((source, target), []).append(hint)
    ways = {pair: _way(hints) for pair, hints in grouped.items()}
    made: list[Drafted] = []
    covered: list[LeftOut] = []
    for (source, target), hints in grouped.items():
        back = grouped.get((target, source), [])
        if ways.get((target, source)) is Way.ASKS and _structural(back) and not _declared(hints):
            why = f"`{target}` asks `{source}`, and what is asked for returns by itself"
            covered += [LeftOut(hint, why, by=(target, source)) for hint in hints]
        else:
            made.append(Drafted(source, target, ways[source, target], tuple(hints)))
    return made, covered


def _way(hints: list[Hint]) -> Way:
    """A key that hands on wins; who reports to somebody is asked; else a list of handoffs wins over one of contacts."""
    if any(hint.way is Way.HANDS and hint.origin in _KEYS for hint in hints):
        return Way.HANDS
    return Way.HANDS if any(hint.way is Way.HANDS for hint in hints) and not _structural(hints) else Way.ASKS


def _structural(hints: list[Hint]) -> bool:
    return any(hint.way is Way.ASKS and hint.origin in _KEYS for hint in hints)


def _declared(hints: list[Hint]) -> bool:
    return any(hint.origin in _KEYS for hint in hints)


def _opened(handoffs: list[Drafted], order: Sequence[str]) -> tuple[list[Drafted], list[LeftOut]]:
    """Gives every closed circle of roles a way in: the role of it that the fewest keys call loses its callers.

    A circle is closed where nothing outside sends work into it. Of the roles that are not reached yet, the one that a
    walk finished last is in such a circle; and what reaches a role of a closed circle is that circle.
    """
    targets = _neighbours((one.source, one.target) for one in handoffs)
    callers = _neighbours((one.target, one.source) for one in handoffs)
    called = Counter(one.target for one in handoffs if _declared([*one.hints]))
    place = {slug: at for at, slug in enumerate(order)}
    reached: set[str] = set()
    cut: set[str] = set()
    for slug in reversed(_walk(order, targets)[0]):
        if slug in reached:
            continue
        circle = _reach(slug, callers, set())
        if len(circle) > 1:
            cut.add(min(circle, key=lambda one: (called[one], place[one])))
        _reach(slug, targets, reached)
    why = "each role of this circle is sent work by another, so `{}` was made its way in"
    left = [LeftOut(hint, why.format(one.target)) for one in handoffs if one.target in cut for hint in one.hints]
    return [one for one in handoffs if one.target not in cut], left


def _uncovered(covered: list[LeftOut], kept: list[Drafted]) -> tuple[list[Drafted], list[LeftOut]]:
    """Hints of handing back to a role whose call was cut after all. The one that called is reached by them anew."""
    calls = {(one.source, one.target) for one in kept}
    grouped: dict[tuple[str, str], list[Hint]] = {}
    for one in covered:
        if one.by not in calls:
            grouped.setdefault((one.by[1], one.by[0]), []).append(one.hint)
    made = [Drafted(*pair, _way(hints), tuple(hints)) for pair, hints in grouped.items()]
    return made, [one for one in covered if one.by in calls]


def _bounded(handoffs: list[Drafted], order: Sequence[str]) -> list[Drafted]:
    """A bound on each handoff that leads back to a role on the way to it, on a walk from the ways in."""
    targets = _neighbours((one.source, one.target) for one in handoffs)
    _, back = _walk((*entries(handoffs, order), *order), targets)
    return [replace(one, at_most=TURNS) if (one.source, one.target) in back else one for one in handoffs]


def _neighbours(pairs: Iterable[tuple[str, str]]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for one, other in pairs:
        found.setdefault(one, []).append(other)
    return found


def _reach(start: str, neighbours: Mapping[str, Sequence[str]], seen: set[str]) -> set[str]:
    """Adds to `seen` what can be reached from a role through roles that are not in it yet."""
    waiting = [start]
    seen.add(start)
    while waiting:
        for slug in neighbours.get(waiting.pop(), ()):
            if slug not in seen:
                seen.add(slug)
                waiting.append(slug)
    return seen


def _walk(starts: Iterable[str], targets: Mapping[str, Sequence[str]]) -> tuple[list[str], set[tuple[str, str]]]:
    """Depth first: the roles in the order in which they were finished, and the pairs that lead back."""
    finished: dict[str, None] = {}
    back: set[tuple[str, str]] = set()
    for start in starts:
        if start in finished:
            continue
        path = {start: iter(targets.get(start, ()))}
        while path:
            source = next(reversed(path))
            target = next(path[source], None)
            if target is None:
                finished[source] = None
                path.popitem()
            elif target in path:
                back.add((source, target))
            elif target not in finished:
                path[target] = iter(targets.get(target, ()))
    return list(finished), back
