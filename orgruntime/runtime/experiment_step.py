"""A step of an experiment role: screen one proposal against the lead with a couple of paired trials, and move the lead.

Works on one proposal. Does not certify anything: a screen is loose on purpose. Invariants: a proposal that touches
frozen files, exceeds the blast radius or repeats a tree is refused before a trial is spent on it; the lead only moves
to a commit that was measured against the lead of that moment.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum

from orgruntime.ledger.rows import TrialRow, TrialState
from orgruntime.ledger.transaction import Transaction
from orgruntime.model.amounts import Amounts
from orgruntime.model.appetite import Dial
from orgruntime.model.ids import CommitId, InquiryId, PayloadId
from orgruntime.model.manifest import Role
from orgruntime.model.payload import Payload
from orgruntime.model.research import Proposal, RiskClass, Verdict, VerdictWord
from orgruntime.model.trial import Purpose, Score
from orgruntime.runtime.admission import blast, earlier_proposal, frozen_files
from orgruntime.runtime.board import KEPT, Order, TrialDropped
from orgruntime.runtime.events import EventKind
from orgruntime.runtime.lab import Lab
from orgruntime.runtime.ports import Commit, Conflict, Handed, StepAddress
from orgruntime.runtime.rebase import on_lead
from orgruntime.scheduler.screen import Screening, believed_gain, screen

VOID_PAIRS = 2
"""Pairs of a screen in which the lead failed: nothing is learnt, and the next seed is taken, so many times."""
RESCREENS = 3
"""How often a proposal is measured again since the lead moved under it; then it is taken for what it is: late."""


class Outcome(StrEnum):
    """What edges select a result by (`model.payload.CONDITIONS`)."""

    PROMISING = "promising"
    KEPT = "kept"
    WORSE = "worse"
    CRASHED = "crashed"
    CONFLICTED = "conflicted"
    INVALID = "invalid"
    DUPLICATE = "duplicate"
    UNMEASURED = "unmeasured"


_VERDICTS = {
    Outcome.PROMISING: VerdictWord.KEEP,
    Outcome.KEPT: VerdictWord.KEEP,
    Outcome.CRASHED: VerdictWord.CRASH,
    Outcome.UNMEASURED: VerdictWord.INCONCLUSIVE,
    Outcome.CONFLICTED: VerdictWord.INCONCLUSIVE,
}


@dataclass
class Finding:
    """What the screen of one proposal came to."""

    outcome: Outcome
    reason: str
    gains: list[float] = field(default_factory=list)
    metrics: list[float] = field(default_factory=list)
    evidence: list[str] = field(default_factory=list)
    commit: Commit | None = None
    """What was measured: the proposal, or its merge with a lead that had moved."""
    against: CommitId | None = None
    dial: Dial | None = None
    """Which refused it, where one did."""

    @property
    def gain(self) -> float | None:
        return sum(self.gains) / len(self.gains) if self.gains else None

    @property
    def metric(self) -> float | None:
        return sum(self.metrics) / len(self.metrics) if self.metrics else None


async def experiment_step(lab: Lab, role: Role, address: StepAddress, inbox: Payload) -> Handed:
    """Screens the proposal that `inbox` names; hands off a `result`."""
    proposal = lab.proposal(inbox.body["proposal"])
    assert proposal is not None, "a proposal payload is written together with its proposal"
    name = f"{role.slug} {address.inquiry}"
    lab.doing[name] = f"screening {proposal.hypothesis[:60]}"
    try:
        if refused := refusal(lab, role, proposal):
            return _handed(await _concluded(lab, role, address, proposal, refused))
        for _ in range(RESCREENS):
            finding = await _screened(lab, role, address.inquiry, proposal)
            handed = await _concluded(lab, role, address, proposal, finding)
            if handed is not None:
                return handed
        return _handed(await _concluded(lab, role, address, proposal, _late()))
    finally:
        lab.doing.pop(name, None)


def refusal(lab: Lab, role: Role, proposal: Proposal) -> Finding | None:
    """Why the proposal is not measured at all, if so."""
    diff = lab.workspace.diff(proposal.base, proposal.commit)
    if frozen := frozen_files(lab, diff):
        return Finding(Outcome.INVALID, frozen)
    earlier = None if lab.ledger.oldest_of_tree(proposal.tree) == proposal.id else earlier_proposal(lab, proposal.tree)
    if earlier is not None and earlier[0].inquiry != proposal.inquiry:
        return Finding(Outcome.DUPLICATE, earlier[1])
    if not diff.files:
        return Finding(Outcome.DUPLICATE, "changes nothing")
    wide = blast(lab, role, diff, lab.manifest.role(proposal.role))
    return Finding(Outcome.INVALID, wide, dial=Dial.BLAST_RADIUS) if wide else None


async def _screened(lab: Lab, role: Role, inquiry: InquiryId, proposal: Proposal) -> Finding:
    commit, base = Commit(id=proposal.commit, tree=proposal.tree), proposal.base
    evidence: list[str] = []
    for _ in range(RESCREENS):
        lead = lead_commit(lab)
        if lead.id != base:
            merged = on_lead(lab, proposal, base, commit.id, lead.id)
            if isinstance(merged, Conflict):
                what = ", ".join(merged.paths[:3])
                reason = f"the lead moved to {lead.id[:10]} and {what} conflicts with it"
                return Finding(Outcome.CONFLICTED, reason, evidence=evidence)
            commit, base = merged, lead.id
            await lab.commits_on_disk()
            if commit.tree == lead.tree:
                return Finding(Outcome.DUPLICATE, "the lead already holds this change", evidence=evidence)
        finding = Finding(Outcome.WORSE, "", commit=commit, against=lead.id, evidence=evidence)
        _met_before(lab, role, proposal, finding, commit, lead)
        try:
            if await _against(lab, role, inquiry, proposal, finding, lead):
                return finding
        except TrialDropped as error:
            return Finding(Outcome.UNMEASURED, str(error), evidence=evidence)
    return _late(evidence)


def _late(evidence: Sequence[str] = ()) -> Finding:
    reason = f"the lead moved {RESCREENS} times while this was measured"
    return Finding(Outcome.CONFLICTED, reason, evidence=list(evidence))


def _handed(handed: Handed | None) -> Handed:
    assert handed is not None, "what does not move the lead is never too late"
    return handed


def lead_commit(lab: Lab) -> Commit:
    """The lead, which is the base commit until something moved it."""
    lead = lab.ledger.lead()
    return lab.base if lead is None else lab.workspace.get(lead.commit)


def _met_before(lab: Lab, role: Role, proposal: Proposal, finding: Finding, commit: Commit, lead: Commit) -> None:
    """Takes the runs on seeds that both have run, side by side as candidates, for the first pair. The lead was chosen
    for its luck on them, so what gains there is no luckier than the lead."""
    direction = lab.manifest.objective.direction
    gains: list[float] = []
    for row in lab.ledger.trials_of(proposal.id):
        if row.identity.tree != commit.tree or row.purpose is not Purpose.SCREEN or row.metric is None:
            continue
        other = lab.ledger.trial(lab.order(lead, role, Purpose.SCREEN, row.identity.seed).identity.key)
        if other is not None and other.metric is not None:
            gains.append(direction.gain(other.metric, row.metric))
            finding.metrics.append(row.metric)
            finding.evidence += [one for one in (row.key, other.key) if one not in finding.evidence]
    if gains:
        finding.gains.append(sum(gains) / len(gains))


async def _against(
    lab: Lab, role: Role, inquiry: InquiryId, proposal: Proposal, finding: Finding, lead: Commit
) -> bool:
    """Paired trials of `finding.commit` and `lead` on seeds that belong to this lead, until the screen decides. False:
    the lead moved before it did."""
    direction, metric = lab.manifest.objective.direction, lab.manifest.objective.metric
    assert finding.commit is not None
    tries = voids = 0
    while (state := screen(finding.gains, lab.noise.sd)) is Screening.MORE:
        other = _of_lead(lab, role, lead, tries, proposal.risk)
        tries += 1
        # A candidate that has won its first pair is no longer raced.
        rungs = () if finding.evidence else lab.race.rungs
        seed = other.identity.seed
        own = lab.order(finding.commit, role, Purpose.SCREEN, seed, proposal=proposal.id, inquiry=inquiry)
        ours, theirs = await _pair(lab, replace(own, sleeve=proposal.risk, rungs=rungs), other)
        finding.evidence += [ours.key] if theirs is None else [ours.key, theirs.key]
        if theirs is not None and theirs.metric is None and voids < VOID_PAIRS:
            voids += 1
            continue
        if theirs is None or ours.metric is None:
            _failed(finding, ours)
            return True
        if theirs.metric is None:
            finding.outcome = Outcome.UNMEASURED
            finding.reason = f"the lead itself failed on {voids + 1} seeds: {theirs.reason}"
            return True
        finding.metrics.append(ours.metric)
        finding.gains.append(direction.gain(theirs.metric, ours.metric))
        if finding.gains[-1] > 0 and lead_commit(lab).id != lead.id:
            return False
    pairs = "1 pair" if len(finding.gains) == 1 else f"{len(finding.gains)} pairs"
    finding.reason = f"{metric} {finding.metric:.5g}, {finding.gain:+.4g} against the lead over {pairs}"
    if state is Screening.PASS:
        finding.outcome = Outcome.KEPT
    return True


def _of_lead(lab: Lab, role: Role, lead: Commit, number: int, sleeve: RiskClass) -> Order:
    """The lead's own trial of a pair. Every screen of a lead looks at the same ones."""
    name = (lead.id, role.slug, number, sleeve)
    if name not in lab.of_lead:
        if len(lab.of_lead) >= KEPT:
            lab.of_lead.clear()
        seed = lab.seed_for("screen", lead.id, number)
        lab.of_lead[name] = replace(lab.order(lead, role, Purpose.SCREEN, seed), sleeve=sleeve)
    return lab.of_lead[name]


