"""A number in the words of `## Risk appetite` or `## Budget` that is not the one in the front matter.

The front matter is enforced and the words are what agents read, so the two must say the same. Invariant: a sentence
that also names the enforced number is right, whatever other numbers it names.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator
from typing import NamedTuple

from orgruntime.compiler import words
from orgruntime.compiler.facts import Facts
from orgruntime.compiler.sections import sentences
from orgruntime.diagnostics.codes import CONTRADICTED_NUMBER
from orgruntime.diagnostics.diagnostic import Findings
from orgruntime.diagnostics.pattern import pattern
from orgruntime.diagnostics.span import Span
from orgruntime.model.appetite import Preset
from orgruntime.orgfile.document import Section

CODE = CONTRADICTED_NUMBER


class _Said(NamedTuple):
    """A number that a sentence gives for a key; `stated` is what the front matter says."""

    key: str
    text: str
    value: float
    stated: float | None
    span: Span


_N = r"((?<![\w.,])[0-9][0-9_,]{0,20}(?:\.[0-9]{1,20})?)"
_DIGIT = pattern("[0-9]")
_MOST = 20_000
"""Characters of a section that are read for numbers."""
_SHARE = pattern(rf"{_N}\s*(?:%|percent|per cent)|{_N}\s*(?:in|/)\s*{_N}|(?<![\w.])(0?\.[0-9]+)|{_N}th percentile")
_NOISE = pattern(rf"{_N}\s*(?:[x×]|times)?\s*(?:the )?noise")


class _Dial(NamedTuple):
    """`signs`: small letters of which a sentence has some wherever it names the dial."""

    signs: tuple[str, ...]
    name: str
    amount: re.Pattern[str]


_DIALS: dict[str, _Dial] = {
    "false_champions": _Dial(("proof", "champion"), r"\bproof\b|false[ _]champions?|champions? may be false", _SHARE),
    "smallest_win": _Dial(("smallest",), r"smallest[ _]win", _NOISE),
    "exploration": _Dial(("explor", "long shot"), r"\bexplor(?:ation|e)\b|long shots?", _SHARE),
    "optimism": _Dial(("optimis",), r"\boptimis[mt]\w*", _SHARE),
    "keep_per_rung": _Dial(("patience", "keep"), r"\bpatience\b|keep[ _]per[ _]rung", _SHARE),
    "largest_stake": _Dial(("stake",), r"\bstake\b|largest_stake", _SHARE),
    "dry_spell": _Dial(("dry",), r"dry[ _]spell", _SHARE),
}


class _Bound(NamedTuple):
    """`signs`: as of a dial."""

    signs: tuple[str, ...]
    amount: str
    read: Callable[[str], float]
    field: str
    factor: float


_BOUNDS: dict[str, _Bound] = {
    "trials": _Bound(("trials",), rf"({_N}[kM]?)\s+trials\b|\btrials\s*[:=]\s*({_N}[kM]?)", words.whole, "trials", 1),
    "gpu_hours": _Bound(
        ("gpu",), rf"({_N})\s*GPU[- ]hours?\b|\bgpu_hours\s*[:=]\s*({_N})", words.hours, "gpu_ms", 3_600_000
    ),
    "cpu_hours": _Bound(
        ("cpu",), rf"({_N})\s*CPU[- ]hours?\b|\bcpu_hours\s*[:=]\s*({_N})", words.hours, "cpu_ms", 3_600_000
    ),
    "usd": _Bound(
        ("$", "dollars", "usd"), rf"\$\s*({_N})|({_N})\s*(?:dollars|USD)\b", words.not_negative, "usd_micro", 1_000_000
    ),
    "tokens": _Bound(
        ("tokens",), rf"({_N}\s?[kKMB]?)\s+tokens\b|\btokens\s*[:=]\s*({_N}[kKMB]?)", words.whole, "tokens", 1
    ),
    "wall_clock": _Bound(("clock",), rf"({_N}\s*(?:hours?|h|minutes?|min|days?))\b", words.duration, "wall_ms", 1000),
}
_RATE = pattern(
    r"\b(?:per|each|every)\b|/ ?(?:h|hour|day|trial|run)\b"
    r"|\ban? (?:second|minute|hour|day|night|week|trial|run|role|agent|idea|proposal|inquiry)\b",
    re.IGNORECASE,
)
"""What a number of a clause is counted by, where it is no bound of the whole run."""
_TOLD = pattern(
    r"\b(?:takes?|took|costs?|used?|uses|needs?|baseline|last|previous|already|about|roughly)\b", re.IGNORECASE
)
"""Words of a sentence that tells what something takes, and not what there is."""
_CLAUSE_END = pattern(r"[,;()]")
_BOUNDING = pattern(r"\b(?:budget|at most|no more than|up to|in all|total|limit\w*|within|maximum|spend)\b|[:=]", re.I)


def check(facts: Facts, findings: Findings) -> None:
    for section in facts.document.sections():
        title = section.title.casefold()
        if title.startswith("risk appetite"):
            _check_preset(facts, section, findings)
        if title.startswith(("risk appetite", "budget")):
            _check_sentences(facts, section, findings)


def _check_preset(facts: Facts, section: Section, findings: Findings) -> None:
    """`## Risk appetite: bold`, or a section that begins with the name of a preset."""
    text, stated = facts.document.source.text, facts.program.appetite.preset
    begin = section.blocks[0].start if section.blocks else section.end
    names = "|".join(preset.value for preset in Preset)
    for begins, start, end in (
        (rf":\s*({names})\s*$", section.heading.start, section.heading.end),
        (rf"\W*({names})\b(?=[\s,.:;]|$)", begin, section.end),
    ):
        compiled = re.compile(begins, re.IGNORECASE)
        match = compiled.search(text, start, end) if start < begin else compiled.match(text, start, end)
        if match and match[1].casefold() != stated:
            span = facts.document.source.span(match.start(1), match.end(1))
            message = f"the section says `{match[1]}`, and the front matter says `risk: {stated}`"
            findings.add(CODE, span, message, "the front matter is what is enforced; mend one of the two")


def _check_sentences(facts: Facts, section: Section, findings: Findings) -> None:
    begin = section.blocks[0].start if section.blocks else section.end
    text = facts.document.source.text
    for start, end in sentences(text, begin, min(section.end, begin + _MOST)):
        if not _DIGIT.search(text, start, end):
            continue
        is_budget = section.title.casefold().startswith("budget")
        said = [*_dials(facts, start, end), *_bounds(facts, start, end, is_budget=is_budget)]
        for key in dict.fromkeys(one.key for one in said):
            of_key = [one for one in said if one.key == key]
            if not any(one.stated is not None and math.isclose(one.value, one.stated, rel_tol=1e-6) for one in of_key):
                _report(of_key[0], findings)


def _report(one: _Said, findings: Findings) -> None:
    says = f"says `{one.key}: {_like(one, one.stated)}`" if one.stated is not None else f"has no bound `{one.key}`"
    message = f"the section says `{one.text}`, and the front matter {says}"
    findings.add(CODE, one.span, message, "the front matter is what is enforced; mend one of the two")


def _like(said: _Said, value: float) -> str:
    """The number in the form of the other one: `60 %` beside `30 %`, `1 in 5` beside `1 in 20`, `2h` beside a time."""
    text = said.text
    if said.key == "wall_clock":
        return f"{value / 3600:g}h" if value >= 3600 else f"{value / 60:g}m"
    if "%" in text or "percent" in text or "per cent" in text:
        return f"{100 * value:g} %"
    return f"1 in {1 / value:g}" if value and " in " in text else f"{value:g}"


def _dials(facts: Facts, start: int, end: int) -> Iterator[_Said]:
    """The shares and multiples of a sentence that names exactly one dial."""
    source = facts.document.source
    sentence = source.text[start:end]
    small = sentence.lower()
    named = [
        key
        for key, dial in _DIALS.items()
        if any(sign in small for sign in dial.signs) and re.search(dial.name, sentence, re.IGNORECASE)
    ]
    if len(named) != 1:
        return
    key = named[0]
    for match in _DIALS[key].amount.finditer(source.text, start, end):
        value = _value(match)
        if value is not None:
            stated = float(getattr(facts.program.appetite, key))
            said = match[0].rstrip(", ")
            span = source.span(match.start(), match.start() + len(said))
            yield _Said(key, " ".join(said.split()), value, stated, span)


def _value(match: re.Match[str]) -> float | None:
    text = match[0].replace(",", "")
    if text.endswith("th percentile"):
        return float(text.removesuffix("th percentile")) / 100
    try:
        return words.times_noise(text.replace(" the ", " ")) if "noise" in text else words.share(text.strip())
    except words.Unclear:
        return None


def _bounds(facts: Facts, start: int, end: int, *, is_budget: bool) -> Iterator[_Said]:
    """The bounds of a sentence that speaks of bounds, or of a list item that begins with one.

    Under the heading `Budget` amounts are bounds, unless the sentence tells what something takes.
    """
    source = facts.document.source
    sentence = source.text[start:end]
    is_bounding = bool(_BOUNDING.search(sentence) or re.match(r"\W*[0-9$]", sentence))
    if not is_bounding and (not is_budget or _TOLD.search(sentence)):
        return
    small = sentence.lower()
    for key, bound in _BOUNDS.items():
        if not any(sign in small for sign in bound.signs):
            continue
        stated = getattr(facts.program.budget, bound.field)
        stated = None if stated is None else stated / bound.factor
        for match in re.compile(bound.amount, re.IGNORECASE).finditer(source.text, start, end):
            if _is_rate(source.text, match, start, end):
                continue
            text = next(group for group in match.groups() if group)
            try:
                value = bound.read(text.replace(",", "").strip())
            except words.Unclear:
                continue
            said = match[0].rstrip(", ")
            span = source.span(match.start(), match.start() + len(said))
            yield _Said(key, " ".join(said.split()), value, stated, span)


def _is_rate(text: str, match: re.Match[str], start: int, end: int) -> bool:
    """Whether the clause of a number counts by something: `9 trials an hour`, `each trial takes $2`."""
    cuts = [cut.end() for cut in _CLAUSE_END.finditer(text, start, match.start())]
    after = _CLAUSE_END.search(text, match.end(), end)
    return bool(_RATE.search(text, cuts[-1] if cuts else start, after.start() if after else end))
