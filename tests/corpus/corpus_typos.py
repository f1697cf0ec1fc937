"""Single typos in front matter: what a slip of the hand does to keys and to the signs between them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple


class Typo(NamedTuple):
    what: str
    text: str


_FRONT = re.compile(r"---\n(.*?)^---$", re.DOTALL | re.MULTILINE)
_KEY = re.compile(r"^( *(?:- )?)([A-Za-z_][\w-]*)(:)( ?)", re.MULTILINE)
_SIGN = re.compile(r"[\[\]{}\"']|^ *- ", re.MULTILINE)


def typos(text: str) -> Iterator[Typo]:
    """Every slip of one stroke in a key, a colon, a quote, a bracket, a dash or the two rules of `text`."""
    front = _FRONT.match(text)
    assert front is not None
    yield from _rules(text, front)
    for key in _KEY.finditer(text, front.start(1), front.end(1)):
        # Only the first level is ours to know: what stands below belongs to other programs.
        if not key[1]:
            yield from _strokes(text, key.start(2), key.end(2))
        yield _cut(text, key.start(3), key.end(3), "colon lost")
        yield Typo("semicolon", text[: key.start(3)] + ";" + text[key.end(3) :])
        if key[4]:
            yield _cut(text, key.start(4), key.end(4), "space lost")
        if not key[1]:
            yield Typo("indented", text[: key.start(2)] + " " + text[key.start(2) :])
    for sign in _SIGN.finditer(text, front.start(1), front.end(1)):
        at = sign.end() - (2 if sign[0].endswith("- ") else 1)
        yield _cut(text, at, at + 1, f"{text[at]} lost")


def _rules(text: str, front: re.Match[str]) -> Iterator[Typo]:
    for at in (0, front.end() - 3):
        yield _cut(text, at, at + 1, "rule too short")
        yield Typo("rule too long", text[:at] + "-" + text[at:])
        yield Typo("rule indented", text[:at] + " " + text[at:])
        yield _cut(text, at, at + 4, "rule lost")


def _strokes(text: str, start: int, end: int) -> Iterator[Typo]:
    for at in range(start, end):
        yield _cut(text, at, at + 1, "letter lost")
        yield Typo("letter twice", text[: at + 1] + text[at:])
        if at + 1 < end and text[at] != text[at + 1]:
            yield Typo("letters swapped", text[:at] + text[at + 1] + text[at] + text[at + 2 :])
        yield Typo("letter changed", text[:at] + ("x" if text[at] != "x" else "q") + text[at + 1 :])


def _cut(text: str, start: int, end: int, what: str) -> Typo:
    return Typo(what, text[:start] + text[end:])
