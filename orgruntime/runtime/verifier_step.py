"""A step of a verifier role: put the lead to the test against the champion, on fresh interleaved pairs.

Works on one certification at a time. Does not decide when to test: the policy grants it. Invariants: evidence is judged
in the order of the pairs; what the cluster lost is evidence of nothing; a passed test moves the champion and writes its
certificate in one transaction.
"""

from __future__ import annotations

import asyncio
from typing import Literal, NamedTuple

from orgruntime.ledger.rows import CertificationRow
from orgruntime.ledger.transaction import Transaction
from orgruntime.model.amounts import Amounts
from orgruntime.model.ids import InquiryId, PayloadId
from orgruntime.model.manifest import Role
from orgruntime.model.payload import Payload
from orgruntime.model.research import Certificate, EvidenceState, LapPair, Pair, VoidPair
from orgruntime.model.trial import Purpose
from orgruntime.runtime.ablations import after_a_test, write_asked
from orgruntime.runtime.board import TrialDropped
from orgruntime.runtime.certificates import build_certificate
from orgruntime.runtime.events import EventKind
from orgruntime.runtime.lab import Lab
from orgruntime.runtime.pairs import draw, pair_source
from orgruntime.runtime.ports import Handed, StepAddress
from orgruntime.scheduler.evidence import Evidence, judge, observe

LOST_PAIRS = 3
"""Pairs of one test that the cluster may lose: each is replaced by a fresh one. One more, and the test is void."""
LAP_SPARES = 3
"""Further seeds of a lap that take the place of those on which a run was lost or crashed."""


class Certifications:
    """The one certification that may be asked for: only the newest lead is worth testing."""

    def __init__(self) -> None:
        self._asked: asyncio.Future[CertificationRow | str] | None = None
        self.inquiry: InquiryId | None = None

    @property
    def is_asked(self) -> bool:
        return self._asked is not None

    async def ask(self, inquiry: InquiryId) -> CertificationRow | str:
        """The certification once it is granted, or why it will not be. Replaces an older request."""
        self.answer("a newer lead is asked to be tested")
        self._asked, self.inquiry = asyncio.get_running_loop().create_future(), inquiry
        return await self._asked

    def answer(self, answer: CertificationRow | str) -> None:
        asked, self._asked, self.inquiry = self._asked, None, None
        if asked is not None and not asked.done():
            asked.set_result(answer)


class Ruling(NamedTuple):
    """How a certification ended."""

    state: EvidenceState
    evidence: Evidence
    pairs: list[Pair]
    reason: str
    trials: list[str]
    voids: list[VoidPair]


async def verifier_step(lab: Lab, asks: Certifications, role: Role, address: StepAddress) -> Handed:
    """Waits for the test to be granted, runs it, hands off a `verdict`."""
    row: CertificationRow | str | None = lab.ledger.open_certification()
    if not isinstance(row, CertificationRow) or row.inquiry != address.inquiry:
        row = await asks.ask(address.inquiry)
    if isinstance(row, str):
        return await _handed(lab, role, address, "inconclusive", row, None)
    lab.doing[role.slug] = f"testing lead {row.lead[:10]} against champion {row.champion[:10]}"
    try:
        ruling = await _tested(lab, role, row)
        certificate = None
        if ruling.state is EvidenceState.PASSED:
            ruling, certificate = await _lapped(lab, role, row, ruling)
        return await _closed(lab, role, address, row, ruling, certificate)
    finally:
        lab.doing[role.slug] = "idle"


async def _tested(lab: Lab, role: Role, row: CertificationRow) -> Ruling:
    evidence, state = Evidence(), EvidenceState.RUNNING
    pairs: list[Pair] = []
    trials: list[str] = []
    voids: list[VoidPair] = []
    reason = ""
    async with pair_source(lab, role, row) as measure:
        while state is EvidenceState.RUNNING:
            try:
                drawn = await measure(len(pairs) + len(voids), evidence)
            except TrialDropped as error:
                state, reason = EvidenceState.EXHAUSTED, str(error)
                break
            if drawn.lost:
                # A lost bet would blame the lead for the cluster.
                voids.append(_void(lab, row, "test", drawn.pair.seed, drawn.lost))
                if len(voids) > LOST_PAIRS:
                    state, reason = EvidenceState.VOID, f"{len(voids)} pairs are lost, the last one so: {drawn.lost}"
                continue
            pair = Pair(**drawn.pair.model_dump(exclude={"baseline"}))
            pairs.append(pair)
            trials += drawn.keys
            evidence = observe(evidence, pair, row.delta, row.scale)
            state = judge(evidence, threshold=row.threshold, sd=lab.noise.sd, max_pairs=row.max_pairs)
            _tell_pair(lab, row, evidence)
    return Ruling(state, evidence, pairs, reason or _sentence(state, evidence, row), trials, voids)


def _sentence(state: EvidenceState, evidence: Evidence, row: CertificationRow) -> str:
    found = f"e-value {evidence.wealth:.3g} of {row.threshold:.3g} after {evidence.pairs} pairs"
    endings = {
        EvidenceState.PASSED: f"certified: {found}",
        EvidenceState.FUTILE: f"futile: {found}, and the mean gain is too small",
        EvidenceState.EXHAUSTED: f"not shown: {found}, and the cap of {row.max_pairs} pairs is out of reach",
    }
    return endings.get(state, found)


def _tell_pair(lab: Lab, row: CertificationRow, evidence: Evidence) -> None:
    text = f"pair {evidence.pairs}: e-value {evidence.wealth:.3g} of {row.threshold:.3g}, {evidence.wins} wins"
    lab.tell(
        EventKind.CERTIFICATION, text, id=row.id, pairs=evidence.pairs, e_value=evidence.wealth, threshold=row.threshold
    )


