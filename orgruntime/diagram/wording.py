"""Names and times on one line, as a diagram and a report show them.

Works on strings of unknown origin and on floats. Knows nothing of the medium: escaping is the writer's own business.
Invariant: what leaves `plain` holds no control, format or surrogate character, so it can neither break a line, nor
forge one, nor turn the reading direction around.
"""

from __future__ import annotations

import math
import unicodedata


def plain(text: str) -> str:
    """One line: whitespace runs become one space, control and bidirectional characters go."""
    kept = (" " if char.isspace() else char for char in text if char.isspace() or unicodedata.category(char)[0] != "C")
    return " ".join("".join(kept).split())


def clip(text: str, limit: int) -> str:
    """`plain`, cut to `limit` characters with an ellipsis."""
    line = plain(text)
    return line if len(line) <= limit else line[: limit - 1].rstrip() + "…"


def duration(seconds: float | None) -> str:
    """12.3 s, 4 min 5 s, 2 h 10 min, 3 d 4 h."""
    if seconds is None or not math.isfinite(seconds):
        return "–"
    if seconds < 60:
        return f"{seconds:.1f} s" if seconds < 10 else f"{seconds:.0f} s"
    whole = round(seconds)
    for unit, size, below, part in (("d", 86400, "h", 3600), ("h", 3600, "min", 60), ("min", 60, "s", 1)):
        if whole >= size:
            rest = whole % size // part
            return f"{whole // size} {unit} {rest} {below}" if rest else f"{whole // size} {unit}"
    return f"{whole} s"
