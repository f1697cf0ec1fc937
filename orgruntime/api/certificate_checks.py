"""What of a certificate can be recomputed from the certificate alone: evidence, threshold, reported gains.

Pure: runs nothing, reads no file. Invariant: every figure that the certificate's claim rests on is either recomputed
here or measured again; equal within 1e-9 of its size.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import isclose

from orgruntime.model.manifest import Direction
from orgruntime.model.research import Certificate, LapPair, Pair
from orgruntime.scheduler.evidence import SCALE_IN_SD, Evidence, hypothesis, lap_summary, observe, threshold


@dataclass(frozen=True)
class Check:
    """One thing that was checked. `text` says what holds, or what differs."""

    name: str
    passed: bool
    text: str


def arithmetic(certificate: Certificate) -> list[Check]:
    """Every check of the numbers."""
    if certificate.direction not in list(Direction):
        return [Check("direction", False, f"{certificate.direction!r} is neither minimize nor maximize")]
    return [_evidence(certificate), _threshold(certificate), _reported(certificate)]


def evidence_of(pairs: tuple[Pair, ...], certificate: Certificate) -> Evidence:
    """The evidence of pairs by the certificate's bet, from their metrics. Raises ValueError for impossible numbers."""
    direction, evidence = Direction(certificate.direction), Evidence()
    for pair in pairs:
        evidence = observe(evidence, pair, certificate.delta, certificate.scale, direction)
    return evidence


def _check(name: str, faults: list[str], held: str) -> Check:
    return Check(name, not faults, "; ".join(faults) if faults else held)


def _evidence(certificate: Certificate) -> Check:
    try:
        found = evidence_of(certificate.pairs, certificate)
    except ValueError as error:
        return Check("evidence", False, f"the pairs give no e-value: {error}")
    faults = [*_wrong_gains("pair", certificate.pairs, Direction(certificate.direction))]
    if not _equal(found.wealth, certificate.e_value):
        faults.append(
            f"the pairs give an e-value of {found.wealth:.6g}, the certificate says {certificate.e_value:.6g}"
        )
    if found.wins != certificate.wins:
        faults.append(f"the pairs hold {found.wins} wins, the certificate says {certificate.wins}")
    if found.wealth < certificate.threshold:
        faults.append(f"the e-value {found.wealth:.6g} does not reach the threshold {certificate.threshold:.6g}")
    seeds = [pair.seed for pair in (*certificate.pairs, *certificate.lap)]
    if len(set(seeds)) != len(seeds):
        faults.append("a seed is used twice, so its pairs are not fresh")
    if certificate.hypothesis != hypothesis(certificate.metric, certificate.delta, certificate.scale):
        faults.append("the hypothesis in words is not the one that the numbers test")
    held = (
        f"{len(certificate.pairs)} pairs, {found.wins} wins: e-value {found.wealth:.4g} ≥ {certificate.threshold:.4g}"
    )
    return _check("evidence", faults, held)


def _wrong_gains(name: str, pairs: Sequence[Pair], direction: Direction) -> Iterator[str]:
    for number, pair in enumerate(pairs, 1):
        if pair.champion is None or pair.lead is None:
            continue
        gain = direction.gain(pair.champion, pair.lead)
        if not _equal(gain, pair.gain):
            yield f"{name} {number} (seed {pair.seed}): its metrics give a gain of {gain:.6g}, not {pair.gain:.6g}"


def _threshold(certificate: Certificate) -> Check:
    """T/(α·r) for the r-th champion of the run, which is at most the number of the test."""
    planned, alpha = certificate.tests_planned, certificate.false_champions
    if not (0 < alpha < 1 and 1 <= certificate.test_number <= planned):
        return Check("threshold", False, f"test {certificate.test_number} of {planned} at α = {alpha:g} cannot be")
    possible = [threshold(alpha, planned, certified) for certified in range(certificate.test_number)]
    if not any(_equal(certificate.threshold, one) for one in possible):
        text = f"α = {alpha:g} over {planned} tests asks for {possible[0]:.6g}, the certificate for "
        return Check("threshold", False, f"{text}{certificate.threshold:.6g}")
    held = f"test {certificate.test_number} of {planned} at α = {alpha:g} asks for {certificate.threshold:.4g}"
    return Check("threshold", True, held)


def _reported(certificate: Certificate) -> Check:
    """Every figure of the gain, intervals included, by its name."""
    direction = Direction(certificate.direction)
    faults = [*_wrong_gains("lap pair", certificate.lap, direction), *_unexplained(certificate)]
    lap = [_with_baseline(certificate, pair) for pair in certificate.lap]
    whole = [pair for pair in lap if pair.is_whole]
    if not whole:
        reason = "the lap states no pair of which champion, lead and base commit gave a number: no gain follows from it"
        return Check("reported gain", False, "; ".join([*faults, reason]))
    faults += [
        f"`{name}` is {_shown(said)}, and the lap gives {_shown(found)}"
        for name, said, found in _figures(certificate, whole, direction)
        if not all(_equal(one, other) for one, other in zip(said, found, strict=True))
    ]
    held = f"gain {certificate.total_gain:.4g} over the baseline, {certificate.gain:.4g} over the champion before"
    return _check("reported gain", faults, held)


def _figures(
    certificate: Certificate, lap: list[LapPair], direction: Direction
) -> Iterator[tuple[str, tuple[float, ...], tuple[float, ...]]]:
    """(name, what the certificate says, what follows from the lap)."""
    sd = certificate.scale / SCALE_IN_SD
    champions, leads, baselines = (
        [getattr(pair, arm) or 0.0 for pair in lap] for arm in ("champion", "lead", "baseline")
    )
    gain, interval = lap_summary([direction.gain(a, b) for a, b in zip(champions, leads, strict=True)], sd)
    total, total_interval = lap_summary([direction.gain(a, b) for a, b in zip(baselines, leads, strict=True)], sd)
    baseline = sum(baselines) / len(lap)
    yield "gain", (certificate.gain,), (gain,)
    yield "gain_interval", certificate.gain_interval, interval
    yield "champion_metric", (certificate.champion_metric,), (sum(leads) / len(lap),)
    yield "baseline_metric", (certificate.baseline_metric,), (baseline,)
    yield "total_gain", (certificate.total_gain,), (total,)
    yield "total_gain_interval", certificate.total_gain_interval, total_interval
    percent = 100.0 * total / abs(baseline) if baseline else 0.0
    yield "total_gain_percent", (certificate.total_gain_percent,), (percent,)


def _with_baseline(certificate: Certificate, pair: LapPair) -> LapPair:
    """Where the champion before was the base commit, its run is the baseline's."""
    if pair.baseline is None and certificate.champion_before == certificate.base_commit:
        return pair.model_copy(update={"baseline": pair.champion})
    return pair


def _unexplained(certificate: Certificate) -> Iterator[str]:
    told = {void.seed for void in certificate.voids if void.stage == "lap"}
    for number, pair in enumerate(certificate.lap, 1):
        if not _with_baseline(certificate, pair).is_whole and pair.seed not in told:
            yield f"lap pair {number} (seed {pair.seed}) did not finish, and `voids` does not say why"


def _shown(figures: tuple[float, ...]) -> str:
    return " to ".join(f"{figure:.6g}" for figure in figures)


def _equal(one: float, other: float) -> bool:
    return isclose(one, other, rel_tol=1e-9, abs_tol=1e-12)
