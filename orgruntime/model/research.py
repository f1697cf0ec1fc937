"""The science: ideas, proposals, verdicts, noise, evidence, certificates."""

from __future__ import annotations

from enum import StrEnum
from typing import Literal

from pydantic import Field

from orgruntime.model.base import Noun
from orgruntime.model.ids import CertificationId, CommitId, IdeaId, InquiryId, ProposalId, RoleSlug, RunId, TreeId


class IdeaState(StrEnum):
    QUEUED = "queued"
    OPEN = "open"
    CLOSED = "closed"
    DECLINED = "declined"


class Idea(Noun):
    """One entry of the org's single queue of ideas."""

    id: IdeaId
    text: str
    author: str
    """A role slug, or `person:<name>`, or `runtime` for the standing invitation to improve the metric."""
    state: IdeaState = IdeaState.QUEUED
    reason: str = ""


class RiskClass(StrEnum):
    EXPLOIT = "exploit"
    EXPLORE = "explore"


class Proposal(Noun):
    """A commit on top of a named base commit."""

    id: ProposalId
    inquiry: InquiryId
    idea: IdeaId
    role: RoleSlug
    desk: int
    species: str
    base: CommitId
    commit: CommitId
    tree: TreeId
    hypothesis: str
    risk: RiskClass = RiskClass.EXPLOIT
    settings: dict[str, float | int | bool | str] = {}
    """Constants that the proposal sets, by name, where a search species made it."""
    expected_gain: float | None = None
    parent: ProposalId | None = None
    """Of an ablation: the proposal that it takes apart."""
    part: str = ""
    """Of an ablation: the change that it leaves out of its parent, or, where the parent was not kept, keeps alone."""


class VerdictWord(StrEnum):
    KEEP = "keep"
    DISCARD = "discard"
    CRASH = "crash"
    INCONCLUSIVE = "inconclusive"


class Verdict(Noun):
    """What became of a proposal, with the evidence it rests on (trial keys, certification id)."""

    proposal: ProposalId
    word: VerdictWord
    reason: str
    gain: float | None = None
    evidence: tuple[str, ...] = ()


class Noise(Noun):
    """The noise floor: frozen for the run once measured.

    `sd` is the standard deviation of the difference of two runs whose luck is independent,
    √2 × the spread of single runs over everything that varies (seeds included). It is an upper
    bound for any pair on a shared seed, so thresholds in units of it are conservative.
    """

    sd: float = Field(ge=0)
    pairs: int
    correlation: float
    """Share of the spread that a shared seed removes for identical code (1.0: deterministic for a seed)."""
    deterministic: bool
    baseline: float
    """Mean of the base commit."""


class Pair(Noun):
    """One fresh pair: champion and lead on the same seed. `gain` is positive when the lead is better."""

    seed: int
    champion: float | None
    lead: float | None
    gain: float
    order: Literal["champion first", "lead first"]


class LapPair(Pair):
    """A pair of the lap, with the run's base commit on the same seed."""

    baseline: float | None = None
    """None: it crashed, or was not measured."""

    @property
    def is_whole(self) -> bool:
        return self.champion is not None and self.lead is not None and self.baseline is not None


class VoidPair(Noun):
    """A pair that no figure rests on, and why: another seed took its place."""

    stage: Literal["test", "lap"]
    seed: int
    reason: str


class EvidenceState(StrEnum):
    RUNNING = "running"
    PASSED = "passed"
    FUTILE = "futile"
    EXHAUSTED = "exhausted"
    """The cap of pairs, or the budget, was reached without a decision."""
    VOID = "void"
    """The cluster lost too many of its runs: nothing was learnt, and the number of the test is not used up."""


class Certificate(Noun):
    """What was certified, on what evidence, and how to do it again. Persisted as JSON."""

    schema_version: Literal[1] = 1
    id: CertificationId
    run: RunId
    org: str
    manifest: str
    metric: str
    direction: str
    workspace_source: str
    base_commit: CommitId
    champion_before: CommitId
    champion_after: CommitId
    tree_before: TreeId
    tree_after: TreeId
    command: str
    setup: str | None
    time_limit_s: float
    hardware: str
    isolation: str
    environment: dict[str, str]
    """Of the nodes that ran the trials: `python`, `platform`, `isolation`, `accelerator`, `nodes`. Of the driver:
    `orgruntime`."""
    hypothesis: str
    """H0, in words: what was rejected."""
    delta: float
    scale: float
    threshold: float
    test_number: int
    tests_planned: int
    false_champions: float
    wins: int
    e_value: float
    pairs: tuple[Pair, ...]
    lap: tuple[LapPair, ...]
    gain: float
    """Mean of the lap: the improvement over the champion before it, unbiased by the selection."""
    gain_interval: tuple[float, float]
    """95 % interval of `gain`, from the lap and the noise floor."""
    total_gain: float
    """Improvement over the run's baseline, measured in the lap on the same seeds."""
    total_gain_percent: float
    total_gain_interval: tuple[float, float]
    """95 % interval of `total_gain`."""
    baseline_metric: float
    champion_metric: float
    voids: tuple[VoidPair, ...] = ()
    """Pairs of the test that the cluster lost, and pairs of the lap in which a run was lost or crashed. The reported
    gain speaks of seeds on which every run finished."""
    patch: str
    """Unified diff, base commit → champion."""
    trials: tuple[str, ...]
    """Keys of every trial that the evidence rests on."""
    proposals: tuple[ProposalId, ...]
    """The proposals that make up the champion, oldest first."""