async def _pair(lab: Lab, ours: Order, theirs: Order) -> tuple[TrialRow, TrialRow | None]:
    """Both, side by side. A candidate that is ended early has lost to others: it does not wait for the lead's trial,
    which is not started for it either."""
    if (known := lab.board.settled(theirs)) is not None:
        row = await lab.board.measure(ours)
        return row, None if row.score is Score.ENDED_EARLY else known
    first, second = (asyncio.ensure_future(lab.board.measure(order)) for order in (ours, theirs))
    try:
        row = await first
        return row, None if row.score is Score.ENDED_EARLY else await _held_up(lab, ours, theirs, second)
    finally:
        for arm in (first, second):
            arm.cancel()
        await asyncio.gather(first, second, return_exceptions=True)


async def _held_up(lab: Lab, ours: Order, theirs: Order, coming: asyncio.Future[TrialRow]) -> TrialRow:
    """The lead's trial, for one that has its own. It may take its place on the cluster again, slow or lost as it is;
    meanwhile others may be asked for ideas."""
    # What was settled in the same tick comes a turn of the loop later.
    if ours.inquiry is None or lab.board.settled(theirs) is not None:
        return await coming
    lab.held_up.add(ours.inquiry)
    lab.board.on_change()
    try:
        return await coming
    finally:
        lab.held_up.discard(ours.inquiry)


