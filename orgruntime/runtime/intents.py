"""From decisions to intents on disk: what the policy decided is written down here before anything is applied.

Works inside the tick's transaction. Does not start anything. Invariant: what it returns is exactly what it wrote.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from orgruntime.ledger.errors import BudgetExceeded
from orgruntime.ledger.rows import CertificationRow, InquiryRow
from orgruntime.ledger.transaction import Transaction
from orgruntime.model.ids import AttemptId, CertificationId, InquiryId, TrialKey
from orgruntime.model.status import RunState
from orgruntime.runtime.experiment_step import lead_commit
from orgruntime.runtime.inquiries import Inquiries
from orgruntime.runtime.lab import Lab
from orgruntime.runtime.snapshots import tests_passed
from orgruntime.runtime.verifier_step import Certifications
from orgruntime.scheduler.decide import Decision, Snapshot, Verb, decide
from orgruntime.scheduler.evidence import threshold
from orgruntime.scheduler.numbers import pairs_of_a_test


@dataclass
class Applied:
    """What is to be done once the transaction is on disk."""

    specs: list[tuple[TrialKey, AttemptId]] = field(default_factory=list)
    dropped: list[tuple[TrialKey, str]] = field(default_factory=list)
    ended_early: list[AttemptId] = field(default_factory=list)
    inquiries: list[InquiryRow] = field(default_factory=list)
    granted: CertificationRow | None = None
    withdrawn: str = ""
    ended: tuple[RunState, str] | None = None


def write_intents(lab: Lab, tx: Transaction, now: Snapshot, inquiries: Inquiries, asks: Certifications) -> Applied:
    """Decides, and writes every decision with its dial."""
    applied = Applied()
    lab.race.note(now.racing)
    for decision in decide(now):
        _write(lab, tx, now, decision, inquiries, asks, applied)
    applied.inquiries += inquiries.write_standups(tx)
    return applied


def _write(
    lab: Lab,
    tx: Transaction,
    now: Snapshot,
    decision: Decision,
    inquiries: Inquiries,
    asks: Certifications,
    applied: Applied,
) -> None:
    key = TrialKey(decision.subject)
    match decision.verb:
        case Verb.START_TRIAL:
            _reserve(lab, tx, key, decision, applied)
        case Verb.END_EARLY:
            applied.ended_early.append(lab.race.end(key, decision.reason))
            _note(tx, decision)
        case Verb.DROP:
            applied.dropped.append((key, decision.reason))
            _note(tx, decision)
        case Verb.OPEN_INQUIRY:
            applied.inquiries += inquiries.write_opened(tx, decision)
        case Verb.CERTIFY:
            applied.granted = _open_certification(lab, tx, now, decision, asks.inquiry)
        case Verb.LAST_TEST:
            applied.inquiries += inquiries.write_last_test(tx, decision)
        case Verb.WITHDRAW:
            applied.withdrawn = decision.reason
            _note(tx, decision)
        case Verb.PAUSE:
            applied.ended = (RunState.PAUSED, decision.reason)
            _note(tx, decision)
        case Verb.FINISH:
            applied.ended = (RunState.FINISHED, decision.reason)
            _note(tx, decision)


def _note(tx: Transaction, decision: Decision) -> None:
    tx.decide(decision.dial, decision.verb.value, decision.subject, decision.reason, dict(decision.numbers))


def _reserve(lab: Lab, tx: Transaction, key: TrialKey, decision: Decision, applied: Applied) -> None:
    order = lab.board.orders[key]
    try:
        attempt = tx.reserve(
            order.identity,
            commit=order.commit,
            purpose=order.purpose,
            proposal=order.proposal,
            inquiry=order.inquiry,
            cap=order.cap,
        )
    except BudgetExceeded as error:
        applied.dropped.append((key, str(error)))
        return
    if attempt is not None:
        applied.specs.append((key, attempt))
        _note(tx, decision)


def _open_certification(
    lab: Lab, tx: Transaction, now: Snapshot, decision: Decision, inquiry: InquiryId | None
) -> CertificationRow | None:
    assert inquiry is not None
    numbers, earlier = lab.numbers, lab.ledger.certifications()
    champion, lead = lab.ledger.champion(), lead_commit(lab)
    assert champion is not None
    assert numbers.delta is not None
    assert numbers.scale is not None
    number = len(earlier) + 1
    tx.open_certification(
        CertificationId(f"c{number}"),
        champion=champion.commit,
        lead=lead.id,
        number=number,
        threshold=threshold(numbers.alpha, numbers.tests_planned, tests_passed(earlier)),
        delta=numbers.delta,
        scale=numbers.scale,
        max_pairs=pairs_of_a_test(
            numbers,
            tests_passed(earlier),
            champion_is_base=now.champion_is_base,
            left=(now.verification_left, now.left.get("trials")),
        ),
        inquiry=inquiry,
    )
    _note(tx, decision)
    return lab.ledger.open_certification()
