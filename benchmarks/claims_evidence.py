"""The claims about evidence (C1-C6) in their smallest form: one trial after the other, no cluster, no clock.

Bounds are one-sided 99 % Clopper-Pearson, on the side against the claim. `claims.py` runs them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from random import Random
from statistics import fmean, median

from scipy.special import betaincinv
from two_tier import Story, run_greedy, run_org
from worlds import NOISES, WORLDS, Lab

from orgruntime.model.appetite import PRESETS, Preset
from orgruntime.model.research import EvidenceState
from orgruntime.scheduler.evidence import Evidence, bet, judge

TRIALS = 600
CONFIDENCE = 0.99


@dataclass(frozen=True)
class Finding:
    claim: str
    what: str
    seen: str
    holds: bool
    note: bool = False
    """Reported, not claimed."""


def upper(hits: int, n: int) -> float:
    """The share that 99 % confidence still allows."""
    return 1.0 if hits == n else float(betaincinv(hits + 1, n - hits, CONFIDENCE))


def lower(hits: int, n: int) -> float:
    """The share that 99 % confidence guarantees."""
    return 0.0 if hits == 0 else float(betaincinv(hits, n - hits + 1, 1 - CONFIDENCE))


def ever_reaches(gains: list[float], level: float, scale: float = 2.0) -> bool:
    """Whether the e-value passes the level at any look, with no futility stop to help."""
    evidence = Evidence()
    for gain in gains:
        evidence = bet(evidence, gain, 0.0, scale)
        if evidence.wealth >= level:
            return True
    return False


def clipped_centre(noise: Callable[[Random], float], scale: float = 2.0, draws: int = 100_000) -> float:
    """What must be taken off the law for its clipped mean to be 0: the hardest null that the test speaks of."""
    random = Random(5)
    sample = [noise(random) for _ in range(draws)]
    low, high = -3.0, 3.0
    for _ in range(25):
        middle = (low + high) / 2
        mean = fmean(max(-scale, min(scale, draw - middle)) for draw in sample)
        low, high = (middle, high) if mean > 0 else (low, middle)
    return (low + high) / 2


def null_streams(n: int) -> Iterator[Finding]:
    """P(e-value ever ≥ 1/α in 25 looks) ≤ α, for every law of noise."""
    for name, noise in NOISES.items():
        random, centre = Random(11), clipped_centre(noise)
        streams = [[noise(random) - centre for _ in range(25)] for _ in range(n)]
        for alpha in (0.01, 0.05, 0.20):
            hits = sum(ever_reaches(stream, 1 / alpha) for stream in streams)
            yield Finding("C1", f"null streams, {name}, α {alpha:g}", share(hits, n, upper), upper(hits, n) <= alpha)
    random = Random(12)
    hits = sum(ever_reaches([NOISES["skewed down"](random) for _ in range(25)], 20.0) for _ in range(n))
    seen = share(hits, n, upper) + " (mean 0 but clipped mean above 0: not the H0 of the certificate)"
    yield Finding("C1", "skewed down, uncentred, α 0.05", seen, True, note=True)


def null_world(n: int) -> Iterator[Finding]:
    """In a world without a single improvement, P(any champion) ≤ α."""
    for preset in Preset:
        alpha = PRESETS[preset].false_champions
        hits = sum(bool(story.gains) for story in _runs("null", preset, n))
        yield Finding("C1", f"null world, {preset.value}, α {alpha:g}", share(hits, n, upper), upper(hits, n) <= alpha)


def false_share(n: int) -> Iterator[Finding]:
    """P(any champion at or below δ), which bounds the false discovery rate, in every world and law of noise."""
    cells = [(world, "Gaussian") for world in ("sparse", "typical", "dense")]
    cells += [("typical", noise) for noise in NOISES if noise != "Gaussian"]
    for preset in Preset:
        alpha = PRESETS[preset].false_champions
        for world, noise in cells:
            stories = list(_runs(world, preset, n, noise))
            hits = sum(story.false > 0 for story in stories)
            seen = f"{share(hits, n, upper)}, champions {fmean(len(story.gains) for story in stories):.2f}"
            yield Finding("C2", f"{world}, {noise}, {preset.value}, α {alpha:g}", seen, upper(hits, n) <= alpha)


def greedy_control(n: int) -> Iterator[Finding]:
    """The harness can fail: the greedy rule's false share is at least 0.3 in the same worlds."""
    for world in WORLDS:
        share = fmean(run_greedy(Lab(Random(i * 7919 + 13), WORLDS[world]), TRIALS).false_share for i in range(n))
        yield Finding("C3", f"greedy, {world}", f"false share {share:.3f}", share >= 0.3)


