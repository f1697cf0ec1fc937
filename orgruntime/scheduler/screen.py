"""The loose screen by which a proposal moves the lead: at most two paired trials against the lead.

Does not know evidence or certificates. Invariant: a screen never claims anything. It lets some luck through on purpose
(cheap climbing), and the lead's own estimate is halved to make up for it; proof is the verifier's.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum

SCREEN_PAIRS = 2
TAU = 0.3
"""How much better a candidate must look, in noise sd, on the mean of its pairs."""
SHRINKAGE = 0.5
"""Share of the observed gain that is believed: what passed a screen passed partly by luck."""


class Screening(StrEnum):
    MORE = "more"
    PASS = "pass"
    FAIL = "fail"


def screen(gains: Sequence[float], sd: float) -> Screening:
    """Whether a candidate moves the lead, from its gains over the lead so far (positive is better), oldest first.

    The first pair must be a gain at all; the mean of the first two must be above 0.3 sd. A crash is the caller's to
    fail.
    """
    if gains and not gains[0] > 0:
        return Screening.FAIL
    if len(gains) < SCREEN_PAIRS:
        return Screening.MORE
    mean = sum(gains[:SCREEN_PAIRS]) / SCREEN_PAIRS
    return Screening.PASS if mean > TAU * sd else Screening.FAIL


def believed_gain(gains: Sequence[float]) -> float:
    """What a passed screen adds to the lead's estimate over the champion: half the mean gain, in the metric's units."""
    return SHRINKAGE * sum(gains) / len(gains) if gains else 0.0
