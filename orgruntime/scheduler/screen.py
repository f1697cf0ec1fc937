"""The loose screen by which a proposal moves the lead: at most two paired trials against the lead.

Does not know evidence or certificates. Invariant: a screen never claims anything. It lets some luck through on purpose
(cheap climbing), and believes a half of what it saw at most to make up for it; proof is the verifier's.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum

SCREEN_PAIRS = 2
TAU = 0.3
"""How much better a candidate must look, in noise sd, on the mean of its pairs."""
SURE = 2.0
"""A first gain of so many noise sd decides alone: the second would have to be a loss of more than 1.4 sd to change it,
which after such a gain comes in 1 to 3 of 100 pairs."""
DOUBT = 2
"""Pairs without any gain that are imagined beside those of a screen: what passed, passed partly by luck."""


class Screening(StrEnum):
    MORE = "more"
    PASS = "pass"
    FAIL = "fail"


def screen(gains: Sequence[float], sd: float) -> Screening:
    """Whether a candidate moves the lead, from its gains over the lead so far (positive is better), oldest first.

    The first pair must be a gain at all; the mean of the first two must be above 0.3 sd, and a first gain of 2 sd is
    enough. A crash is the caller's to fail.
    """
    if gains and not gains[0] > 0:
        return Screening.FAIL
    if gains and gains[0] >= SURE * sd:
        return Screening.PASS
    if len(gains) < SCREEN_PAIRS:
        return Screening.MORE
    mean = sum(gains[:SCREEN_PAIRS]) / SCREEN_PAIRS
    return Screening.PASS if mean > TAU * sd else Screening.FAIL


def believed_gain(gains: Sequence[float]) -> float:
    """What a passed screen adds to the lead's estimate over the champion, in the metric's units: half the mean gain of
    two pairs, a third of that of one."""
    return sum(gains) / (len(gains) + DOUBT)
