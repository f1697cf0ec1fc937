"""The public state of a run: `status --json`, the last line of `run --json`. Keys are promised (DESIGN §10)."""

from __future__ import annotations

from enum import StrEnum
from typing import Any

from orgruntime.model.base import Noun


class RunState(StrEnum):
    RUNNING = "running"
    PAUSED = "paused"
    FINISHED = "finished"
    STOPPED = "stopped"
    FAILED = "failed"

    @property
    def is_final(self) -> bool:
        return self in (RunState.FINISHED, RunState.FAILED)


class Measured(Noun):
    commit: str
    metric: float | None


class NoiseStatus(Noun):
    sd: float
    pairs: int
    correlation: float


class SpendBy(Noun):
    """What a role used through one species, and the kept gains that it brought."""

    role: str
    """`runtime` for trials that served no single proposal; `species` then names their purpose."""
    species: str
    trials: int = 0
    tokens: int = 0
    usd: float = 0.0
    gpu_seconds: float = 0.0
    cpu_seconds: float = 0.0
    gain: float = 0.0
    """Sum of the screened gains of what was kept, in the metric's unit; not certified."""


class Credit(Noun):
    """One proposal of a champion: whose idea, who made it, what it used, what it brought."""

    proposal: str
    hypothesis: str
    idea: str
    """The idea's words; empty for the standing invitation."""
    author: str
    """Of the idea: a role, `person:<name>`, or `runtime`."""
    role: str
    species: str
    gain: float | None
    """Screened, in the metric's unit."""
    tokens: int = 0
    usd: float = 0.0
    gpu_seconds: float = 0.0
    cpu_seconds: float = 0.0


class ModelUse(Noun):
    """What became of everything that one language model was asked."""

    model: str
    calls: int
    attempts: int
    failed: dict[str, int] = {}
    """Attempts that were no answer, by what happened."""
    cached: float | None = None
    """Share of the input that its server read from a cache."""
    seconds: float = 0.0
    """Of all attempts together."""
    lacks: dict[str, str] = {}
    """What its server turned out not to be able to take → its words."""


class QuestionStatus(Noun):
    """A question that is open."""

    id: str
    role: str
    inquiry: str
    kind: str
    text: str
    choices: tuple[str, ...] = ()
    wants: str = ""
    """The payload type that the answer becomes."""


class ChampionStatus(Noun):
    commit: str
    metric: float
    gain: float
    """Over the run's baseline, from fresh pairs after the certification."""
    gain_interval: tuple[float, float]
    gain_percent: float
    e_value: float
    certificate: str
    """Path of the certificate, relative to the run's folder."""
    made_of: tuple[Credit, ...] = ()
    """The proposals that make it up, oldest first."""


class TrialCounts(Noun):
    """`total` counts settled trials; one that served no single proposal (noise, certification, probe) counts there
    only."""

    total: int = 0
    keep: int = 0
    discard: int = 0
    crash: int = 0
    inconclusive: int = 0
    running: int = 0
    interrupted: int = 0
    """Were running when their driver died; the next one settles them and tries them again."""


class Spend(Noun):
    gpu_seconds: float = 0.0
    cpu_seconds: float = 0.0
    tokens: int = 0
    usd: float = 0.0
    wall_seconds: float = 0.0


class RoleActivity(Noun):
    role: str
    doing: str


class RunStatus(Noun):
    run: str
    org: str
    state: RunState
    reason: str
    objective: dict[str, str]
    noise: NoiseStatus | None
    baseline: Measured | None
    lead: Measured | None
    champion: ChampionStatus | None
    ideas: dict[str, int]
    trials: TrialCounts
    spend: Spend
    budget: dict[str, Any]
    isolation: str
    folder: str
    roles: tuple[RoleActivity, ...] = ()
    driver_alive: bool = False
    """Whether a process drives the run now."""
    spend_by: tuple[SpendBy, ...] = ()
    """Who used what, most dollars and device time first."""
    models: tuple[ModelUse, ...] = ()
    questions: tuple[QuestionStatus, ...] = ()
    """What people are asked and have not answered, oldest first."""
    findings: dict[str, int] = {}
    """Of the notebook, by state."""
