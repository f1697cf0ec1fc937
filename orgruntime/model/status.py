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
