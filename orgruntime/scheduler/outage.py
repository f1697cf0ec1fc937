"""A cluster that loses whatever it is given: what of a tick's decisions is left to a run that waits for it.

Pure; does not know the time, nor how long a wait is. Invariants: what asks the cluster or a desk for work waits, and
what ends something does not; a tick starts one trial at most, of those that it would have started the first.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from orgruntime.scheduler.decision import Decision, Verb

_BEGINS = frozenset({Verb.START_TRIAL, Verb.OPEN_INQUIRY, Verb.CERTIFY, Verb.LAST_TEST})


@dataclass(frozen=True)
class Outage:
    """It lasts until an attempt ends by itself."""

    probe: bool = False
    """A wait is over: one trial may be started, to see."""
    ends: str = ""
    """Why the run pauses, in words, once it has waited for long enough."""


def allowed(decisions: Sequence[Decision], outage: Outage) -> list[Decision]:
    """While `outage` has not ended the run. Where a wait is over and no trial can be started, whatever leads to one is
    begun: a run whose trials were all given up must come to another, or to its end."""
    first = next((one for one in decisions if one.verb is Verb.START_TRIAL), None)
    if outage.probe and first is None:
        return list(decisions)
    return [one for one in decisions if one.verb not in _BEGINS or (outage.probe and one is first)]
