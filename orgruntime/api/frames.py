"""What a command on a cluster's head says to the one that asked for it: one JSON object a line, among other lines.

Works on lines. Knows neither jobs nor runs. Invariant: a line of a frame is ASCII without control characters, so it
passes every log; a line that is no frame is somebody else's (Ray's, the shell's) and is kept apart.
"""

from __future__ import annotations

import json
from enum import StrEnum
from typing import Any, NamedTuple

_MARK = '{"orgrun": "'


class Kind(StrEnum):
    HELLO = "hello"
    """`data`: the versions of the far end. Always the first."""
    OUT = "out"
    """`text`: a line for standard output."""
    ERR = "err"
    EVENT = "event"
    """`data`: a RunEvent."""
    STATUS = "status"
    """`data`: a RunStatus."""
    ANSWER = "answer"
    """`data`: what was asked for."""
    FILE = "file"
    """`text`: a piece in base64; `data`: the file's name."""
    FAULT = "fault"
    """`text`: a UserError; `code`: its code."""
    END = "end"
    """`code`: the exit code. Always the last."""


class Frame(NamedTuple):
    kind: Kind
    text: str = ""
    data: dict[str, Any] = {}
    code: int = 0


def written(frame: Frame) -> str:
    """One line, without its end."""
    return json.dumps({"orgrun": frame.kind.value, "text": frame.text, "data": frame.data, "code": frame.code})


def read(line: str) -> Frame | None:
    """None for a line that is no frame."""
    if not line.startswith(_MARK):
        return None
    try:
        found = json.loads(line)
        return Frame(Kind(found["orgrun"]), str(found["text"]), dict(found["data"]), int(found["code"]))
    except (ValueError, KeyError, TypeError):
        return None
