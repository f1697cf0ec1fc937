"""Certificates: what was shown, on which evidence, and everything that is needed to do it again.

Works on measured pairs. Does not measure. Invariant: the gain that a certificate reports comes from the lap alone.
"""

from __future__ import annotations

import platform
from collections.abc import Sequence

from orgruntime import __version__
from orgruntime.ledger.rows import CertificationRow
from orgruntime.model.ids import CommitId, ProposalId
from orgruntime.model.research import Certificate, LapPair, Pair, VoidPair
from orgruntime.runtime.lab import Lab, hardware_class
from orgruntime.runtime.snapshots import tests_used
from orgruntime.scheduler.evidence import Evidence, hypothesis, lap_summary


def build_certificate(
    lab: Lab,
    row: CertificationRow,
    evidence: Evidence,
    pairs: Sequence[Pair],
    lap: Sequence[LapPair],
    trials: Sequence[str],
    voids: Sequence[VoidPair],
) -> Certificate:
    """The certificate of a passed test. At least one pair of the lap is whole."""
    manifest, spec, objective = lab.manifest, lab.manifest.workspace, lab.manifest.objective
    whole = [pair for pair in lap if pair.is_whole]
    leads = [pair.lead or 0.0 for pair in whole]
    baselines = [pair.baseline or 0.0 for pair in whole]
    totals = [objective.direction.gain(b, a) for b, a in zip(baselines, leads, strict=True)]
    gain, interval = lap_summary([pair.gain for pair in whole], lab.noise.sd)
    total_gain, total_interval = lap_summary(totals, lab.noise.sd)
    baseline = sum(baselines) / len(baselines)
    command = spec.verify or spec.run
    return Certificate(
        id=row.id,
        run=lab.ledger.run().id,
        org=manifest.org,
        manifest=manifest.hash,
        metric=objective.metric,
        direction=objective.direction.value,
        workspace_source=spec.source,
        base_commit=lab.base.id,
        champion_before=row.champion,
        champion_after=row.lead,
        tree_before=lab.workspace.get(row.champion).tree,
        tree_after=lab.workspace.get(row.lead).tree,
        command=command,
        setup=spec.setup,
        time_limit_s=lab.time_limit_s(lab.verifier),
        hardware=hardware_class(lab.verifier.resources),
        isolation=lab.ports.executor.fleet().isolation,
        environment=environment(),
        hypothesis=hypothesis(objective.metric, row.delta, row.scale),
        delta=row.delta,
        scale=row.scale,
        threshold=row.threshold,
        test_number=_number(lab, row),
        tests_planned=lab.numbers.tests_planned,
        false_champions=lab.numbers.alpha,
        wins=evidence.wins,
        e_value=evidence.wealth,
        pairs=tuple(pairs),
        lap=tuple(lap),
        gain=gain,
        gain_interval=interval,
        total_gain=total_gain,
        total_gain_percent=100.0 * total_gain / abs(baseline) if baseline else 0.0,
        total_gain_interval=total_interval,
        baseline_metric=baseline,
        champion_metric=sum(leads) / len(leads),
        patch=lab.workspace.diff(lab.base.id, row.lead).text,
        voids=tuple(voids),
        trials=tuple(trials),
        proposals=lineage(lab, row.lead),
    )


def _number(lab: Lab, row: CertificationRow) -> int:
    """The how-manieth test of those that count."""
    return tests_used([one for one in lab.ledger.certifications() if one.number <= row.number])


def environment() -> dict[str, str]:
    return {"python": platform.python_version(), "platform": platform.platform(), "orgruntime": __version__}


def lineage(lab: Lab, commit: CommitId) -> tuple[ProposalId, ...]:
    """The proposals that a lead is made of, oldest first: what moved it, from the base or the last reset on."""
    certified = {
        row.commit: row.certificate.proposals for row in lab.ledger.champion_history() if row.certificate is not None
    }
    line: list[ProposalId] = []
    for entry in lab.ledger.lead_history():
        if entry.proposal is None:
            line = list(certified.get(entry.commit, ()))
        elif entry.proposal not in line:
            line.append(entry.proposal)
        if entry.commit == commit:
            break
    return tuple(line)
