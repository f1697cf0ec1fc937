"""The nearest known word to a mistyped one. Knows nothing of what the words mean.

Invariant: deterministic; of equally near candidates the first in the given order wins.
"""

from __future__ import annotations

from collections.abc import Iterable

_CLOSE = 0.7
"""Similarity from which a candidate is offered: one slip in four letters passes, a different word does not."""
_ROUNDING = 1e-9
_MOST_LISTED = 16
"""Candidates that are listed where none is near: all hints of a role."""


def nearest(word: str, candidates: Iterable[str]) -> str | None:
    """The candidate that `word` was most likely meant to be, or None."""
    best, best_score = None, 0.0
    for candidate in candidates:
        score = _similarity(word.casefold(), candidate.casefold())
        if score > best_score:
            best, best_score = candidate, score
    return best if best_score >= _CLOSE else None


def did_you_mean(word: str, candidates: Iterable[str]) -> str:
    """``did you mean `x`?``, or one line with all candidates where none is near and there are few."""
    known = tuple(candidates)
    near = nearest(word, known)
    if near is not None:
        return f"did you mean `{near}`?"
    if not known or len(known) > _MOST_LISTED:
        return ""
    return "known: " + ", ".join(f"`{name}`" for name in known)


def edit_distance(left: str, right: str) -> int:
    """Levenshtein distance with swaps of neighbours counted as one (optimal string alignment)."""
    rows = [list(range(len(right) + 1))]
    for i, a in enumerate(left, 1):
        row = [i]
        for j, b in enumerate(right, 1):
            cost = min(rows[-1][j] + 1, row[-1] + 1, rows[-1][j - 1] + (a != b))
            if i > 1 and j > 1 and a == right[j - 2] and left[i - 2] == b:
                cost = min(cost, rows[-2][j - 2] + 1)
            row.append(cost)
        rows.append(row)
    return rows[-1][-1]


def _similarity(left: str, right: str) -> float:
    """1 for equal words; at least 0.75 within two edits of a word of 8 letters or one of 4; 0 for one far away."""
    if left == right:
        return 1.0
    if _most(left, right) < _CLOSE - _ROUNDING:
        return 0.0
    from difflib import SequenceMatcher  # noqa: PLC0415  # most runs have no slip to mend, and pay 2 ms less

    longest = max(len(left), len(right))
    if longest > 60:
        return SequenceMatcher(None, left, right, autojunk=False).quick_ratio() if longest < 400 else 0.0
    by_edits = 1.0 - edit_distance(left, right) / longest
    by_blocks = SequenceMatcher(None, left, right, autojunk=False).ratio() if longest > 3 else 0.0
    return max(by_edits, by_blocks - 0.05)


def _most(left: str, right: str) -> float:
    """What `_similarity` is at most, at a tenth of its time: only letters that both have can stay where they are."""
    common = min(len(left), len(right))
    if common > _CLOSE * max(len(left), len(right)) / 2:
        common = sum(min(left.count(letter), right.count(letter)) for letter in set(left))
    return max(common / max(len(left), len(right)), 2 * common / (len(left) + len(right)))
