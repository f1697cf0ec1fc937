"""From what a file calls a role to the role: slugs, display names, titles. Knows nothing of edges.

Invariant: a name that could be two roles is none of them, and says so.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from difflib import get_close_matches

from orgruntime.diagnostics.nearest import nearest
from orgruntime.importer.foreign import ForeignRole

MOST_SEARCHES = 500
"""Unknown names of one organization for which the nearest role is looked up: each costs up to 50 ms of 4,000 names."""

_MARKS = "*-`'\"@[]()"
_PARTS = re.compile(r"\s+(?:&|and|/)\s+|,\s+")
_OFFICER = re.compile(r"chief(?: [a-z]+)+ officer", re.IGNORECASE)


@dataclass(frozen=True)
class Match:
    """`slug`, or the reason why not and the nearest role."""

    slug: str | None
    why: str = ""
    nearest: str | None = None


@dataclass(frozen=True)
class Names:
    """Every way in which the roles of one organization can be called."""

    slugs: dict[str, tuple[str, ...]]
    """Normal form → the slugs it can mean, in order."""
    spelled: dict[str, str]
    """Normal form → how it is spelled, for matching in prose."""
    folders: dict[str, str]
    """Slug → the folder in which its file was found."""
    _near: dict[str, str | None] = field(default_factory=dict, repr=False, compare=False)

    def known(self, name: str, by: str = "") -> tuple[str, ...]:
        """The slugs that a name can mean: one, several or none. A path that is no slug means what its last part means.

        `by`: the slug of the role that says it, whose own folder comes first where several have the name.
        """
        key = self._key(name)
        found = self.slugs.get(key, ())
        beside = tuple(slug for slug in found if self.folders[slug] == self.folders.get(by))
        return beside if len(beside) == 1 else found

    def find(self, name: str, by: str = "") -> Match:
        """The one role of that name, as `known` reads it, or why there is none."""
        found = self.known(name, by)
        if len(found) == 1:
            return Match(found[0])
        if found:
            listed = ", ".join(f"`{slug}`" for slug in found[:4])
            return Match(None, f"the name is that of {len(found)} roles: {listed}")
        near = self._nearest(self._key(name))
        return Match(None, "no role has that name" if near else "no role has that name, and none is near", near)

    def _key(self, name: str) -> str:
        key = normal(name)
        return key if key in self.slugs or " " in name else key.rsplit("/", 1)[-1]

    def _nearest(self, key: str) -> str | None:
        if key not in self._near:
            if len(self._near) >= MOST_SEARCHES:
                return None
            self._near[key] = self._search(key)
        return self._near[key]

    def _search(self, key: str) -> str | None:
        """By letters; else by the words that both have, short ones such as `of` aside."""
        close = get_close_matches(key, self.slugs, n=5, cutoff=0.6)
        near = nearest(key, close)
        if near is None:
            words = {word for word in key.split("-") if len(word) > 3}
            shared = [(len(words & set(one.split("-"))), one) for one in self.slugs]
            near = next((one for count, one in sorted(shared, key=lambda pair: -pair[0]) if count), None)
        return self.slugs[near][0] if near else None


def normal(name: str) -> str:
    """`**Tech Lead**`, `tech_lead` and `tech-lead.agent.md` are all `tech-lead`."""
    text = re.sub(r"[\s_]+", "-", name.casefold()).strip(_MARKS)
    for suffix in (".md", ".agent", "/agents"):
        text = text.removesuffix(suffix)
    return text.removeprefix("./").strip("-")


def names_of(roles: Iterable[ForeignRole]) -> Names:
    """Slugs win over names, names over titles, titles over their parts: a weaker name never hides a stronger one."""
    known = tuple(roles)
    slugs: dict[str, tuple[str, ...]] = {}
    spelled: dict[str, str] = {}
    for rank in (_own_slugs, _own_names, _titles, _parts, _initials):
        fresh: dict[str, dict[str, str]] = {}
        for role in known:
            for word in rank(role):
                if normal(word):
                    fresh.setdefault(normal(word), {}).setdefault(role.slug, word)
        for key, meant in fresh.items():
            if key not in slugs:
                slugs[key] = tuple(meant)
                spelled[key] = next(iter(meant.values()))
    return Names(slugs, spelled, {role.slug: role.path.rpartition("/")[0] for role in known})


def _own_slugs(role: ForeignRole) -> tuple[str, ...]:
    return role.slug, role.slug.rsplit("/", 1)[-1]


def _own_names(role: ForeignRole) -> tuple[str, ...]:
    return role.name, *role.names


def _titles(role: ForeignRole) -> tuple[str, ...]:
    return (role.title,) if role.title else ()


def _parts(role: ForeignRole) -> tuple[str, ...]:
    """`Principal Investigator & CEO` is called by either; a single word of it is none, unless in capitals."""
    return tuple(part for part in _PARTS.split(role.title) if " " in part or part.isupper()) if role.title else ()


def _initials(role: ForeignRole) -> tuple[str, ...]:
    """`Chief Science Officer` is the CSO. Other titles have none: an `Agent Process Inspector` is no API."""
    called = [part for part in (role.name, *role.names, *_PARTS.split(role.title or "")) if part]
    officers = [match for match in map(_OFFICER.fullmatch, called) if match]
    return tuple("".join(word[0] for word in match[0].split()).upper() for match in officers)
