"""Changes of a text file that leave every other byte as it is. Knows offsets and line ends, nothing of markdown.

Works on the bytes of a file and on offsets of `Source.text`, which has `\\n` line ends and no byte-order mark.
Invariant: bytes outside the edits are the same before and after; new lines end as the file's first line does.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterable
from dataclasses import dataclass

from orgruntime.diagnostics.pattern import pattern

_LINE_END = pattern("\r\n|\r|\n")


@dataclass(frozen=True, order=True)
class Edit:
    """`text`, with `\\n` line ends, in place of the characters [start, end) of `Source.text`."""

    start: int
    end: int
    text: str


def apply_edits(data: bytes, edits: Iterable[Edit]) -> bytes:
    """The file's bytes after the edits, which must not overlap. `data` is valid UTF-8."""
    raw = data.decode("utf-8")
    mark = len(raw) - len(raw.removeprefix("\ufeff"))
    pairs = [match.start() - mark for match in re.finditer("\r\n", raw)]
    places = [at - i for i, at in enumerate(pairs)]
    first = _LINE_END.search(raw)
    line_end = first.group() if first else "\n"
    parts: list[str] = []
    at = 0
    for edit in sorted(edits):
        start, end = (mark + one + bisect_left(places, one) for one in (edit.start, edit.end))
        parts += [raw[at:start], edit.text.replace("\n", line_end)]
        at = end
    return "".join([*parts, raw[at:]]).encode("utf-8")
