"""What of a certificate can be recomputed from the certificate alone: evidence, threshold, reported gains.

Pure: runs nothing, reads no file. Invariant: every figure that the certificate's claim rests on is either recomputed
here or measured again; equal within 1e-9 of its size.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations
from math import isclose

from orgruntime.model.manifest import Direction
from orgruntime.model.research import Certificate, Pair
from orgruntime.scheduler.evidence import SCALE_IN_SD, Evidence, hypothesis, lap_summary, observe, threshold

_LONGEST_LAP = 10


@dataclass(frozen=True)
class Check:
    """One thing that was checked. `text` says what holds, or what differs."""

    name: str
    passed: bool
    text: str


def arithmetic(certificate: Certificate) -> list[Check]:
    """Every check of the numbers."""
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


def _wrong_gains(name: str, pairs: tuple[Pair, ...], direction: Direction) -> Iterator[str]:
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
    direction = Direction(certificate.direction)
    faults = [*_wrong_gains("lap pair", certificate.lap, direction)]
    if not any(_is_summary(certificate, lap) for lap in _laps(certificate)):
        faults.append("the lap's pairs do not give the gain, the interval and the metric that are reported")
    total = direction.gain(certificate.baseline_metric, certificate.champion_metric)
    if not _equal(total, certificate.total_gain):
        faults.append(f"champion against baseline is a gain of {total:.6g}, not {certificate.total_gain:.6g}")
    baseline = abs(certificate.baseline_metric)
    if not _equal(100 * certificate.total_gain / baseline if baseline else 0.0, certificate.total_gain_percent):
        faults.append(f"that is not {certificate.total_gain_percent:+.4g} % of the baseline")
    low, high = certificate.total_gain_interval
    if not _equal((low + high) / 2, certificate.total_gain):
        faults.append("the interval of the total gain does not surround it")
    held = f"gain {certificate.total_gain:.4g} over the baseline, {certificate.gain:.4g} over the champion before"
    return _check("reported gain", faults, held)


def _laps(certificate: Certificate) -> Iterator[tuple[Pair, ...]]:
    """What the lap's summary may rest on: a seed whose baseline crashed is left out, and is not marked."""
    whole = [pair for pair in certificate.lap if pair.champion is not None and pair.lead is not None][:_LONGEST_LAP]
    for size in range(len(whole), 0, -1):
        yield from combinations(whole, size)


def _is_summary(certificate: Certificate, lap: tuple[Pair, ...]) -> bool:
    direction = Direction(certificate.direction)
    gains = [direction.gain(pair.champion or 0.0, pair.lead or 0.0) for pair in lap]
    gain, (low, high) = lap_summary(gains, certificate.scale / SCALE_IN_SD)
    metric = sum(pair.lead or 0.0 for pair in lap) / len(lap)
    found = (gain, low, high, metric)
    said = (certificate.gain, *certificate.gain_interval, certificate.champion_metric)
    return all(_equal(one, other) for one, other in zip(found, said, strict=True))


def _equal(one: float, other: float) -> bool:
    return isclose(one, other, rel_tol=1e-9, abs_tol=1e-12)