def power(n: int) -> Iterator[Finding]:
    """Pairs until the threshold, for an effect in pair spreads; with and without the futility stop."""
    random = Random(17)
    for bar, effect, within, claimed in ((20, 2.0, 10, 0.95), (20, 1.0, 20, 0.85), (300, 2.0, 15, 0.95)):
        taken = [_pairs_to(bar, effect, random, within) for _ in range(n)]
        hits = sum(pairs is not None for pairs in taken)
        middle = median(within + 1 if pairs is None else pairs for pairs in taken)
        stopped = sum(_pairs_to(bar, effect, random, within, futility=True) is not None for _ in range(n))
        seen = f"{share(hits, n, lower)}, median {middle:g} pairs; {stopped / n:.3f} with the futility stop"
        yield Finding("C4", f"e ≥ {bar} within {within} pairs at {effect:g} sd", seen, lower(hits, n) >= claimed)


def lap(n: int) -> Iterator[Finding]:
    """The reported gain is unbiased within 0.1 run spreads, and its interval keeps its 95 %."""
    for world in ("typical", "dense"):
        stories = list(_runs(world, Preset.BALANCED, n))
        errors = [error for story in stories for error in story.reported]
        covered = sum(story.covered for story in stories) / len(errors)
        seen = f"bias {fmean(errors):+.3f} over {len(errors)} champions, interval covers {covered:.3f}"
        yield Finding("C5", f"lap, {world}", seen, abs(fmean(errors)) <= 0.1 and covered >= 0.95)


def verification(n: int) -> Iterator[Finding]:
    """Never more than 30 % of the trials go into verification, and a short run can still certify."""
    for trials in (60, 120, 200, TRIALS):
        for preset in Preset:
            stories = list(_runs("typical", preset, n, trials=trials))
            most = max(story.verification_runs for story in stories) / trials
            seen = (
                f"most {most:.3f}, mean {fmean(story.verification_runs for story in stories) / trials:.3f}, "
                f"champions {fmean(len(story.gains) for story in stories):.2f}, "
                f"true gain {fmean(story.champion for story in stories):.2f}"
            )
            yield Finding("C6", f"{trials} trials, {preset.value}", seen, most <= 0.30)


def _runs(world: str, preset: Preset, n: int, noise: str = "Gaussian", trials: int = TRIALS) -> Iterator[Story]:
    for i in range(n):
        yield run_org(Lab(Random(i * 7919 + 13), WORLDS[world], NOISES[noise]), preset, trials)


def _pairs_to(bar: float, effect: float, random: Random, most: int, futility: bool = False) -> int | None:
    evidence = Evidence()
    while evidence.pairs < most:
        evidence = bet(evidence, effect + random.gauss(0.0, 1.0), 0.0, 2.0)
        if evidence.wealth >= bar:
            return evidence.pairs
        if futility and judge(evidence, threshold=bar, sd=1.0, max_pairs=most) is not EvidenceState.RUNNING:
            return None
    return None


def share(hits: int, n: int, bound: Callable[[int, int], float]) -> str:
    sign = "≤" if bound is upper else "≥"
    return f"{hits}/{n} = {hits / n:.4f} (99 %: {sign} {bound(hits, n):.4f})"
