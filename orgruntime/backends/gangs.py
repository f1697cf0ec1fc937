"""Gangs: trials that span nodes, as one rank a node, and what the ends of the ranks come to. Pure.

Works on specs and outcomes; knows neither Ray nor leases. Invariants: a gang yields exactly one outcome, once each of
its ranks has; the number that counts is what rank 0 prints; a gang that lost a node failed for want of infrastructure,
however its other ranks ended when that one fell silent.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from orgruntime.model.ids import AttemptId
from orgruntime.model.trial import Ending, TrialOutcome, TrialProgress, TrialSpec

LINGER_S = 30.0
"""For the other ranks to end once rank 0 has ended well."""
_MARK = "+"
"""Between the attempt and the number of the rank. Attempts have none."""


class News(NamedTuple):
    """What an outcome of a rank means: the gang's own, once it is the last, and ranks to be ended, after a while."""

    outcome: TrialOutcome | None = None
    end: tuple[AttemptId, ...] = ()
    after_s: float = 0.0


@dataclass
class _Gang:
    spec: TrialSpec
    waits: dict[AttemptId, int]
    """Ranks without an outcome yet."""
    ends: list[tuple[int, TrialOutcome]] = field(default_factory=list)
    """In the order in which they came."""
    met: bool = False


class Gangs:
    """The gangs of one executor, from `enlist` to their outcomes."""

    def __init__(self) -> None:
        self._gangs: dict[AttemptId, _Gang] = {}

    def enlist(self, spec: TrialSpec) -> tuple[TrialSpec, ...]:
        """One spec a rank, of the resources that it takes of its node. Progress is told by rank 0 alone."""
        changed = {"resources": spec.resources.of_a_rank, "network": True}
        ranks = tuple(
            spec.model_copy(
                update={**changed, "attempt": AttemptId(f"{spec.attempt}{_MARK}{rank}")}
                | ({} if rank == 0 else {"rungs": ()})
            )
            for rank in range(spec.resources.nodes)
        )
        self._gangs[spec.attempt] = _Gang(spec, {one.attempt: rank for rank, one in enumerate(ranks)})
        return ranks

    def meet(self, rank: TrialSpec, address: str, port: int) -> TrialSpec:
        """The rank with what it needs to find the others; it may be launched now."""
        gang, number = self._gang_of(rank.attempt), rank_of(rank.attempt)
        assert gang is not None
        gang.met = True
        where = {
            "NNODES": str(gang.spec.resources.nodes),
            "NODE_RANK": str(number),
            "MASTER_ADDR": address,
            "MASTER_PORT": str(port),
        }
        # torchrun takes its options from variables of these names.
        return rank.model_copy(update={"env": {**rank.env, **where, **{f"PET_{name}": where[name] for name in where}}})

    def is_meeting(self, attempt: AttemptId) -> bool:
        """Whether it is a rank that must not be launched yet."""
        gang = self._gang_of(attempt)
        return gang is not None and not gang.met

    def ranks(self, attempt: AttemptId) -> tuple[AttemptId, ...]:
        """The ranks of a gang that have not ended; of any other attempt, itself."""
        gang = self._gangs.get(attempt)
        return (attempt,) if gang is None else tuple(gang.waits)

    def told(self, progress: TrialProgress) -> TrialProgress:
        return progress.model_copy(update={"attempt": whole(progress.attempt)})

    def heard(self, outcome: TrialOutcome) -> News:
        """An outcome of an attempt that is no rank passes through."""
        gang = self._gang_of(outcome.attempt)
        if gang is None:
            return News(outcome)
        rank = gang.waits.pop(outcome.attempt)
        decided = _decisive(gang.ends) is not None
        gang.ends.append((rank, outcome))
        if not gang.waits:
            del self._gangs[gang.spec.attempt]
            return News(_come_to(gang))
        if decided or _decisive(gang.ends) is None:
            return News()
        return News(end=tuple(gang.waits), after_s=LINGER_S if _is_clean(outcome) else 0.0)

    def _gang_of(self, rank: AttemptId) -> _Gang | None:
        return self._gangs.get(whole(rank)) if _MARK in rank else None


def whole(attempt: AttemptId) -> AttemptId:
    """The attempt that a rank is of; any other is itself."""
    return AttemptId(attempt.partition(_MARK)[0])


def rank_of(attempt: AttemptId) -> int:
    return int(attempt.partition(_MARK)[2] or 0)


def _is_clean(outcome: TrialOutcome) -> bool:
    return outcome.ending is Ending.EXITED and outcome.exit_code == 0


def _decisive(ends: Sequence[tuple[int, TrialOutcome]]) -> tuple[int, TrialOutcome] | None:
    """The first end that settles how the gang ended. Another rank than 0 that ends well settles nothing."""
    return next((end for end in ends if end[0] == 0 or not _is_clean(end[1])), None)


def _come_to(gang: _Gang) -> TrialOutcome:
    rank, outcome = _telling(gang)
    outcomes = [one for _, one in gang.ends]
    said = "" if _is_clean(outcome) else f"rank {rank} of {gang.spec.resources.nodes} on {outcome.node or 'no node'}"
    return outcome.model_copy(
        update={
            "attempt": gang.spec.attempt,
            "wall_s": max(one.wall_s for one in outcomes),
            "cpu_s": sum(one.cpu_s for one in outcomes),
            "peak_memory_mb": max(one.peak_memory_mb for one in outcomes),
            "isolation": "strict" if all(one.isolation == "strict" for one in outcomes) else "none",
            "detail": ": ".join(filter(None, [said, outcome.detail])),
        }
    )


def _telling(gang: _Gang) -> tuple[int, TrialOutcome]:
    decisive = _decisive(gang.ends)
    assert decisive is not None
    by_ending = {one.ending: (rank, one) for rank, one in reversed(gang.ends)}
    if Ending.TAMPERED in by_ending:
        return by_ending[Ending.TAMPERED]
    if _is_clean(decisive[1]):
        return decisive
    for ending in (Ending.INFRASTRUCTURE, Ending.NEVER_STARTED):
        if ending in by_ending:
            return by_ending[ending]
    return decisive
