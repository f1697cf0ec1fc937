"""Ideas that say the very constants to set: `LR = 0.02, WIDTH = 24`. Every other idea is prose.

Works on the words of an idea. Does not know which constants there are. Invariant: bounded, however long the words.
"""

from __future__ import annotations

import re

LONGEST = 2000
"""Characters; longer words are prose."""
_ASSIGNMENT = re.compile(r"([A-Z][A-Z0-9_]*)\s*=\s*(\"[^\"]*\"|'[^']*'|[^,\s]+)\s*\Z")


def assignments(words: str) -> dict[str, str] | None:
    """Name → value as it is written; None for prose."""
    if len(words) > LONGEST:
        return None
    matches = [_ASSIGNMENT.match(piece.strip()) for piece in words.strip().rstrip(".").split(",")]
    return {match[1]: match[2] for match in matches if match} if all(matches) else None
