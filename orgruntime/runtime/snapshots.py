"""From the ledger and the board to the policy's snapshot. Reads only.

Invariant: every read here costs the same at the first trial and at the millionth.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from orgruntime.ledger.rows import CertificationRow
from orgruntime.model.amounts import UNITS
from orgruntime.model.ids import TrialKey
from orgruntime.model.manifest import Direction
from orgruntime.model.research import EvidenceState
from orgruntime.model.trial import Purpose
from orgruntime.runtime.board import shape_name
from orgruntime.runtime.lab import Lab
from orgruntime.scheduler.decide import Snapshot, Wanted
from orgruntime.scheduler.outage import Outage

WALL = "wall_ms"


@dataclass(frozen=True)
class Hands:
    """What the supervisor holds in memory: counts of its own tasks."""

    exploring: int
    proposers: int
    certification_asked: bool
    stop_asked: bool
    forgiven: int
    """Settled trials at the last time a person said to go on."""
    wall_ms: int
    """Driver time that is not in the ledger yet."""
    certification: CertificationRow | None
    standups: bool
    last_test_taken: bool
    asked: int = 0
    """Inquiries that wait for a person."""
    busy: int = 0
    """Inquiries that can go on by themselves."""
    question: str = ""
    thinking: int = 0
    lost: Outage | None = None


def snapshot(lab: Lab, hands: Hands) -> Snapshot:
    left, used = _money(lab, hands)
    certifications = lab.ledger.certifications()
    waiting = lab.board.waiting
    heads = {queue.head.shape: lab.board.orders[queue.head.key].resources for queue in waiting.queues()}
    free = {name: lab.ports.executor.free_slots(shape) for name, shape in heads.items()}
    share = max(used.values(), default=0.0)
    return Snapshot(
        numbers=lab.numbers,
        wanted=waiting,
        running=len(lab.board.started),
        free=free,
        places={name: lab.slots(shape) for name, shape in heads.items()},
        slots=max(1, lab.slots(lab.experimenter.resources)),
        left=left,
        used=used,
        baseline_known=lab.numbers.sd is not None,
        exploring=hands.exploring,
        proposers=hands.proposers,
        certification_asked=hands.certification_asked,
        certification_running=hands.certification is not None,
        tests_used=tests_used(certifications),
        since_champion=share * _since_champion(lab, hands),
        target_reached=target_reached(lab),
        lead_hopes=_lead_hopes(lab, certifications),
        last_test_taken=hands.last_test_taken,
        standups=hands.standups,
        stop_asked=hands.stop_asked,
        screen=_screen(lab),
        verification_left=verification_left(lab),
        champion_is_base=_champion_is_base(lab),
        certified=tests_passed(certifications),
        lead_promises=_lead_promises(lab),
        asked=hands.asked,
        busy=hands.busy,
        question=hands.question,
        thinking=hands.thinking,
        held_up=len(lab.held_up),
        lost=hands.lost,
        racing=lab.race.due(),
        direction=lab.manifest.objective.direction,
        sleeves=lab.sleeves.given,
        since_kept=lab.sleeves.since_kept,
    )


def _lead_promises(lab: Lab) -> bool:
    lead, trigger = lab.ledger.lead(), lab.numbers.trigger
    return lead is not None and trigger is not None and lead.estimate >= trigger


def _lead_hopes(lab: Lab, certifications: list[CertificationRow]) -> bool:
    """H0 says that the gain is at most δ: a lead that does not look better than that is not worth a test. One whose
    test the cluster lost is worth another, once."""
    lead, champion, delta = lab.ledger.lead(), lab.ledger.champion(), lab.numbers.delta
    if lead is None or champion is None or delta is None or lead.commit == champion.commit or lead.estimate <= delta:
        return False
    tests = [row.state for row in certifications if row.lead == lead.commit]
    return tests in ([], [EvidenceState.VOID])


def verification_left(lab: Lab) -> int | None:
    """Trials that certifications and laps may still take; None where nothing that a trial uses is bounded."""
    cap = lab.numbers.verification_trials
    return None if cap is None else max(0, cap - lab.ledger.verification_trials())


def _champion_is_base(lab: Lab) -> bool:
    champion = lab.ledger.champion()
    return champion is None or champion.certificate is None


def _screen(lab: Lab) -> Wanted:
    """One more screen at its worst."""
    role, limit_s = lab.experimenter, lab.time_limit_s(lab.experimenter)
    return Wanted(
        key=TrialKey(""),
        purpose=Purpose.SCREEN,
        cap=role.resources.cost(limit_s),
        shape=shape_name(role.resources),
        wall_ms=round(limit_s * 1000),
    )


def _money(lab: Lab, hands: Hands) -> tuple[Mapping[str, int], Mapping[str, float]]:
    budget, books = lab.manifest.budget, lab.ledger.amounts()
    bounds = {unit: bound for unit, bound in budget.bounds().items() if bound > 0}
    taken = {unit: getattr(books.spent, unit) + getattr(books.reserved, unit) for unit in UNITS}
    if budget.wall_ms is not None:
        bounds[WALL] = budget.wall_ms
        taken[WALL] = lab.ledger.run().wall_ms + hands.wall_ms
    left = {unit: max(0, bound - taken[unit]) for unit, bound in bounds.items()}
    # A bound of 0 is a unit that must not be used at all.
    left |= {unit: 0 for unit, bound in budget.bounds().items() if bound == 0}
    return left, {unit: min(1.0, taken[unit] / bound) for unit, bound in bounds.items()}


def _since_champion(lab: Lab, hands: Hands) -> float:
    """The share of all settled trials that came after the last champion (or a person's word to go on)."""
    settled = lab.ledger.settled_trials()
    if not settled:
        return 0.0
    champion = lab.ledger.champion()
    last = max(hands.forgiven, champion.at_trial if champion is not None and champion.certificate else 0)
    return max(0, settled - last) / settled


def target_reached(lab: Lab) -> bool:
    objective, champion = lab.manifest.objective, lab.ledger.champion()
    if objective.target is None or champion is None or champion.certificate is None:
        return False
    metric = champion.certificate.champion_metric
    return metric <= objective.target if objective.direction is Direction.MINIMIZE else metric >= objective.target


def tests_used(certifications: list[CertificationRow]) -> int:
    """A test whose runs the cluster lost has shown nothing and is not counted."""
    return sum(row.state is not EvidenceState.VOID for row in certifications)


def tests_passed(certifications: list[CertificationRow]) -> int:
    return sum(row.state is EvidenceState.PASSED for row in certifications)
