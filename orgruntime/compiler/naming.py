"""Names by which roles are called beside links: slugs, and the slugs that they had before. Reads no file.

Invariant: a former slug leads to one role that is called otherwise now, and never hides a role that has the name today.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, NamedTuple

from orgruntime.compiler import reading_rules
from orgruntime.compiler.rolefile import RoleFile, slug_of
from orgruntime.diagnostics.diagnostic import Findings
from orgruntime.orgfile.tree import ScalarNode

if TYPE_CHECKING:
    from orgruntime.compiler.hints import Names


class SlugNames(NamedTuple):
    """`former`: former slug → the slug of now."""

    slugs: tuple[str, ...]
    former: Mapping[str, str] = {}

    def find(self, node: ScalarNode, findings: Findings) -> str | None:
        """The slug that a name means: `referee`, `roles/referee.md`, a former one. None, with an error, for no role."""
        name = slug_named(node.text)
        if name in self.slugs:
            return name
        if name in self.former:
            findings.put(node.span, reading_rules.renamed_role.followed(node.text, self.former[name]))
            return self.former[name]
        findings.put(node.span, reading_rules.unknown_role.no_such_slug(node.text, self.slugs))
        return None


def former_slugs(file: RoleFile) -> tuple[str, ...]:
    """What a role file says that it was called before."""
    return tuple(slug_named(node.text) for node in file.hints.was)


def names_of_roles(slugs: Iterable[str], was: Iterable[tuple[str, Names]], findings: Findings) -> SlugNames:
    """`was`: the slug of each role and what it says that it was called. A name that is taken is reported."""
    known = tuple(dict.fromkeys(slugs))
    former: dict[str, str] = {}
    for slug, names in was:
        for node in names:
            old = slug_named(node.text)
            if old in known or former.get(old, slug) != slug:
                owner = former.get(old, old)
                findings.put(node.span, reading_rules.former_name_clash.taken(old, slug, owner))
            else:
                former[old] = slug
    return SlugNames(known, former)


def plainly(text: str) -> str:
    """How a name is compared that is no slug of ours: `Tech Lead`, `tech_lead` and `tech-lead.agent.md` are one."""
    words = "-".join(text.casefold().replace("_", " ").strip("*`'\"@ ").split())
    return slug_named(words).removeprefix("./")


def slug_named(text: str) -> str:
    """`referee`, of `roles/referee.md` too."""
    return slug_of(text.removeprefix("roles/"))
