"""What things cost: one vector of amounts, used for budgets, reservations and spend.

Invariant: amounts are integers in small units, so that sums of thousands of settlements are exact.
"""

from __future__ import annotations

from pydantic import Field

from orgruntime.model.base import Noun

UNITS = ("trials", "gpu_ms", "cpu_ms", "tokens", "usd_micro")


class Amounts(Noun):
    """A cost: trials, GPU and CPU milliseconds (reserved devices × wall time), tokens, millionths of a dollar."""

    trials: int = Field(default=0, ge=0)
    gpu_ms: int = Field(default=0, ge=0)
    cpu_ms: int = Field(default=0, ge=0)
    tokens: int = Field(default=0, ge=0)
    usd_micro: int = Field(default=0, ge=0)

    def __add__(self, other: Amounts) -> Amounts:
        return Amounts(**{unit: getattr(self, unit) + getattr(other, unit) for unit in UNITS})

    @property
    def device_ms(self) -> int:
        """GPU time, or CPU time where no GPU is held: what shares of the cluster are counted in."""
        return self.gpu_ms or self.cpu_ms

    def capped(self, cap: Amounts) -> Amounts:
        """Each unit at most the cap's."""
        return Amounts(**{unit: min(getattr(self, unit), getattr(cap, unit)) for unit in UNITS})


class Budget(Noun):
    """The bounds of a run. None is no bound of that kind; at least one must be set for `run`.

    Wall-clock time is counted while a driver is alive, summed over resumes.
    """

    trials: int | None = Field(default=None, ge=1)
    gpu_ms: int | None = Field(default=None, ge=0)
    cpu_ms: int | None = Field(default=None, ge=1)
    tokens: int | None = Field(default=None, ge=0)
    usd_micro: int | None = Field(default=None, ge=0)
    wall_ms: int | None = Field(default=None, ge=1)

    @property
    def is_bounded(self) -> bool:
        """Whether something that every trial uses up is bounded: trials, CPU time or wall-clock time."""
        return self.trials is not None or self.cpu_ms is not None or self.wall_ms is not None or bool(self.gpu_ms)

    def bounds(self) -> dict[str, int]:
        """The units (of `Amounts`) that are bounded, with their bounds."""
        return {unit: bound for unit in UNITS if (bound := getattr(self, unit)) is not None}
