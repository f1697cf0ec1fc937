"""The evidence that a lead beats a champion: a betting e-process over fresh pairs, and the run-wide threshold.

Works on gains (positive: the lead is better), a smallest win δ and a scale that were fixed before the first pair.
Does not know trials, seeds, money or who asks. Invariant: each stake is set before its pair is looked at and each
pair moves the wealth by at most its stake, so under H0 (the mean of the clipped excess is at most 0) the wealth is
a nonnegative supermartingale that starts at 1: looking after every pair costs nothing, and
P(wealth ever reaches 1/a) <= a (Ville). Sources: Waudby-Smith & Ramdas, "Estimating means of bounded random variables
by betting", JRSS-B 2024; Xu & Ramdas, "Online multiple testing with e-values" (e-LOND), 2024.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from math import isfinite
from typing import NamedTuple

from orgruntime.model.manifest import Direction
from orgruntime.model.research import EvidenceState, Pair

SCALE_IN_SD = 2.0
"""Scale of the bet in noise sd: a gain of δ + 2 sd or more counts as a clear win."""
LAP_PAIRS = 3
FIRST_STAKE = 0.5
LARGEST_STAKE = 0.95
"""Below 1, so that no single pair can end the game: after a total loss 5 % of the wealth is left."""
_T_9 = 2.262
"""97.5 % quantile of Student's t with 9 degrees of freedom: the noise floor rests on 10 runs."""


@dataclass(frozen=True)
class Evidence:
    """What a certification knows so far. `wealth` is the e-value."""

    bets: int = 0
    """Pairs that a bet was settled on."""
    voids: int = 0
    """Pairs in which only the champion crashed: nothing is learnt, but they count towards the cap."""
    wins: int = 0
    """Bets whose gain was greater than δ."""
    wealth: float = 1.0
    sum_x: float = 0.0
    sum_x2: float = 1.0
    """Starts at 1: one imagined extreme pair keeps the early stakes modest."""
    excess: float = 0.0
    """Sum of gain − δ, unclipped, in the metric's units; a crashed lead counts −scale."""

    @property
    def pairs(self) -> int:
        return self.bets + self.voids


class Lap(NamedTuple):
    """The gain that is reported, with its 95 % interval, in the metric's units."""

    gain: float
    interval: tuple[float, float]


def threshold(alpha: float, tests_planned: int, certified: int) -> float:
    """The e-value that the next test must reach: e-LOND with equal weights 1/T.

    `certified` counts the champions certified so far. The false discovery rate of champions is then at most `alpha`
    whatever the dependence between the tests.
    """
    return tests_planned / (alpha * (certified + 1))


def bet(evidence: Evidence, gain: float | None, delta: float, scale: float) -> Evidence:
    """Settles one pair. `gain` None: the lead crashed, which counts as the worst pair there is.

    Raises ValueError for a gain that is not finite or a scale that is not positive.
    """
    if not scale > 0:
        raise ValueError(f"the scale of a bet must be positive, not {scale}")
    excess = -scale if gain is None else gain - delta
    if not isfinite(excess):
        raise ValueError(f"a gain must be a finite number, not {gain}")
    x = max(-1.0, min(1.0, excess / scale))
    return replace(
        evidence,
        bets=evidence.bets + 1,
        wins=evidence.wins + (excess > 0),
        wealth=evidence.wealth * (1.0 + stake(evidence) * x),
        sum_x=evidence.sum_x + x,
        sum_x2=evidence.sum_x2 + x * x,
        excess=evidence.excess + excess,
    )


def stake(evidence: Evidence) -> float:
    """The share of the wealth that the next pair puts at risk, from the pairs before it alone.

    The growth-optimal share for small bets (mean over second moment), never negative (the test is one-sided),
    never above 0.95, at least 0.5 on the first two pairs.
    """
    n = evidence.bets
    if n == 0:
        return FIRST_STAKE
    share = max(0.0, min(LARGEST_STAKE, (evidence.sum_x / n) / (evidence.sum_x2 / (n + 1))))
    return max(share, FIRST_STAKE) if n == 1 else share


def observe(evidence: Evidence, pair: Pair, delta: float, scale: float, direction: Direction | None = None) -> Evidence:
    """Settles a recorded pair: a crashed lead loses the bet, a champion that crashed alone voids the pair.

    With a `direction` the gain is computed again from the two metrics; without one the recorded gain is taken.
    """
    if pair.lead is None:
        return bet(evidence, None, delta, scale)
    if pair.champion is None:
        return replace(evidence, voids=evidence.voids + 1)
    gain = pair.gain if direction is None else direction.gain(pair.champion, pair.lead)
    return bet(evidence, gain, delta, scale)


def judge(evidence: Evidence, *, threshold: float, sd: float, max_pairs: int) -> EvidenceState:
    """Whether the certification goes on. `sd` is the noise floor's; `max_pairs` the cap on pairs, voids included.

    Giving up early costs power only, never validity. Futile: after 3 pairs the mean excess is below −0.25 sd, or after
    5 pairs below 0.225 sd. Exhausted: the cap is reached, or no run of clear wins could reach the threshold before it.
    """
    if evidence.wealth >= threshold:
        return EvidenceState.PASSED
    n = evidence.bets
    mean = evidence.excess / n if n else 0.0
    if (n >= 3 and mean < -0.25 * sd) or (n >= 5 and mean < 0.225 * sd):
        return EvidenceState.FUTILE
    left = max_pairs - evidence.pairs
    if left <= 0 or evidence.wealth * (1.0 + LARGEST_STAKE) ** left < threshold:
        return EvidenceState.EXHAUSTED
    return EvidenceState.RUNNING


@lru_cache(maxsize=256)
def fewest_pairs(threshold: float) -> int:
    """Pairs that reach the threshold when every pair is a clear win."""
    evidence = Evidence()
    while evidence.wealth < threshold:
        evidence = bet(evidence, 1.0, 0.0, 1.0)
    return evidence.bets


def replay(pairs: Sequence[Pair], delta: float, scale: float, direction: Direction | None = None) -> float:
    """The e-value of a certificate's pairs, in their order. With `direction`, from the metrics and not the gains.

    Raises ValueError for a gain that is not finite or a scale that is not positive.
    """
    evidence = Evidence()
    for pair in pairs:
        evidence = observe(evidence, pair, delta, scale, direction)
    return evidence.wealth


def hypothesis(metric: str, delta: float, scale: float) -> str:
    """H0 in words, for a certificate."""
    return (
        f"H0: on a fresh pair of runs on one seed, the lead's improvement of {metric} minus {delta:.6g}, "
        f"clipped to ±{scale:.6g}, is at most 0 on average"
    )


def lap_summary(gains: Sequence[float], sd: float) -> Lap:
    """Mean and 95 % interval of fresh pairs run after the decision, hence untouched by selection.

    The half-width is t(9) × max(noise sd, sample sd) / √n: the noise floor is the better estimate of the spread,
    and the sample's own takes over where the new code is noisier than the old. Raises ValueError when there is no gain.
    """
    n = len(gains)
    if n == 0:
        raise ValueError("a lap without a finished pair has no gain")
    mean = sum(gains) / n
    sample = (sum((gain - mean) ** 2 for gain in gains) / (n - 1)) ** 0.5 if n > 1 else 0.0
    half = _T_9 * max(sd, sample) / n**0.5
    return Lap(mean, (mean - half, mean + half))
