"""A decision: what is to be done, and the dial that says so.

Does not know how it was come to.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from orgruntime.model.appetite import Dial


class Verb(StrEnum):
    START_TRIAL = "start-trial"
    OPEN_INQUIRY = "open-inquiry"
    CERTIFY = "certify"
    LAST_TEST = "last-test"
    """The lead is below the trigger, and goes before the verifier because nothing else can be done any more."""
    END_EARLY = "end-early"
    """A candidate that runs is ended: others were better at an equal share of the budget."""
    DROP = "drop"
    """A trial that will never be started is given up."""
    WITHDRAW = "withdraw"
    """The certification that is asked for can never be granted."""
    PAUSE = "pause"
    FINISH = "finish"


@dataclass(frozen=True)
class Decision:
    verb: Verb
    dial: Dial
    reason: str
    subject: str = ""
    count: int = 1
    numbers: Mapping[str, float | int | str] = field(default_factory=dict)
