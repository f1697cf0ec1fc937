"""The state of a run, from its ledger: what `status --json` promises. What its roles do at this moment is in no ledger;
the driver says it in a file beside, for as long as it lives.

Invariant: reading it never writes, and works while a driver runs, after it died, and on another machine's copy.
"""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from pydantic import TypeAdapter

from orgruntime.api.folders import RunFolder
from orgruntime.ledger.rows import ModelRow, SpendRow
from orgruntime.ledger.store import Ledger
from orgruntime.ledger.tried import Tried
from orgruntime.model.amounts import Amounts
from orgruntime.model.manifest import Manifest
from orgruntime.model.research import Certificate
from orgruntime.model.status import (
    ChampionStatus,
    Credit,
    Measured,
    ModelUse,
    NoiseStatus,
    QuestionStatus,
    RoleActivity,
    RunState,
    RunStatus,
    SpendBy,
)

_ACTIVITY = TypeAdapter(tuple[RoleActivity, ...])
STALE = "its driver is gone; go on with `orgrun resume {id}`"


def status_of_run(folder: RunFolder) -> RunStatus:
    """Raises UserError when the folder is no run."""
    manifest = folder.manifest()
    # Before and after: a driver may come, or end the run and leave, while the ledger is read.
    alive = folder.has_driver()
    with folder.ledger() as ledger:
        status = run_status(manifest, ledger, folder)
    if alive or folder.has_driver():
        return status.model_copy(update={"driver_alive": True, "roles": _told_activity(folder)})
    return _without_driver(status, folder)


def tell_activity(folder: RunFolder, roles: tuple[RoleActivity, ...]) -> None:
    """To whoever asks for the run's status from another process. Appears whole, or not at all: a disk that is full ends
    no run for it, but for what the ledger must keep."""
    part = folder.activity_file.with_suffix(".tmp")
    with suppress(OSError):
        part.write_bytes(_ACTIVITY.dump_json(roles))
        part.replace(folder.activity_file)


def _told_activity(folder: RunFolder) -> tuple[RoleActivity, ...]:
    """Nothing where the driver has just begun, or is about to leave."""
    try:
        return _ACTIVITY.validate_json(folder.activity_file.read_bytes())
    except (OSError, ValueError):
        return ()


def _without_driver(status: RunStatus, folder: RunFolder) -> RunStatus:
    """Nothing runs where nobody drives, whatever the ledger's last word is."""
    trials = status.trials.model_copy(update={"running": 0, "interrupted": status.trials.running})
    changed: dict[str, Any] = {"trials": trials, "driver_alive": False}
    if status.state is RunState.RUNNING:
        changed |= {"state": RunState.STOPPED, "reason": STALE.format(id=folder.id)}
    return status.model_copy(update=changed)


def run_status(
    manifest: Manifest, ledger: Ledger, folder: RunFolder, roles: tuple[RoleActivity, ...] = ()
) -> RunStatus:
    """One consistent reading of the ledger, as its driver sees it."""
    run, noise = ledger.run(), ledger.noise()
    lead = ledger.lead()
    baseline = Measured(commit=run.base_commit, metric=noise.baseline) if run.base_commit and noise else None
    return RunStatus(
        run=run.id,
        org=run.org,
        state=run.state,
        reason=run.reason,
        objective={"metric": manifest.objective.metric, "direction": manifest.objective.direction.value},
        noise=NoiseStatus(sd=noise.sd, pairs=noise.pairs, correlation=noise.correlation) if noise else None,
        baseline=baseline,
        lead=Measured(commit=lead.commit, metric=lead.metric) if lead else baseline,
        champion=_champion(ledger),
        ideas=ledger.idea_counts(),
        trials=ledger.counts(),
        spend=ledger.spend(),
        budget=readable_budget(manifest),
        isolation=run.isolation,
        folder=str(folder.path),
        roles=roles,
        driver_alive=run.state is RunState.RUNNING,
        spend_by=tuple(map(_spend_by, ledger.spend_by())),
        models=tuple(map(_model_use, ledger.models())),
        questions=open_questions(ledger),
        findings=ledger.finding_counts(),
    )


def open_questions(ledger: Ledger) -> tuple[QuestionStatus, ...]:
    """Oldest first."""
    return tuple(
        QuestionStatus(
            id=one.id,
            role=one.role,
            inquiry=one.inquiry,
            kind=one.kind.value,
            text=one.text,
            choices=one.choices,
            wants=one.wants,
        )
        for one in ledger.open_questions()
    )


def credits_of(ledger: Ledger, certificate: Certificate) -> tuple[Credit, ...]:
    """What a champion is made of, oldest first."""
    tried = (ledger.tried(id) for id in certificate.proposals)
    return tuple(_credit(ledger, one) for one in tried if one is not None)


def _credit(ledger: Ledger, one: Tried) -> Credit:
    proposal, idea = one.proposal, ledger.idea(one.proposal.idea)
    return Credit(
        proposal=proposal.id,
        hypothesis=proposal.hypothesis,
        idea=idea.text if idea is not None else "",
        author=idea.author if idea is not None else "",
        role=proposal.role,
        species=proposal.species,
        gain=one.gain,
        **_readable(ledger.spent_on(proposal)),
    )


def _spend_by(row: SpendRow) -> SpendBy:
    return SpendBy(
        role=row.role,
        species=row.species,
        trials=row.amounts.trials,
        gain=row.gain,
        **_readable(row.amounts),
    )


def _model_use(row: ModelRow) -> ModelUse:
    return ModelUse(
        model=row.model,
        calls=row.calls,
        attempts=row.attempts,
        failed=row.faults,
        cached=row.cache_hits,
        seconds=row.wall_ms / 1000,
        lacks=row.lacks,
    )


def _readable(amounts: Amounts) -> dict[str, Any]:
    return {
        "tokens": amounts.tokens,
        "usd": amounts.usd_micro / 1e6,
        "gpu_seconds": amounts.gpu_ms / 1000,
        "cpu_seconds": amounts.cpu_ms / 1000,
    }


def _champion(ledger: Ledger) -> ChampionStatus | None:
    champion = ledger.champion()
    if champion is None or champion.certificate is None:
        return None
    certificate = champion.certificate
    return ChampionStatus(
        commit=champion.commit,
        metric=certificate.champion_metric,
        gain=certificate.total_gain,
        gain_interval=certificate.total_gain_interval,
        gain_percent=certificate.total_gain_percent,
        e_value=certificate.e_value,
        certificate=f"certificates/{certificate.id}.json",
        made_of=ledger.kept_while_it_stands("credits", lambda: credits_of(ledger, certificate)),
    )


def readable_budget(manifest: Manifest) -> dict[str, Any]:
    """The bounds in the units of `program.md`; bounds that are not set are left out."""
    budget = manifest.budget
    scaled = {
        "trials": (budget.trials, 1),
        "gpu_hours": (budget.gpu_ms, 3_600_000),
        "cpu_hours": (budget.cpu_ms, 3_600_000),
        "tokens": (budget.tokens, 1),
        "usd": (budget.usd_micro, 1_000_000),
        "wall_seconds": (budget.wall_ms, 1000),
    }
    return {name: bound if unit == 1 else bound / unit for name, (bound, unit) in scaled.items() if bound is not None}
