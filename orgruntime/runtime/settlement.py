"""From an attempt's outcome to the books: read the metric, charge the time, write it down.

Invariants: idempotent; the first settlement of an attempt is the one that counts; what an attempt printed is in its
file before it is settled.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from orgruntime.ledger.rows import TrialRow
from orgruntime.ledger.transaction import Transaction
from orgruntime.model.amounts import Amounts
from orgruntime.model.ids import TrialKey
from orgruntime.model.manifest import RoleKind
from orgruntime.model.trial import Ending, TrialOutcome
from orgruntime.runtime.lab import Lab
from orgruntime.runtime.readings import read_outcome


@dataclass(frozen=True)
class Settled:
    """`row` is the trial after the settlement; None when the attempt had been settled before."""

    row: TrialRow | None
    text: str = ""
    data: dict[str, object] = field(default_factory=dict)


def named(lab: Lab, outcome: TrialOutcome) -> TrialOutcome:
    """As it is to be settled: what the policy has ended is called so."""
    reason = lab.race.ended.get(outcome.attempt)
    if not reason or outcome.ending is not Ending.CANCELLED:
        return outcome
    return outcome.model_copy(update={"ending": Ending.ENDED_EARLY, "detail": reason})


def write_logs(lab: Lab, outcomes: Sequence[TrialOutcome]) -> None:
    """Those that are settled have theirs."""
    lab.logs.write([one for one in outcomes if _key(one) in lab.board.started])


def settle(lab: Lab, tx: Transaction, outcome: TrialOutcome, *, blameless: bool = False) -> Settled:
    """`blameless`: should the cluster have lost it, that is none of the losses after which its trial is given up."""
    key = _key(outcome)
    lab.race.leave(outcome.attempt)
    reading = None
    if not outcome.ending.is_retried and outcome.ending is not Ending.CANCELLED:
        reading = read_outcome(outcome, lab.manifest.objective.metric)
    used, order = _used(lab, key, outcome), lab.board.started.get(key)
    if not tx.settle(outcome, reading, used, blameless=blameless):
        return Settled(None)
    if order is not None:
        lab.sleeves.settle(order, used)
    row = lab.ledger.trial(key, order.identity if order is not None else None)
    assert row is not None
    return Settled(row, _text(lab, row, outcome), _data(row, outcome))


def _key(outcome: TrialOutcome) -> TrialKey:
    return TrialKey(outcome.attempt.rsplit(".", 1)[0])


def _used(lab: Lab, key: TrialKey, outcome: TrialOutcome) -> Amounts:
    """What the attempt held for as long as it took. Of an earlier driver's only the reservation is known: the role
    whose trials reserve as much is the one that asked for it; without one, all of it is charged."""
    order = lab.board.started.get(key)
    if order is not None:
        return order.resources.cost(outcome.wall_s)
    cap = next((row.cap for row in lab.ledger.running_attempts() if row.attempt == outcome.attempt), Amounts())
    roles = (role for role in lab.manifest.roles if role.kind in (RoleKind.EXPERIMENT, RoleKind.VERIFIER))
    held = next((role.resources for role in roles if role.resources.cost(lab.time_limit_s(role)) == cap), None)
    return cap if held is None else held.cost(outcome.wall_s)


def _text(lab: Lab, row: TrialRow, outcome: TrialOutcome) -> str:
    what = lab.hypothesis_of(row.proposal) or row.purpose.value
    if row.number is None:
        return f"trial {row.key[:8]} {outcome.ending.value}, tried again: {outcome.detail or what}"
    if row.metric is None:
        return f"trial {row.number} {row.score.value if row.score else 'lost'}: {row.reason} ({what})"
    return f"trial {row.number} {lab.manifest.objective.metric} {row.metric:.5g} in {row.wall_s:.1f} s: {what}"


def _data(row: TrialRow, outcome: TrialOutcome) -> dict[str, object]:
    return {
        "number": row.number,
        "trial": row.key,
        "attempt": outcome.attempt,
        "purpose": row.purpose.value,
        "metric": row.metric,
        "score": row.score.value if row.score else None,
        "ending": outcome.ending.value,
        "wall_s": round(outcome.wall_s, 3),
        "proposal": row.proposal,
    }
