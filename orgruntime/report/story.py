"""What a report is made of: one frozen `RunStory`, filled by whoever can read the ledger.

Works on plain values. It does not know how a run is stored, nor how a report looks. Invariant: a metric that is
not a finite number is no metric (`None`); nothing downstream has to ask again whether a number can be drawn.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from enum import StrEnum
from statistics import fmean

from orgruntime.model.history import PastResult
from orgruntime.model.manifest import Direction
from orgruntime.model.memory import Finding
from orgruntime.model.research import Noise
from orgruntime.model.status import Credit, Spend, TrialCounts


class PointStatus(StrEnum):
    """What became of the proposal that a trial served, or why the trial served none."""

    KEEP = "keep"
    DISCARD = "discard"
    CRASH = "crash"
    INCONCLUSIVE = "inconclusive"
    NOISE = "noise"
    """The base commit measured against itself."""
    LEAD = "lead"
    """The lead, measured again on the seed of a screen: the other half of a pair."""
    VERIFY = "verify"
    """Fresh pairs and laps of a certification."""
    PROBE = "probe"
    """An agent looked at its files before it proposed anything."""

    @property
    def is_of_proposal(self) -> bool:
        return self not in (PointStatus.NOISE, PointStatus.LEAD, PointStatus.VERIFY, PointStatus.PROBE)


@dataclass(frozen=True)
class Point:
    """One settled trial."""

    number: int
    """Order of settlement, from 1."""
    commit: str
    metric: float | None
    seed: int
    purpose: str
    status: PointStatus
    role: str = ""
    species: str = ""
    hypothesis: str = ""
    memory_mb: float | None = None
    wall_s: float = 0.0
    reason: str = ""
    """Why it was discarded or crashed, in one sentence."""
    proposal: str = ""
    """Id of the proposal; empty: trials of one commit belong together."""
    base: str = ""
    """The commit that the proposal stands on."""
    gain: float | None = None
    """Mean improvement of the proposal over the lead of its time, on shared seeds; positive is better."""
    ended_early: bool = False
    """At a rung, by the appetite's patience: it has no metric, and did not crash."""

    def __post_init__(self) -> None:
        if self.metric is not None and not math.isfinite(self.metric):
            object.__setattr__(self, "metric", None)


@dataclass(frozen=True)
class LeadStep:
    trial: int
    commit: str
    metric: float | None


@dataclass(frozen=True)
class Champion:
    """A certified commit. Gains are positive when better, in the metric's unit."""

    trial: int
    commit: str
    metric: float
    """As measured in its own lap, by the verifier's command."""
    gain: float
    """Over the champion before it."""
    interval: tuple[float, float]
    """95 % interval of `gain`."""
    total_gain: float
    """Over the run's baseline."""
    total_interval: tuple[float, float]
    """95 % interval of `total_gain`."""
    total_percent: float
    e_value: float
    certificate: str
    """Path of the certificate, relative to the run's folder."""
    threshold: float = 0.0
    wins: int = 0
    pairs: int = 0
    made_of: tuple[Credit, ...] = ()
    """The proposals that it is made of, oldest first."""


@dataclass(frozen=True)
class Memo:
    role: str
    text: str
    """Markdown, from an agent: untrusted."""
    trial: int = 0
    """Settled trials when it was written."""


@dataclass(frozen=True)
class SpendRow:
    role: str
    species: str
    spend: Spend
    trials: int = 0
    kept: int | None = None
    """Proposals that passed the screen; None where nobody counted them."""
    gain: float = 0.0
    """Sum of the screened gains of what was kept; not certified."""


@dataclass(frozen=True)
class DecisionRow:
    """Decisions that one dial made, with one verb."""

    dial: str
    verb: str
    count: int
    example: str = ""
    """The reason of the newest one."""


@dataclass(frozen=True)
class PartRow:
    """A part of a proposal that was measured apart."""

    parent: str
    part: str
    taken_back: bool
    """As is done where the parent was kept; else the part was tried alone."""
    gain: float | None
    """Of the ablation over the lead of its time; None: not measured (yet)."""
    asked_by: str = ""

    @property
    def worth(self) -> float | None:
        """What the part brought, by this measurement; positive is better."""
        return None if self.gain is None else -self.gain if self.taken_back else self.gain


@dataclass(frozen=True)
class HonestRow:
    """A reference of the workspace itself, for example a count table: what a run has to beat to be worth its price."""

    name: str
    metric: float


@dataclass(frozen=True)
class BudgetRow:
    """One bound: `used` and `bound` in the same unit, as people read it."""

    name: str
    used: float
    bound: float
    unit: str = ""


