"""Words with units as numbers: `60s`, `4 GiB`, `1 in 20`, `40 %`, `5M`. Pure; knows nothing of files or keys.

Invariant: each reader returns a finite number or raises Unclear with one sentence and a remedy.
"""

from __future__ import annotations

import math
import operator
import re
from collections.abc import Callable
from typing import Any, NamedTuple

from orgruntime.diagnostics.pattern import pattern


class Unclear(ValueError):
    """The text cannot be read. `fault` completes "`KEY`: …", `help` says what to write."""

    def __init__(self, fault: str, help: str = "") -> None:
        super().__init__(fault)
        self.fault, self.help = fault, help


class OutOfRange(Unclear):
    """The text is a number, but not one that may stand here."""


class Release(NamedTuple):
    """One bound on the release: `>=1.2`."""

    sign: str
    version: tuple[int, ...]

    def allows(self, version: tuple[int, ...]) -> bool:
        longest = max(len(self.version), len(version))
        mine, other = ((*one, *[0] * (longest - len(one))) for one in (self.version, version))
        return _SIGNS[self.sign](other, mine)


NUMBER = r"[+-]?(?:[0-9][0-9_]*(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?"
_PLAIN = pattern(NUMBER)
_WORDS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")
_NAMED = pattern(
    r"\s*(?:dollars?|usd|eur|euros?|trials?|tokens?|gpus?|cpus?|cores?|files?|lines?|desks?)$", re.IGNORECASE
)
"""What is counted, in words of its own."""
_THOUSANDS = pattern(r"[0-9]{1,3}(?:,[0-9]{3})+(?:\.[0-9]+)?")
_MULTIPLES = {"": 1, "k": 10**3, "K": 10**3, "M": 10**6, "B": 10**9, "G": 10**9}
_SECONDS = {
    unit: seconds
    for units, seconds in (
        (("ms",), 0.001),
        (("s", "sec", "secs", "second", "seconds"), 1.0),
        (("m", "min", "mins", "minute", "minutes"), 60.0),
        (("h", "hr", "hrs", "hour", "hours"), 3600.0),
        (("d", "day", "days"), 86400.0),
    )
    for unit in units
}
_BYTES = {
    "kib": 2**10, "mib": 2**20, "gib": 2**30, "tib": 2**40,
    "kb": 10**3, "mb": 10**6, "gb": 10**9, "tb": 10**12,
}  # fmt: skip
_BYTES_MEANT = {letter + tail: f"{letter.upper()}iB" for letter in "kmgt" for tail in ("", "b", "ib")}
_NUMBER_AND_BYTES = pattern(rf"\s*({NUMBER})\s*([kmgt](?:i?b)?)\b", re.IGNORECASE)
"""An amount of memory with words around it, or with a unit that is cut short."""
_CONDITION = pattern(r"[A-Za-z0-9][A-Za-z0-9._/-]*!?=[A-Za-z0-9._-]+(?:/[A-Za-z0-9._-]+)*")
_RELEASE = r"\s*(?:[<>]=?|==)\s*[0-9]{1,6}(?:\.[0-9]{1,6}){0,3}\s*"
_RELEASES = pattern(rf"orgruntime(?P<bounds>{_RELEASE}(?:,{_RELEASE}){{0,7}})")
_SIGNS: dict[str, Callable[[Any, Any], bool]] = {
    ">=": operator.ge, ">": operator.gt, "<=": operator.le, "<": operator.lt, "==": operator.eq,
}  # fmt: skip
_PAIR = pattern(rf"\s*({NUMBER})\s*([A-Za-z]+)\s*")

WHOLE = rf"{NUMBER}\s*[kKMBG]?"
TIME = rf"(?:\s*{NUMBER}\s*(?:{'|'.join(sorted(_SECONDS, key=len, reverse=True))})\s*)+"
MEMORY = rf"{NUMBER}\s*[KkMmGgTt][Ii]?[Bb]"
SHARE = rf"{NUMBER}(?:\s*(?:%|percent|per cent|(?:in|/|of)\s*{NUMBER}))?"
TIMES_NOISE = rf"{NUMBER}\s*[x×]?\s*(?:noise)?"
"""How each amount is written, for the JSON Schema; a test holds the readers below to them."""


