"""What a run tells people and machines while it goes on: small, typed, in order."""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from typing import Any

from orgruntime.model.base import Noun


class EventKind(StrEnum):
    STARTED = "started"
    NOTICE = "notice"
    NOISE = "noise"
    TRIAL = "trial"
    LEAD = "lead"
    CERTIFICATION = "certification"
    CHAMPION = "champion"
    MEMO = "memo"
    IDEA = "idea"
    PAUSED = "paused"
    MODEL = "model"
    """A model call that did not come off at once."""
    ENDED = "ended"


class RunEvent(Noun):
    """`text` is one line for people; `data` is for machines."""

    event: EventKind
    text: str
    data: dict[str, Any] = {}


Listener = Callable[[RunEvent], None]