@dataclass(frozen=True)
class RunStory:
    """A run, as a report tells it. Times in seconds."""

    run: str
    org: str
    objective: str
    """Name of the metric."""
    direction: Direction
    state: str = ""
    reason: str = ""
    title: str = ""
    target: float | None = None
    noise: Noise | None = None
    baseline: float | None = None
    baseline_commit: str = ""
    points: tuple[Point, ...] = ()
    lead: tuple[LeadStep, ...] = ()
    champions: tuple[Champion, ...] = ()
    memos: tuple[Memo, ...] = ()
    spend_rows: tuple[SpendRow, ...] = ()
    spend: Spend = field(default_factory=Spend)
    counts: TrialCounts = field(default_factory=TrialCounts)
    decisions: tuple[DecisionRow, ...] = ()
    honest: tuple[HonestRow, ...] = ()
    budget: tuple[BudgetRow, ...] = ()
    isolation: str = ""
    folder: str = ""
    appetite: str = ""
    verify_command: str = ""
    """How to replay the newest certificate; empty: `orgrun verify CERTIFICATE`."""
    history: tuple[PastResult, ...] = ()
    """What a log of before the run says; no point of it is a point of the run."""
    findings: tuple[Finding, ...] = ()
    """Of the notebook, closed ones included, oldest first."""
    parts: tuple[PartRow, ...] = ()
    held_out: bool = False
    """Whether the verifier measures by a command of its own (`verify:`): its numbers are on another scale."""

    @property
    def champion(self) -> Champion | None:
        return self.champions[-1] if self.champions else None

    @property
    def better(self) -> str:
        return "lower" if self.direction is Direction.MINIMIZE else "higher"

    @property
    def sign(self) -> float:
        """What the metric does when it gets better: -1 falls, 1 rises."""
        return -1.0 if self.direction is Direction.MINIMIZE else 1.0

    def over_baseline(self, metric: float | None) -> float | None:
        """Improvement over the baseline in the metric's unit; positive is better."""
        if metric is None or self.baseline is None:
            return None
        return self.direction.gain(self.baseline, metric)

    def percent_over_baseline(self, metric: float | None) -> float | None:
        """The same in percent of the baseline's size. None where the baseline is 0."""
        gain = self.over_baseline(metric)
        return None if gain is None or not self.baseline else 100 * gain / abs(self.baseline)

    def certified_at(self, champion: Champion) -> tuple[float, float, float]:
        """(low, middle, high) of a champion on the axis of the run's own trials.

        The place is the baseline moved by the certified gain, not the champion's own metric: the verifier may
        measure on other data than the proposers, and the gain is the quantity that was certified.
        """
        if self.baseline is None:
            return champion.metric, champion.metric, champion.metric
        ends = [self.baseline + self.sign * gain for gain in champion.total_interval]
        return min(ends), self.baseline + self.sign * champion.total_gain, max(ends)

    def certified_percent(self, champion: Champion) -> tuple[float, float, float]:
        """(low, middle, high) of the total gain in percent of the baseline; positive is better."""
        if not champion.total_gain:
            return champion.total_percent, champion.total_percent, champion.total_percent
        # The percentage is the certificate's own; the interval follows it, whatever baseline it was taken of.
        scale = champion.total_percent / champion.total_gain
        low, high = sorted(end * scale for end in champion.total_interval)
        return low, champion.total_percent, high


@dataclass(frozen=True)
class ProposalStory:
    """All screening trials of one proposal as one line. `metric` is the mean of those that gave one."""

    id: str
    first: int
    """Number of its first trial."""
    commit: str
    base: str
    status: PointStatus
    metric: float | None
    gain: float | None
    trials: int
    memory_mb: float | None
    wall_s: float
    role: str
    species: str
    hypothesis: str
    reason: str


def proposals(story: RunStory) -> list[ProposalStory]:
    """Every proposal that was tried, in the order of its first trial."""
    groups: dict[str, list[Point]] = {}
    for point in sorted(story.points, key=lambda p: p.number):
        if point.status.is_of_proposal:
            groups.setdefault(point.proposal or point.commit, []).append(point)
    return [_proposal(id, points) for id, points in groups.items()]


def baseline_points(story: RunStory) -> list[Point]:
    """Trials of the noise floor."""
    return [point for point in story.points if point.status is PointStatus.NOISE]


def _proposal(id: str, points: list[Point]) -> ProposalStory:
    first, last = points[0], points[-1]
    metrics = [point.metric for point in points if point.metric is not None]
    memory = [point.memory_mb for point in points if point.memory_mb]
    crashed = last.status is PointStatus.CRASH
    return ProposalStory(
        id=id,
        first=first.number,
        commit=first.commit,
        base=first.base,
        status=last.status,
        metric=fmean(metrics) if metrics and not crashed else None,
        gain=last.gain,
        trials=len(points),
        memory_mb=max(memory, default=None),
        wall_s=sum(point.wall_s for point in points),
        role=first.role,
        species=first.species,
        hypothesis=first.hypothesis,
        reason=last.reason,
    )
