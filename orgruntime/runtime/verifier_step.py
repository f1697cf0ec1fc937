"""A step of a verifier role: put the lead to the test against the champion, on fresh interleaved pairs.

Works on one certification at a time. Does not decide when to test: the policy grants it. Invariants: every pair is
measured for this certification alone, on seeds that nobody could choose; evidence is judged in the order of the pairs;
a passed test moves the champion and writes its certificate in one transaction.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import NamedTuple

from orgruntime.ledger.rows import CertificationRow, TrialRow, TrialState
from orgruntime.ledger.transaction import Transaction
from orgruntime.model.amounts import Amounts
from orgruntime.model.ids import CommitId, InquiryId, PayloadId
from orgruntime.model.manifest import Role
from orgruntime.model.payload import Payload
from orgruntime.model.research import Certificate, EvidenceState, Pair
from orgruntime.model.trial import Purpose
from orgruntime.runtime.board import TrialDropped
from orgruntime.runtime.certificates import LapMember, build_certificate
from orgruntime.runtime.events import EventKind
from orgruntime.runtime.lab import Lab
from orgruntime.runtime.ports import Commit, Handed, StepAddress
from orgruntime.scheduler.evidence import LARGEST_STAKE, Evidence, judge, observe


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
    reason = ""
    async with _pairs(lab, role, row) as measure:
        while state is EvidenceState.RUNNING:
            try:
                pair, keys = await measure(len(pairs), evidence)
            except TrialDropped as error:
                state, reason = EvidenceState.EXHAUSTED, str(error)
                break
            pairs.append(pair)
            trials += keys
            evidence = observe(evidence, pair, row.delta, row.scale)
            state = judge(evidence, threshold=row.threshold, sd=lab.noise.sd, max_pairs=row.max_pairs)
            _tell_pair(lab, row, evidence)
    return Ruling(state, evidence, pairs, reason or _sentence(state, evidence, row), trials)


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


class _PairSource:
    """Fresh pairs by number. Runs ahead of the judgement only by pairs that no outcome could make needless."""

    def __init__(self, lab: Lab, role: Role, row: CertificationRow, ahead: int) -> None:
        self._lab, self._role, self._row, self._ahead = lab, role, row, ahead
        self._tasks: dict[int, asyncio.Task[tuple[Pair, list[str]]]] = {}

    async def __call__(self, number: int, evidence: Evidence) -> tuple[Pair, list[str]]:
        needed = _pairs_to_go(evidence, self._row)
        for n in range(number, number + max(1, min(self._ahead, needed))):
            if n not in self._tasks:
                self._tasks[n] = asyncio.create_task(_pair(self._lab, self._role, self._row, n))
        return await self._tasks.pop(number)

    async def close(self) -> None:
        for task in self._tasks.values():
            task.cancel()
        await asyncio.gather(*self._tasks.values(), return_exceptions=True)


def _pairs_to_go(evidence: Evidence, row: CertificationRow) -> int:
    """The fewest further pairs that any outcome could decide on the passing side."""
    wealth, pairs = evidence.wealth, 0
    while wealth < row.threshold and evidence.pairs + pairs < row.max_pairs:
        wealth, pairs = wealth * (1.0 + LARGEST_STAKE), pairs + 1
    return pairs


@contextlib.asynccontextmanager
async def _pairs(lab: Lab, role: Role, row: CertificationRow) -> AsyncIterator[_PairSource]:
    source = _PairSource(lab, role, row, ahead=max(1, lab.slots(role.resources) // 2))
    try:
        yield source
    finally:
        await source.close()


async def _pair(lab: Lab, role: Role, row: CertificationRow, number: int) -> tuple[Pair, list[str]]:
    """Both commits on one fresh seed; who is submitted first alternates, so that drift favours neither."""
    seed = lab.seed_for("certify", row.id, number)
    champion_first = number % 2 == 0
    order = (row.champion, row.lead) if champion_first else (row.lead, row.champion)
    rows = await _measured(lab, role, row, Purpose.CERTIFY, seed, order)
    return _as_pair(lab, seed, rows[row.champion], rows[row.lead], champion_first), [r.key for r in rows.values()]


async def _measured(
    lab: Lab, role: Role, row: CertificationRow, purpose: Purpose, seed: int, commits: tuple[CommitId, ...]
) -> dict[CommitId, TrialRow]:
    async def one(commit: CommitId) -> TrialRow:
        at: Commit = lab.workspace.get(commit)
        # The arm is part of the nonce: two commits with one tree still need two fresh runs.
        nonce = f"{row.id}:{commit}"
        trial = await lab.board.measure(lab.order(at, role, purpose, seed, nonce=nonce, inquiry=row.inquiry))
        if trial.state is TrialState.FAILED:
            # A lost bet would blame the lead for the cluster.
            raise TrialDropped(f"the cluster lost a trial of the test: {trial.reason}")
        return trial

    rows = await asyncio.gather(*(one(commit) for commit in commits))
    return dict(zip(commits, rows, strict=True))


def _as_pair(lab: Lab, seed: int, champion: TrialRow, lead: TrialRow, champion_first: bool) -> Pair:
    gain = 0.0
    if champion.metric is not None and lead.metric is not None:
        gain = lab.manifest.objective.direction.gain(champion.metric, lead.metric)
    return Pair(
        seed=seed,
        champion=champion.metric,
        lead=lead.metric,
        gain=gain,
        order="champion first" if champion_first else "lead first",
    )


async def _lapped(lab: Lab, role: Role, row: CertificationRow, ruling: Ruling) -> tuple[Ruling, Certificate | None]:
    """The victory lap: fresh runs after the decision, so that the reported gain is not inflated by it."""
    commits = tuple(dict.fromkeys((row.champion, row.lead, lab.base.id)))
    members: list[LapMember] = []
    keys: list[str] = []
    try:
        for number in range(lab.numbers.lap_pairs):
            seed = lab.seed_for("lap", row.id, number)
            rows = await _measured(lab, role, row, Purpose.LAP, seed, commits)
            keys += [r.key for r in rows.values()]
            pair = _as_pair(lab, seed, rows[row.champion], rows[row.lead], champion_first=True)
            members.append(LapMember(pair, rows[lab.base.id].metric))
    except TrialDropped as error:
        return ruling._replace(state=EvidenceState.EXHAUSTED, reason=f"passed, but without its lap: {error}"), None
    finished = [member for member in members if member.is_finished]
    if not finished:
        return ruling._replace(state=EvidenceState.FUTILE, reason="every run of the lap crashed"), None
    ruling = ruling._replace(trials=[*ruling.trials, *keys])
    return ruling, build_certificate(lab, row, ruling.evidence, ruling.pairs, members, tuple(ruling.trials))


async def _closed(
    lab: Lab,
    role: Role,
    address: StepAddress,
    row: CertificationRow,
    ruling: Ruling,
    certificate: Certificate | None,
) -> Handed:
    def change(tx: Transaction) -> None:
        tx.close_certification(row.id, ruling.state, ruling.evidence.wealth, ruling.reason, certificate)
        _settle_lead(lab, tx, row, certified=certificate is not None)

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
