"""From the ledger's rows to a report's story. Reads only."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from orgruntime.api.folders import RunFolder
from orgruntime.api.statuses import credits_of, readable_budget
from orgruntime.ledger.rows import ChampionRow, TrialRow
from orgruntime.ledger.rows import SpendRow as LedgerSpendRow
from orgruntime.ledger.store import Ledger
from orgruntime.model.ids import ProposalId
from orgruntime.model.manifest import Manifest
from orgruntime.model.research import Proposal, Verdict, VerdictWord
from orgruntime.model.status import Spend
from orgruntime.model.trial import Purpose, Score
from orgruntime.report.story import (
    BudgetRow,
    Champion,
    DecisionRow,
    HonestRow,
    LeadStep,
    Memo,
    PartRow,
    Point,
    PointStatus,
    RunStory,
    SpendRow,
)

DECISIONS = 100_000


def story_of(
    manifest: Manifest, ledger: Ledger, folder: RunFolder, honest: Sequence[tuple[str, float]] = ()
) -> RunStory:
    """The whole story of a run, whatever state it is in."""
    run, noise = ledger.run(), ledger.noise()
    proposals = {proposal.id: proposal for proposal in ledger.proposals()}
    verdicts = {id: ledger.verdict(id) for id in proposals}
    champions = tuple(_champion(ledger, row) for row in ledger.champion_history() if row.certificate)
    newest = champions[-1].certificate if champions else ""
    return RunStory(
        run=run.id,
        org=run.org,
        title=manifest.title,
        objective=manifest.objective.metric,
        direction=manifest.objective.direction,
        state=run.state.value,
        reason=run.reason,
        target=manifest.objective.target,
        noise=noise,
        baseline=noise.baseline if noise else None,
        baseline_commit=run.base_commit or "",
        points=tuple(_point(row, proposals, verdicts) for row in ledger.trials() if not _is_short(row)),
        lead=_lead(ledger),
        champions=champions,
        memos=tuple(Memo(role=memo.role, text=memo.text, trial=memo.upto_trials) for memo in ledger.memos()),
        spend_rows=tuple(_spend_row(row, proposals, verdicts) for row in ledger.spend_by()),
        spend=ledger.spend(),
        counts=ledger.counts(),
        decisions=_decisions(ledger),
        honest=tuple(HonestRow(name, value) for name, value in honest),
        budget=_budget(manifest, ledger),
        isolation=run.isolation,
        folder=str(folder.path),
        appetite=manifest.appetite.preset.value,
        verify_command=f"orgrun verify {folder.path / newest}" if newest else "",
        history=tuple(ledger.history()),
        findings=tuple(ledger.findings(active=False)),
        parts=tuple(_parts(ledger, proposals, verdicts)),
        held_out=manifest.workspace.verify is not None,
    )


def _point(row: TrialRow, proposals: dict[ProposalId, Proposal], verdicts: dict[ProposalId, Verdict | None]) -> Point:
    proposal = proposals.get(row.proposal) if row.proposal else None
    verdict = verdicts.get(row.proposal) if row.proposal else None
    return Point(
        number=row.number or 0,
        commit=row.commit,
        metric=row.metric,
        seed=row.identity.seed,
        purpose=row.purpose.value,
        status=_status(row, verdict),
        role=proposal.role if proposal else "",
        species=proposal.species if proposal else "",
        hypothesis=proposal.hypothesis if proposal else "",
        memory_mb=row.memory_mb,
        wall_s=row.wall_s,
        reason=(verdict.reason if verdict else "") or row.reason,
        proposal=row.proposal or "",
        base=proposal.base if proposal else "",
        ended_early=row.score is Score.ENDED_EARLY,
        gain=verdict.gain if verdict else None,
    )


def _is_short(row: TrialRow) -> bool:
    """A probe of a part of a trial: its metric is on another scale."""
    return row.purpose is Purpose.PROBE and row.identity.rung < 1


def _status(row: TrialRow, verdict: Verdict | None) -> PointStatus:
    if row.purpose.is_verification:
        return PointStatus.VERIFY
    if row.purpose is Purpose.PROBE:
        return PointStatus.PROBE
    if row.proposal is None:
        return PointStatus.NOISE if row.purpose is Purpose.NOISE else PointStatus.LEAD
    return PointStatus(verdict.word.value) if verdict else PointStatus.INCONCLUSIVE


def _lead(ledger: Ledger) -> tuple[LeadStep, ...]:
    run, noise = ledger.run(), ledger.noise()
    steps = []
    if run.base_commit and noise:
        steps.append(LeadStep(trial=0, commit=run.base_commit, metric=noise.baseline))
    steps += [LeadStep(trial=row.since_number, commit=row.commit, metric=row.metric) for row in ledger.lead_history()]
    return tuple(steps)


def _parts(
    ledger: Ledger, proposals: dict[ProposalId, Proposal], verdicts: dict[ProposalId, Verdict | None]
) -> Iterator[PartRow]:
    for row in ledger.all_ablations():
        done = verdicts.get(row.proposal) if row.proposal else None
        taken_back = row.proposal is not None and proposals[row.proposal].base == proposals[row.parent].commit
        yield PartRow(row.parent, row.part, taken_back, done.gain if done else None, row.role)


def _champion(ledger: Ledger, row: ChampionRow) -> Champion:
    certificate = row.certificate
    assert certificate is not None
    return Champion(
        trial=row.at_trial,
        commit=row.commit,
        metric=certificate.champion_metric,
        gain=certificate.gain,
        interval=certificate.gain_interval,
        total_gain=certificate.total_gain,
        total_interval=certificate.total_gain_interval,
        total_percent=certificate.total_gain_percent,
        e_value=certificate.e_value,
        certificate=f"certificates/{certificate.id}.json",
        threshold=certificate.threshold,
        wins=certificate.wins,
        pairs=len(certificate.pairs),
        made_of=credits_of(ledger, certificate),
    )


def _spend_row(
    row: LedgerSpendRow, proposals: dict[ProposalId, Proposal], verdicts: dict[ProposalId, Verdict | None]
) -> SpendRow:
    amounts = row.amounts
    kept = [
        verdict
        for id, verdict in verdicts.items()
        if verdict is not None
        and verdict.word is VerdictWord.KEEP
        and (proposals[id].role, proposals[id].species) == (row.role, row.species)
    ]
    spend = Spend(
        gpu_seconds=amounts.gpu_ms / 1000,
        cpu_seconds=amounts.cpu_ms / 1000,
        tokens=amounts.tokens,
        usd=amounts.usd_micro / 1e6,
    )
    trials, gain = amounts.trials, row.gain
    return SpendRow(role=row.role, species=row.species, spend=spend, trials=trials, kept=len(kept), gain=gain)


def _decisions(ledger: Ledger) -> tuple[DecisionRow, ...]:
    rows = ledger.decisions(DECISIONS)
    counts = Counter((row.dial.value, row.verb) for row in rows)
    newest = {(row.dial.value, row.verb): row.reason for row in sorted(rows, key=lambda row: row.seq)}
    return tuple(
        DecisionRow(dial=dial, verb=verb, count=count, example=newest[(dial, verb)])
        for (dial, verb), count in counts.most_common()
    )


def _budget(manifest: Manifest, ledger: Ledger) -> tuple[BudgetRow, ...]:
    spend, settled = ledger.spend(), ledger.amounts().spent.trials
    used = {
        "trials": float(settled),
        "gpu_hours": spend.gpu_seconds / 3600,
        "cpu_hours": spend.cpu_seconds / 3600,
        "tokens": float(spend.tokens),
        "usd": spend.usd,
        "wall_seconds": ledger.run().wall_ms / 1000,
    }
    units = {"gpu_hours": "h", "cpu_hours": "h", "usd": "$", "wall_seconds": "s"}
    return tuple(
        BudgetRow(name=name, used=used[name], bound=float(bound), unit=units.get(name, ""))
        for name, bound in readable_budget(manifest).items()
    )
