"""What the ledger's reads return: frozen values, decoded, without any handle on the file."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, NamedTuple

from orgruntime.model.amounts import Amounts, Budget
from orgruntime.model.appetite import Dial
from orgruntime.model.dialogue import Usage
from orgruntime.model.ids import (
    AttemptId,
    CertificationId,
    CommitId,
    IdeaId,
    InquiryId,
    PayloadId,
    ProposalId,
    RoleSlug,
    RunId,
    TreeId,
    TrialKey,
)
from orgruntime.model.research import Certificate, EvidenceState
from orgruntime.model.status import RunState
from orgruntime.model.trial import Ending, Purpose, Score, TrialIdentity


class TrialState(StrEnum):
    OPEN = "open"
    """No attempt is running and there is no result. Lost attempts are tried again, cancelled ones not by themselves."""
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    """Given up: the cluster lost it too often. It has a number, and neither score nor metric."""


class AttemptState(StrEnum):
    RUNNING = "running"
    DONE = "done"
    LOST = "lost"
    VOID = "void"
    """Proven not to have run: costs nothing."""
    CANCELLED = "cancelled"

    @classmethod
    def after(cls, ending: Ending) -> AttemptState:
        return _AFTER.get(ending, cls.DONE)


_AFTER = {
    Ending.INFRASTRUCTURE: AttemptState.LOST,
    Ending.NEVER_STARTED: AttemptState.VOID,
    Ending.CANCELLED: AttemptState.CANCELLED,
}


@dataclass(frozen=True)
class RunRow:
    id: RunId
    org: str
    manifest_hash: str
    state: RunState
    reason: str
    seed: int
    budget: Budget
    isolation: str
    base_commit: CommitId | None
    base_tree: TreeId | None
    wall_ms: int
    """Wall-clock milliseconds with a driver alive, summed over resumes."""
    epoch: int


class Books(NamedTuple):
    """Per unit, reserved + spent never passes the budget's bound."""

    reserved: Amounts
    spent: Amounts


@dataclass(frozen=True)
class TrialRow:
    key: TrialKey
    identity: TrialIdentity
    commit: CommitId
    purpose: Purpose
    proposal: ProposalId | None
    inquiry: InquiryId | None
    state: TrialState
    score: Score | None
    metric: float | None
    figures: dict[str, float]
    progress: tuple[tuple[float, float], ...]
    wall_s: float
    cpu_s: float
    memory_mb: float
    """Peak, of the attempt that counts."""
    node: str
    isolation: str
    attempts: int
    number: int | None
    """1-based order of settlement; None until the trial is done or failed."""
    reason: str


@dataclass(frozen=True)
class AttemptRow:
    """A running attempt, with what is needed to launch it again."""

    attempt: AttemptId
    key: TrialKey
    cap: Amounts
    identity: TrialIdentity
    commit: CommitId
    purpose: Purpose
    proposal: ProposalId | None
    inquiry: InquiryId | None
    epoch: int
    """Of the driver that reserved it."""


@dataclass(frozen=True)
class VainRow:
    """An attempt that gave its trial no result."""

    attempt: AttemptId
    ending: Ending
    detail: str
    """As the node or the driver told it; empty where nothing is known."""
    node: str


@dataclass(frozen=True)
class InquiryRow:
    id: InquiryId
    idea: IdeaId
    at: RoleSlug
    payload: PayloadId | None
    state: str
    """`open` or `closed`."""
    reason: str


@dataclass(frozen=True)
class StepRow:
    payload: PayloadId | None
    type: str
    words: tuple[str, ...]
    role: RoleSlug
    spent: Amounts


@dataclass(frozen=True)
class LeadRow:
    commit: CommitId
    metric: float | None
    estimate: float
    """Accumulated shrunken estimate of the gain since the last certification, in units of the metric."""
    since_number: int
    """Trials that were settled when the lead moved here."""
    gain: float = 0.0
    proposal: ProposalId | None = None
    reason: str = ""


@dataclass(frozen=True)
class ChampionRow:
    commit: CommitId
    certificate: Certificate | None
    """None for the base commit, with which every run starts."""
    at_trial: int


@dataclass(frozen=True)
class CertificationRow:
    id: CertificationId
    champion: CommitId
    lead: CommitId
    number: int
    threshold: float
    delta: float
    scale: float
    max_pairs: int
    inquiry: InquiryId
    state: EvidenceState
    e_value: float | None
    """None while running."""
    reason: str
    opened_at_trial: int
    closed_at_trial: int | None


@dataclass(frozen=True)
class DecisionRow:
    seq: int
    dial: Dial
    verb: str
    subject: str
    reason: str
    numbers: dict[str, float | int | str]


@dataclass(frozen=True)
class MemoRow:
    role: RoleSlug
    text: str
    inquiry: InquiryId | None
    upto_trials: int


@dataclass(frozen=True)
class EventRow:
    seq: int
    t: float
    """UTC seconds, for eyes only."""
    kind: str
    subject: str
    body: dict[str, Any]


class SpendRow(NamedTuple):
    role: RoleSlug
    """`runtime` for trials that served no single proposal; `species` then names their purpose."""
    species: str
    amounts: Amounts
    gain: float
    """Sum of the gains of the proposals that were kept."""


ANSWERED = "answered"


@dataclass(frozen=True)
class Receipt:
    """What one attempt at a model call came to, beside its price."""

    outcome: str = ANSWERED
    """`answered`, `cancelled`, `cut off`, or the kind of fault."""
    usage: Usage = Usage()
    """As the server told it."""
    is_first: bool = True
    """Of its call at this model."""
    wall_ms: int = 0
    lacks: dict[str, str] = field(default_factory=dict)
    """Capability that the server turned out not to have → its own words."""

    def told(self) -> dict[str, Any]:
        """For the event: what is not as usual."""
        body: dict[str, Any] = {"outcome": self.outcome, "ms": self.wall_ms}
        if usage := {name: n for name, n in self.usage.model_dump().items() if n}:
            body["usage"] = usage
        if not self.is_first:
            body["again"] = True
        return {**body, "lacks": self.lacks} if self.lacks else body


@dataclass(frozen=True)
class ModelRow:
    """Everything that was asked of one model."""

    model: str
    calls: int
    attempts: int
    faults: dict[str, int]
    """Outcome that is no answer → attempts."""
    usage: Usage
    wall_ms: int
    """Of all attempts together."""
    lacks: dict[str, str]
    """Capability that its server refused → the server's words."""

    @property
    def cache_hits(self) -> float | None:
        """Share of the input tokens that came from a cache; None before the first."""
        whole = self.usage.input + self.usage.cache_read + self.usage.cache_write
        return self.usage.cache_read / whole if whole else None