def _failed(finding: Finding, row: TrialRow) -> None:
    if row.state is TrialState.FAILED:
        finding.outcome, finding.reason = Outcome.UNMEASURED, f"the cluster lost it: {row.reason}"
    elif row.score is Score.ENDED_EARLY:
        finding.outcome, finding.reason = Outcome.WORSE, f"ended early: {row.reason}"
    elif row.score is Score.INVALID:
        finding.outcome, finding.reason = Outcome.INVALID, row.reason
    else:
        finding.outcome, finding.reason = Outcome.CRASHED, row.reason


async def _concluded(lab: Lab, role: Role, address: StepAddress, proposal: Proposal, finding: Finding) -> Handed | None:
    """Writes verdict, lead and result in one transaction, so that a crash leaves all of them or none. None: nothing is
    written, since another proposal moved the lead in the same instant."""
    payload_id = PayloadId(f"{address.inquiry}.{address.visit}")
    moved: list[str] = []

    def change(tx: Transaction) -> tuple[Payload | None, tuple[str, ...]]:
        if finding.outcome is Outcome.KEPT and lead_commit(lab).id != finding.against:
            return None, ()
        if finding.outcome is Outcome.KEPT:
            moved.append(_move_lead(lab, tx, proposal, finding))
        words = (finding.outcome.value, "kept") if finding.outcome is Outcome.PROMISING else (finding.outcome.value,)
        payload = Payload(id=payload_id, type="result", body=_body(proposal, finding), source=role.slug)
        tx.add_payload(payload, address.inquiry)
        if not tx.record_step(address.inquiry, address.visit, role.slug, payload_id, "result", words, Amounts()):
            return None, words
        tx.set_verdict(_verdict(proposal, finding))
        if finding.dial is not None:
            tx.decide(finding.dial, "refuse", proposal.id, finding.reason, {})
        return payload, words

    written, words = await lab.board.write(change)
    if not words:
        return None
    if written is not None:
        lab.note_payload(written)
    lab.note_fruit(f"{proposal.role}#{proposal.desk}", fruitful=bool(finding.evidence))
    if finding.gains or finding.outcome is Outcome.CRASHED:
        lab.sleeves.judge(kept=bool(moved), at_once=lab.slots(lab.experimenter.resources))
    if moved and finding.commit is not None:
        lab.workspace.move_branch("lead", finding.commit.id)
        lab.tell(EventKind.LEAD, moved[0], commit=finding.commit.id, metric=finding.metric, gain=finding.gain)
    return Handed(payload_id, "result", words)


