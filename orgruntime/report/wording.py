"""Text and numbers as a report shows them.

Works on strings of unknown origin and on floats. Knows nothing of the medium: escaping for HTML, TSV or
Mermaid is the writer's own business. Invariant: what leaves `plain` holds no control, format or surrogate
character, so it can neither break a line, nor forge one, nor turn the reading direction around.
"""

from __future__ import annotations

import math
import unicodedata

from orgruntime.diagram.wording import clip as clip
from orgruntime.diagram.wording import duration as duration
from orgruntime.diagram.wording import plain as plain

MINUS = "\u2212"


def plain_lines(text: str) -> str:
    """The same line by line: line breaks and indentation stay."""
    if text.isprintable():
        return text  # At once: a picture within a page has 100,000 characters and more.
    lines = text.replace("\r\n", "\n").replace("\r", "\n").expandtabs(4).split("\n")
    return "\n".join("".join(char for char in line if unicodedata.category(char)[0] != "C") for line in lines)


def number(value: float | None, digits: int = 4) -> str:
    """`digits` significant digits, whole thousands kept: 2.487, 0.0124, 18,204, 3.20e-07. A dash for none."""
    if value is None or not math.isfinite(value):
        return "–"
    size = abs(value)
    if size and not 1e-5 <= size < 1e9:
        return signless(f"{value:.{digits - 1}e}")
    decimals = max(0, digits - 1 - math.floor(math.log10(size))) if size else 0
    return signless(f"{value:,.{decimals}f}")


def signed(value: float | None, digits: int = 3) -> str:
    """A difference: always with its sign."""
    if value is None or not math.isfinite(value):
        return "–"
    return f"+{number(value, digits)}" if value > 0 else number(value, digits)


def interval(low: float, middle: float, high: float) -> str:
    """A difference with its interval, to two digits of the half width: +0.054 (+0.040 to +0.068)."""
    half = (high - low) / 2
    if not all(map(math.isfinite, (low, middle, high))) or not 1e-7 < half < 1e9:
        return f"{signed(middle)} ({signed(low)} to {signed(high)})"
    decimals = max(0, 1 - math.floor(math.log10(half)))
    first, best, last = (signless(f"{value:+,.{decimals}f}") for value in (low, middle, high))
    return f"{best} ({first} to {last})"


def e_value(value: float) -> str:
    """Evidence: whole from 10 on, since nobody reads 300.4 as more than 300."""
    return f"{value:,.0f}" if 10 <= value < 1e9 else number(value, 2)


def percent(value: float | None, sign: bool = True) -> str:
    """A percentage given in percent, at one decimal, or two where it is below 1: +8.1 %, −0.42 %."""
    if value is None or not math.isfinite(value):
        return "–"
    return signless(f"{value:{'+' if sign else ''}.{1 if abs(value) >= 1 else 2}f}") + " %"


def signless(text: str) -> str:
    """ASCII hyphens of a formatted number as the minus sign."""
    return text.replace("-", MINUS, 1) if text.startswith("-") else text


def count(value: int, word: str, plural: str = "") -> str:
    """1 trial, 2 trials, 3 memories."""
    return f"{value:,} {word if value == 1 else plural or word + 's'}"


def short(commit: str) -> str:
    """A commit as people quote it: seven digits."""
    return plain(commit)[:7]
