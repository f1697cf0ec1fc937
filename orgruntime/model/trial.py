"""A trial: one execution of a command for one tree, one seed, one rung. What is asked of an executor, what comes back.

Invariant: `TrialIdentity.key` covers everything that can change the result, and nothing else.
"""

from __future__ import annotations

from enum import StrEnum
from functools import cached_property

from pydantic import Field

from orgruntime.model.base import Noun, digest
from orgruntime.model.ids import AttemptId, CommitId, TreeId, TrialKey
from orgruntime.model.manifest import Resources


class Purpose(StrEnum):
    """Why a trial is run. The first three measure for the science, the others for the climb."""

    NOISE = "noise"
    CERTIFY = "certify"
    LAP = "lap"
    SCREEN = "screen"
    PROBE = "probe"
    """An agent asked for it, to learn something before it proposes: no verdict rests on it."""

    @property
    def is_verification(self) -> bool:
        return self in (Purpose.CERTIFY, Purpose.LAP)


class TrialIdentity(Noun):
    tree: TreeId
    command: str
    """With {seed} and {budget} still in it."""
    seed: int = Field(ge=0)
    rung: float = Field(default=1.0, gt=0, le=1)
    evaluator: str
    """sha256 over the frozen files of the base commit and the set-up command."""
    hardware: str
    """Accelerator type and shape: `cpu:1`, `gpu:1:H100`, `gpu:2x8:H100`. Results of different classes never meet."""
    nonce: str = ""
    """Empty where a result may be reused; a certification's id or a replicate where only a fresh one counts."""

    @cached_property
    def key(self) -> TrialKey:
        return TrialKey(digest(self.model_dump(mode="json"))[:32])


class TrialSpec(Noun):
    """One attempt, as an executor gets it: data, never a closure."""

    attempt: AttemptId
    tree: TreeId
    commit: CommitId
    argv: tuple[str, ...]
    """The command after placeholders are filled in and split as a POSIX shell splits words; no shell runs it."""
    resources: Resources
    time_limit_s: float
    memory_mb: int | None = None
    env: dict[str, str] = {}
    rungs: tuple[float, ...] = ()
    """Shares of the trial's budget at which its curve is wanted while it runs; empty where nobody looks."""
    metric: str = ""
    """What its progress lines are about."""
    network: bool = False
    """Whether the sandbox leaves it the network of its node."""


class TrialProgress(Noun):
    """Points of a running attempt's curve: (fraction of its budget, metric), the last before a rung and the first
    at or past it."""

    attempt: AttemptId
    points: tuple[tuple[float, float], ...]


class Ending(StrEnum):
    """How an attempt ended, as the node saw it. What the metric says comes later."""

    EXITED = "exited"
    """The process ended by itself; see `exit_code`."""
    TIMEOUT = "timeout"
    OUT_OF_MEMORY = "out of memory"
    TAMPERED = "tampered"
    """It changed a frozen file of its own tree."""
    TOO_MANY_PROCESSES = "too many processes"
    CANCELLED = "cancelled"
    ENDED_EARLY = "ended early"
    """By the policy, at a rung: others were better there."""
    INFRASTRUCTURE = "infrastructure"
    """Node, worker or supervisor died, or could not start it: not the idea's fault, tried again."""
    NEVER_STARTED = "never started"
    """Proven not to have run: costs nothing, tried again."""

    @property
    def is_retried(self) -> bool:
        return self in (Ending.INFRASTRUCTURE, Ending.NEVER_STARTED)


class TrialOutcome(Noun):
    """What the node reports of an attempt. Untrusted text inside; no code, no pickles."""

    attempt: AttemptId
    ending: Ending
    exit_code: int | None = None
    wall_s: float = Field(ge=0)
    cpu_s: float = Field(default=0.0, ge=0)
    peak_memory_mb: float = Field(default=0.0, ge=0)
    output: str = ""
    """stdout and stderr together: the first 16 KiB and the last 48 KiB."""
    node: str = ""
    isolation: str = "none"
    """`strict` (bubblewrap) or `none`."""
    detail: str = ""


class Score(StrEnum):
    """What an attempt's output means for its trial."""

    MEASURED = "measured"
    CRASH = "crash"
    TIMEOUT = "timeout"
    OUT_OF_MEMORY = "out of memory"
    ENDED_EARLY = "ended early"
    """Worse than others at a rung. It has a curve and no metric."""
    INVALID = "invalid"
    """Touches frozen files, or prints no finite metric."""


class Reading(Noun):
    """An outcome read: the metric, or why there is none."""

    score: Score
    metric: float | None = None
    figures: dict[str, float] = {}
    """Every finite `name: number` line of the last `---` block."""
    progress: tuple[tuple[float, float], ...] = ()
    """(fraction of the budget, metric) of each progress line, in order."""
    reason: str = ""