def _move_lead(lab: Lab, tx: Transaction, proposal: Proposal, finding: Finding) -> str:
    assert finding.commit is not None
    assert finding.gain is not None
    lead = lab.ledger.lead()
    estimate = (lead.estimate if lead else 0.0) + believed_gain(finding.gains)
    tx.move_lead(
        finding.commit.id,
        metric=finding.metric,
        gain=finding.gain,
        estimate=estimate,
        proposal=proposal.id,
        reason=finding.reason,
    )
    facts: dict[str, float | int | str] = {"gain": finding.gain, "estimate": estimate}
    tx.decide(Dial.SMALLEST_WIN, "move-lead", proposal.id, finding.reason, facts)
    trigger = lab.numbers.trigger
    if trigger is not None and estimate >= trigger:
        finding.outcome = Outcome.PROMISING
    return f"lead → {finding.metric:.5g}: {proposal.hypothesis}"


def _body(proposal: Proposal, finding: Finding) -> dict[str, object]:
    body: dict[str, object] = {
        "proposal": proposal.id,
        "outcome": finding.outcome.value,
        "reason": finding.reason,
        "settings": proposal.settings,
    }
    if finding.metric is not None:
        body["metric"] = finding.metric
    if finding.gain is not None:
        body["gain"] = finding.gain
    return body


def _verdict(proposal: Proposal, finding: Finding) -> Verdict:
    return Verdict(
        proposal=proposal.id,
        word=_VERDICTS.get(finding.outcome, VerdictWord.DISCARD),
        reason=finding.reason,
        gain=finding.gain,
        evidence=tuple(dict.fromkeys(finding.evidence)),
    )
