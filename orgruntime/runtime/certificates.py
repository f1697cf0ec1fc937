"""Certificates: what was shown, on which evidence, and everything that is needed to do it again.

Works on measured pairs. Does not measure. Invariant: the gain that a certificate reports comes from the lap alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from orgruntime import __version__
from orgruntime.ledger.rows import CertificationRow, TrialRow
from orgruntime.model.ids import CommitId, ProposalId, TrialKey
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
    runs = [run for run in map(lab.ledger.trial, map(TrialKey, trials)) if run is not None]
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
        command=spec.verify or spec.run,
        setup=spec.setup,
        time_limit_s=lab.time_limit_s(lab.verifier),
        hardware=hardware_class(lab.verifier.resources),
        isolation=_isolation(runs),
        environment=environment(lab, runs),
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
        patch=lab.workspace.diff(lab.base.id, row.lead).text,
        voids=tuple(voids),
        trials=tuple(trials),
        proposals=lineage(lab, row.lead),
        **_reported(lab, [pair for pair in lap if pair.is_whole]),
    )


def _reported(lab: Lab, whole: Sequence[LapPair]) -> dict[str, Any]:
    """The figures of the gain."""
    direction, sd = lab.manifest.objective.direction, lab.noise.sd
    leads = [pair.lead or 0.0 for pair in whole]
    baselines = [pair.baseline or 0.0 for pair in whole]
    gain, interval = lap_summary([pair.gain for pair in whole], sd)
    totals = [direction.gain(b, a) for b, a in zip(baselines, leads, strict=True)]
    total_gain, total_interval = lap_summary(totals, sd)
    baseline = sum(baselines) / len(baselines)
    return {
        "gain": gain,
        "gain_interval": interval,
        "total_gain": total_gain,
        "total_gain_percent": 100.0 * total_gain / abs(baseline) if baseline else 0.0,
        "total_gain_interval": total_interval,
        "baseline_metric": baseline,
        "champion_metric": sum(leads) / len(leads),
    }


def _number(lab: Lab, row: CertificationRow) -> int:
    """The how-manieth test of those that count."""
    return tests_used([one for one in lab.ledger.certifications() if one.number <= row.number])


def environment(lab: Lab, runs: Sequence[TrialRow]) -> dict[str, str]:
    """Of the nodes that ran the trials, different ones beside each other; and the driver's version of this package.

    A node that left before this driver came is unknown.
    """
    known = lab.ports.executor.fleet().environments
    nodes = sorted({run.node for run in runs})
    facts = {
        name: _each(known.get(node, {}).get(name, "unknown") for node in nodes)
        for name in ("python", "platform", "accelerator")
    }
    isolation = _each(run.isolation for run in runs)
    return {**facts, "isolation": isolation, "nodes": str(len(nodes)), "orgruntime": __version__}


def _each(words: Iterable[str]) -> str:
    return "; ".join(sorted(set(words)))


def _isolation(runs: Sequence[TrialRow]) -> str:
    """`strict` only where each run was."""
    return "strict" if all(run.isolation == "strict" for run in runs) else "none"


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