def _void(lab: Lab, row: CertificationRow, stage: Literal["test", "lap"], seed: int, reason: str) -> VoidPair:
    text = f"a pair of the {stage} is void (seed {seed}), another seed takes its place: {reason}"
    lab.tell(EventKind.CERTIFICATION, text, id=row.id, seed=seed, void=reason)
    return VoidPair(stage=stage, seed=seed, reason=reason)


async def _lapped(lab: Lab, role: Role, row: CertificationRow, ruling: Ruling) -> tuple[Ruling, Certificate | None]:
    """The victory lap: fresh runs after the decision, so that the reported gain is not inflated by it."""
    lap: list[LapPair] = []
    keys: list[str] = []
    voids: list[VoidPair] = []
    stopped = crashed = ""
    for number in range(lab.numbers.lap_pairs + LAP_SPARES):
        if sum(pair.is_whole for pair in lap) == lab.numbers.lap_pairs:
            break
        try:
            drawn = await draw(lab, role, row, Purpose.LAP, number)
        except TrialDropped as error:
            stopped = str(error)
            break
        crashed = crashed or drawn.crashed
        if drawn.lost or drawn.crashed:
            voids.append(_void(lab, row, "lap", drawn.pair.seed, drawn.lost or drawn.crashed))
        if not drawn.lost:
            lap.append(drawn.pair)
            keys += drawn.keys
    ruling = ruling._replace(trials=[*ruling.trials, *keys], voids=[*ruling.voids, *voids])
    if any(pair.is_whole for pair in lap):
        return ruling, build_certificate(lab, row, ruling.evidence, ruling.pairs, lap, ruling.trials, ruling.voids)
    if stopped:
        return ruling._replace(state=EvidenceState.EXHAUSTED, reason=f"passed, but without its lap: {stopped}"), None
    if crashed:
        return ruling._replace(state=EvidenceState.FUTILE, reason=f"no pair of the lap finished: {crashed}"), None
    return ruling._replace(state=EvidenceState.VOID, reason=f"passed, but its lap is lost: {voids[-1].reason}"), None


async def _closed(
    lab: Lab,
    role: Role,
    address: StepAddress,
    row: CertificationRow,
    ruling: Ruling,
    certificate: Certificate | None,
) -> Handed:
    apart = after_a_test(lab, role, certificate.proposals) if certificate is not None else []

    def change(tx: Transaction) -> None:
        tx.close_certification(row.id, ruling.state, ruling.evidence.wealth, ruling.reason, certificate)
        write_asked(lab, tx, apart, role.slug)
        if ruling.state is not EvidenceState.VOID:
            _settle_lead(lab, tx, row, certified=certificate is not None)

    if ruling.state is EvidenceState.VOID:
        handed = await _handed(lab, role, address, "inconclusive", ruling.reason, change)
        text = f"nothing was tested: {ruling.reason}; the lead keeps its place and the test's number is free again"
        lab.tell(EventKind.CERTIFICATION, text, id=row.id)
        return handed
    if certificate is None:
        word = "discarded" if ruling.state is EvidenceState.FUTILE else "inconclusive"
        handed = await _handed(lab, role, address, word, ruling.reason, change)
        lab.workspace.move_branch("lead", row.champion)
        lab.tell(EventKind.CERTIFICATION, f"not certified: {ruling.reason}; the lead resets to the champion", id=row.id)
        return handed
    handed = await _handed(lab, role, address, "certified", ruling.reason, change)
    lab.workspace.move_branch("champion", row.lead)
    low, high = certificate.total_gain_interval
    text = (
        f"champion {row.lead[:10]}: {certificate.metric} {certificate.champion_metric:.5g},"
        f" {certificate.total_gain_percent:+.2f} % better than the baseline"
        f" (gain {certificate.total_gain:.4g}, 95 % {low:.4g} to {high:.4g}), e-value {certificate.e_value:.3g}"
    )
    lab.tell(EventKind.CHAMPION, text, id=row.id, commit=row.lead, gain_percent=certificate.total_gain_percent)
    return handed


def _settle_lead(lab: Lab, tx: Transaction, row: CertificationRow, *, certified: bool) -> None:
    """Passed: what the lead had gained when it was tested is now the champion's. Failed: the lead resets."""
    history = lab.ledger.lead_history()
    lead = lab.ledger.lead()
    assert lead is not None
    tested = next((entry for entry in reversed(history) if entry.commit == row.lead), lead)
    if certified:
        rest = max(0.0, lead.estimate - tested.estimate)
        reason = "its gain so far is certified"
        tx.move_lead(lead.commit, metric=lead.metric, gain=0.0, estimate=rest, proposal=lead.proposal, reason=reason)
        return
    known = next((entry.metric for entry in reversed(history) if entry.commit == row.champion), lab.noise.baseline)
    reason = "the test did not pass: back to the champion"
    tx.move_lead(row.champion, metric=known, gain=0.0, estimate=0.0, proposal=None, reason=reason)


async def _handed(lab: Lab, role: Role, address: StepAddress, word: str, reason: str, change: object) -> Handed:
    payload_id = PayloadId(f"{address.inquiry}.{address.visit}")
    verdict = {"certified": "keep", "discarded": "discard"}.get(word, "inconclusive")
    body = {"verdict": verdict, "certified": word == "certified", "reason": reason}

    def write(tx: Transaction) -> None:
        payload = Payload(id=payload_id, type="verdict", body=body, source=role.slug)
        tx.add_payload(payload, address.inquiry)
        tx.record_step(address.inquiry, address.visit, role.slug, payload_id, "verdict", (word,), Amounts())
        if callable(change):
            change(tx)

    await lab.board.write(write)
    return Handed(payload_id, "verdict", (word,))
