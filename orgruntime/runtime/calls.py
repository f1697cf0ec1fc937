"""One step that is to be taken: where, by whom, on what. Data only."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from orgruntime.model.ids import CommitId, IdeaId
from orgruntime.model.manifest import Role
from orgruntime.model.payload import Payload
from orgruntime.model.research import RiskClass
from orgruntime.runtime.ports import StepAddress
from orgruntime.runtime.routing import Past


def _nothing() -> None:
    """No desk is held."""


async def _at_once() -> int:
    """There is no desk to wait for."""
    return 0


@dataclass(frozen=True)
class Call:
    address: StepAddress
    role: Role
    desk: int
    inbox: Payload | None
    idea: IdeaId
    text: str
    """The idea's words; empty for the standing invitation."""
    base: CommitId | None = None
    """What the desk's worktree begins as. None before the step has begun, and for species without a worktree."""
    leave: Callable[[], None] = _nothing
    """Gives the desk back. A desk whose answer was accepted does not wait until that is written down."""
    come_back: Callable[[], Awaitable[int]] = _at_once
    """Takes a desk again after it was left in the middle of the step: the same one if that is free."""

    species: str = ""
    """What thinks there, once that is chosen."""
    past: Past = Past()
    """How the inquiry came here."""
    asked: Payload | None = None
    """What the role had asked somebody by, where `inbox` is the answer (None: there was none)."""
    before: Payload | None = None
    """What had arrived when it asked."""
    wish: RiskClass | None = None
    """Whose turn it was when the inquiry was opened: a long shot's or a safe bet's."""

    @property
    def author(self) -> str:
        """Of its commits."""
        return f"{self.name} ({self.species})"

    @property
    def name(self) -> str:
        """Of the desk, for people."""
        return f"{self.role.slug}#{self.desk}"

    @property
    def invited(self) -> bool:
        """Nothing in particular is asked: improve the metric."""
        return not self.text and not self.arrived

    @property
    def arrived(self) -> tuple[Payload, ...]:
        """What there is to work on, the newest first: what has come, what it answers, what that was about."""
        return tuple(one for one in (self.inbox, self.asked, self.before) if one is not None)