def releases(text: str) -> tuple[Release, ...]:
    """`orgruntime>=1.2`, `orgruntime>=1.2,<2`."""
    found = _RELEASES.fullmatch(text.strip())
    if found is None:
        raise Unclear(f"`{text}` is no range of releases", "write `orgruntime>=0.1`, or `orgruntime>=0.1,<1`")
    bounds = (re.fullmatch(r"\s*([<>=]=?)\s*([0-9.]+)\s*", part) for part in found["bounds"].split(","))
    return tuple(Release(one[1], version(one[2])) for one in bounds if one)


def version(text: str) -> tuple[int, ...]:
    """The numbers of a release, `1.2.0` say, up to what is none."""
    return tuple(int(part) for part in re.split(r"[^0-9.]", text)[0].split(".") if part)


def number(text: str) -> float:
    """A finite number: `0.005`, `1e-3`, `1_000`."""
    if _is_not_finite(text):
        raise OutOfRange(f"`{text}` is not a finite number", "write a finite number")
    if not _PLAIN.fullmatch(text):
        raise Unclear(f"`{text}` is not a number", _in_figures(text, "write a number such as `0.5`"))
    return _finite(float(text.replace("_", "")), text)


def positive(text: str) -> float:
    value = number(text)
    if value <= 0:
        raise OutOfRange(f"`{text}` is not above 0", "write a number above 0")
    return value


def not_negative(text: str) -> float:
    value = number(text)
    if value < 0:
        raise OutOfRange(f"`{text}` is below 0", "write 0 or more")
    return value


def count(text: str) -> int:
    """A whole number of things, at least 1: `200`, `5M`, `250k`."""
    value = whole(text)
    if value < 1:
        raise OutOfRange(f"`{text}` is below 1", "write a whole number of at least 1")
    return value


def whole(text: str) -> int:
    """A whole number of at least 0, with the multiples k, M and B."""
    if _is_not_finite(text):
        raise OutOfRange(f"`{text}` is not a finite number", "leave the key out for no bound")
    if len(text) < 16 and text.isascii() and text.isdigit():
        return int(text)
    match = re.fullmatch(rf"({NUMBER})\s*([kKMBG]?)", text)
    if not match:
        raise Unclear(
            f"`{text}` is not a whole number", _in_figures(text, "write a whole number such as `200` or `5M`")
        )
    value = _finite(float(match[1].replace("_", "")) * _MULTIPLES[match[2]], text)
    if value < 0:
        raise OutOfRange(f"`{text}` is below 0", "write 0 or more")
    if value != int(value):
        raise Unclear(
            f"`{text}` is not a whole number", _in_figures(text, "write a whole number such as `200` or `5M`")
        )
    return int(value)


def duration(text: str) -> float:
    """Seconds, above 0: `60s`, `8h`, `1h30m`, `2 days`."""
    if _PLAIN.fullmatch(text):
        raise Unclear(f"`{text}` has no unit", f"write `{text}s`, `{text}m` or `{text}h`")
    if _is_not_finite(text):
        raise OutOfRange(f"`{text}` is not a finite time", "write a time such as `60s`")
    seconds = _sum_of_pairs(text, _SECONDS, "a time", "write a time such as `60s`, `15m`, `8h` or `2d`")
    if seconds <= 0:
        raise OutOfRange(f"`{text}` is not above 0", "write a time such as `60s`")
    return seconds


def hours(text: str) -> float:
    """Hours: a bare number, or a time with its unit."""
    if _PLAIN.fullmatch(text) or _is_not_finite(text):
        return not_negative(text)
    pair = _PAIR.fullmatch(text)
    if pair and pair[2] not in _SECONDS:
        raise Unclear(f"`{text}` is no number of hours", f"write `{pair[1]}`, which is hours, or a time such as `90m`")
    return duration(text) / 3600


