"""What two orgs differ in, as values: one change a fact, each with what it does to the org's authority.

Invariant: a difference without changes is the difference of equal orgs.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Any

from orgruntime.model.base import Noun


class Topic(StrEnum):
    """The part of an org that a change is about, in the order in which people read them."""

    ORG = "org"
    OBJECTIVE = "objective"
    WORKSPACE = "workspace"
    ROLES = "roles"
    WORKFLOW = "workflow"
    PAYLOADS = "payloads"
    MODELS = "models"
    RISK = "risk appetite"
    BUDGET = "budget"
    WORDS = "words"
    FILES = "files"


class Kind(StrEnum):
    ADDED = "added"
    REMOVED = "removed"
    CHANGED = "changed"
    RENAMED = "renamed"
    REORDERED = "reordered"
    FOLLOWS = "follows"
    """Nobody wrote it: a number or a right that other changes bring about."""


class Effect(StrEnum):
    """What a change does to what the org may do: reach, spend, start, write."""

    SAME = "same"
    NARROWER = "narrower"
    DIFFERENT = "different"
    """Neither holds the other: read it as new authority."""
    WIDER = "wider"


class Change(Noun):
    topic: Topic
    kind: Kind
    path: str
    """The field of the manifest, as in `roles.researcher.tools`. A handoff is named by its number."""
    subject: str
    """What it is about, for people: a role, an edge, a key."""
    said: str
    """The change in words, without the subject."""
    before: Any = None
    """The value as the manifest's JSON has it; None where there is none."""
    after: Any = None
    effect: Effect = Effect.SAME


class Difference(Noun):
    changes: tuple[Change, ...] = ()

    @property
    def equal(self) -> bool:
        return not self.changes

    @property
    def effect(self) -> Effect:
        """Of all changes together: different where one part of the authority grows and another shrinks."""
        found = {change.effect for change in self.changes} - {Effect.SAME}
        if not found:
            return Effect.SAME
        return found.pop() if len(found) == 1 else Effect.DIFFERENT

    def count(self, effect: Effect) -> int:
        return sum(change.effect is effect for change in self.changes)
