"""One row of a log that was kept before a run: what somebody says was tried. Data only, and no evidence of anything."""

from __future__ import annotations

from enum import StrEnum

from orgruntime.model.base import Noun


class PastWord(StrEnum):
    """What a status word of a foreign log means, as far as that can be told."""

    BASELINE = "baseline"
    KEEP = "keep"
    DISCARD = "discard"
    CRASH = "crash"
    OTHER = "other"


class PastResult(Noun):
    file: str
    """Of the log, relative to the folder that it was found in."""
    line: int
    commit: str = ""
    """As written; nobody promises that it exists."""
    metric: float | None = None
    """None: none was written, or what stands for none, such as the zeros of a crash."""
    word: PastWord = PastWord.OTHER
    status: str = ""
    """The log's own word."""
    note: str = ""
    """What else the row says, on one line. Untrusted."""