def mebibytes(text: str) -> int:
    """Memory in MiB, rounded up: `512 MiB`, `2.5 GiB`, `4GB`."""
    if _PLAIN.fullmatch(text):
        raise Unclear(f"`{text}` has no unit", f"write `{text} MiB` or `{text} GiB`")
    match = _PAIR.fullmatch(text)
    if not match or match[2].lower() not in _BYTES:
        near = _NUMBER_AND_BYTES.match(text)
        help = (
            f"write `{near[1]} {_BYTES_MEANT[near[2].lower()]}`"
            if near
            else "write an amount such as `512 MiB` or `2.5 GiB`"
        )
        raise Unclear(f"`{text}` is not an amount of memory", help)
    size = _finite(float(match[1].replace("_", "")) * _BYTES[match[2].lower()], text)
    if size <= 0:
        raise OutOfRange(f"`{text}` is not above 0", "write an amount such as `512 MiB`")
    return math.ceil(size / 2**20)


def share(text: str) -> float:
    """A part of one: `40%`, `30 %`, `1 in 20`, `1/3`, `0.3`."""
    for unit in ("%", "percent", "per cent"):
        hundredths = text.removesuffix(unit).rstrip()
        if text.endswith(unit) and _PLAIN.fullmatch(hundredths):
            return number(hundredths) / 100
    for sign in ("in", "/", "of"):
        part, found, whole = text.partition(sign)
        if found and _PLAIN.fullmatch(part.rstrip()) and _PLAIN.fullmatch(whole.lstrip()):
            below = number(whole.lstrip())
            if below == 0:
                raise OutOfRange(f"`{text}` divides by 0", "write a share such as `1 in 20`")
            return number(part.rstrip()) / below
    if _is_not_finite(text) or _PLAIN.fullmatch(text):
        return number(text)
    raise Unclear(f"`{text}` is not a share", "write a share such as `40%`, `1 in 20` or `0.4`")


def conditions(text: str) -> tuple[str, ...]:
    """Conditions on labels: `zone=eu-1/eu-2 market!=spot`."""
    found = tuple(text.split())
    for condition in found:
        if not _CONDITION.fullmatch(condition):
            help = "write `zone=eu-1`, `zone=eu-1/eu-2` or `market!=spot`, with blanks between conditions"
            raise Unclear(f"`{condition}` is no condition on a label", help)
    return found


def yes_no(text: str) -> bool:
    """`yes`, `no`, `true`, `false`, `on`, `off`, in any case."""
    if text.casefold() in ("yes", "true", "on"):
        return True
    if text.casefold() in ("no", "false", "off"):
        return False
    raise Unclear(f"`{text}` is neither `yes` nor `no`", "write `yes` or `no`")


def times_noise(text: str) -> float:
    """A multiple of the noise floor: `0.5`, `0.5x`, `0.5 × noise`."""
    match = re.fullmatch(rf"({NUMBER})\s*[x×]?\s*(?:noise)?", text)
    return number(match[1] if match else text)


def _is_not_finite(text: str) -> bool:
    """`nan`, `-inf`, and YAML's `.inf`."""
    unsigned = text[1:] if text.startswith(("+", "-")) else text
    return unsigned.removeprefix(".").lower() in ("nan", "inf", "infinity")


def _in_figures(text: str, help: str) -> str:
    """What was most likely meant: a point for a decimal comma, thousands without commas, no sign of a currency."""
    bare = _NAMED.sub("", text.strip("$€£ "))
    bare = str(_WORDS.index(bare.casefold())) if bare.casefold() in _WORDS else bare
    bare = bare.replace(",", "") if _THOUSANDS.fullmatch(bare) else bare.replace(",", ".")
    return f"write `{bare}`" if bare != text and _PLAIN.fullmatch(bare) else help


def _sum_of_pairs(text: str, units: dict[str, float], what: str, help: str) -> float:
    total, at = 0.0, 0
    while at < len(text):
        match = _PAIR.match(text, at)
        if not match or match[2] not in units:
            raise Unclear(f"`{text}` is not {what}", help)
        total += float(match[1].replace("_", "")) * units[match[2]]
        at = match.end()
    if not at:
        raise Unclear(f"`{text}` is not {what}", help)
    return _finite(total, text)


def _finite(value: float, text: str) -> float:
    if not math.isfinite(value):
        raise OutOfRange(f"`{text}` is not a finite number", "write a smaller number")
    return value
