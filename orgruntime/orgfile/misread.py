"""Where the slip is, of front matter that YAML refuses. Knows YAML as people type it, and no key.

Works on lines. A parser stops where it can no longer go on, which is often lines below the slip. Invariant: what is
named here stands in the line that is marked, and writing what the remedy says takes that slip away.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import zip_longest
from typing import NamedTuple

from orgruntime.diagnostics.diagnostic import Fault
from orgruntime.diagnostics.pattern import pattern
from orgruntime.orgfile.reading_rules import invalid_yaml


class Slip(NamedTuple):
    """Offsets in the text that was read."""

    start: int
    end: int
    fault: Fault


class _Line(NamedTuple):
    start: int
    indent: int
    key: str
    value: str
    at: int
    """Offset of the value."""


_MOST = 200
"""Lines above and below a fault that are looked at. The front matter of a program has 20 to 60."""
_LINE = pattern(r"(?P<indent> *)(?P<key>[A-Za-z_][\w.-]*):(?: +(?P<value>.*))?")
_DASHED = pattern(r"-([^\s-].*)")
_WORDS = pattern(r"([A-Za-z_]\w*)(?: *= *| +)(\S[^:]*)")
_CLOSING = {"[": "]", "{": "}"}
_GLUED = pattern(r"(?P<indent> *)(?P<key>[A-Za-z_][\w.-]*):(?P<value>(?!//)[^\s:].*)")


def slip(text: str, at: int, problem: str) -> Slip | None:
    """The author's slip behind `problem`, which the parser met at `at`; None where it is there."""
    if problem.startswith("found character '\\t'"):
        return _tab(text, at)
    looks: tuple[Callable[[str, int], Slip | None], ...] = (_open_quote, _glued, _no_colon, _indented, _second_colon)
    if not problem.startswith(("found unexpected end", "mapping values", "expected <block", "could not find")):
        looks = (_open_quote, _open_bracket)
    return next((found for look in looks if (found := look(text, at)) is not None), None)


def swallowing(text: str, start: int, end: int) -> Slip | None:
    """The quoted value text[start:end] goes on over lines that are keys beside its own: some quote below closes it.

    A parser takes that, although YAML wants the lines of a value indented.
    """
    line = _line(text, text.rfind("\n", 0, start) + 1)
    if line is None or line.at != start:
        return None
    begin = text.find("\n", start, end) + 1
    while begin:
        below = _line(text, begin)
        if below is not None and below.indent <= line.indent:
            fault = invalid_yaml.closed_below(line.key, line.value, text[start], below.key)
            return Slip(start, start + 1, fault)
        begin = text.find("\n", begin, end) + 1
    return None


def glued(value: str) -> tuple[str, str] | None:
    """(key, value) of `key:value`, which YAML takes for one word."""
    match = _GLUED.fullmatch(value)
    return (match["key"], match["value"]) if match else None


def _tab(text: str, at: int) -> Slip:
    end = at
    while text.startswith("\t", end):
        end += 1
    return Slip(at, max(end, at + 1), invalid_yaml.tab())


def _open_quote(text: str, at: int) -> Slip | None:
    """A value that begins with a quote which its line does not close, while the next line is a key again."""
    for line, below in _pairs(text, at):
        sign = line.value[:1]
        is_open = sign in ("'", '"') and not _closes(line.value, sign) and line.start <= at
        if is_open and (below is None or below.indent <= line.indent):
            return Slip(line.at, line.at + 1, invalid_yaml.open_quote(line.key, line.value, sign))
    return None


def _open_bracket(text: str, at: int) -> Slip | None:
    """A list or mapping in brackets that its line does not close, while the next line is a key again."""
    for line, below in _pairs(text, at):
        sign = _CLOSING.get(line.value[:1], "")
        if sign and sign not in line.value and line.start <= at and (below is None or below.indent <= line.indent):
            return Slip(line.at, line.at + 1, invalid_yaml.open_bracket(line.key, line.value, sign))
    return None


def _closes(value: str, sign: str) -> bool:
    inner = value[1:].replace("''", "") if sign == "'" else value[1:].replace("\\\\", "").replace('\\"', "")
    return sign in inner


def _glued(text: str, at: int) -> Slip | None:
    """`key:value` in the line of the fault, or in the lines right above it."""
    found: Slip | None = None
    here = begin = text.rfind("\n", 0, at) + 1
    for _ in range(_MOST):
        match = _GLUED.fullmatch(text, begin, _stop(text, begin))
        if match:
            fault = invalid_yaml.no_blank(match["key"], match["value"])
            found = Slip(match.start("key"), match.end("key") + 1, fault)
        elif found or begin != here:
            break
        if begin == 0:
            break
        begin = text.rfind("\n", 0, begin - 1) + 1
    return found


def _no_colon(text: str, at: int) -> Slip | None:
    """A line between keys that is none, and no item, comment or text that goes on: in the fault's or right above."""
    end = text.find("\n", at)
    lines = text[: len(text) if end < 0 else end].split("\n")
    begin = sum(len(line) + 1 for line in lines)
    for line in reversed(lines[-2:]):
        begin -= len(line) + 1
        first = line.lstrip(" ")
        start = begin + len(line) - len(first)
        if found := _DASHED.fullmatch(first.rstrip()):
            return Slip(start, start + 1, invalid_yaml.no_blank_behind_dash(found[1]))
        if found := _WORDS.fullmatch(first.rstrip()):
            return Slip(start, begin + len(line), invalid_yaml.no_colon(found[1], found[2]))
    return None


def _indented(text: str, at: int) -> Slip | None:
    """The one line of a block that begins in another column than the lines beside it."""
    lines = list(_lines(text, at))
    here = max((n for n, line in enumerate(lines) if line.start <= at), default=None)
    if here is None or lines[here].indent == 0:
        return None
    first = next((n for n in range(here, -1, -1) if lines[n].indent == 0), None)
    last = next((n for n in range(here, len(lines)) if lines[n].indent == 0), len(lines))
    if first is None:
        return None
    head, block = lines[first], lines[first + 1 : last]
    if head.value and not head.value.startswith(("|", ">")):
        line = block[0]
        return Slip(line.start, line.start + line.indent, invalid_yaml.below_a_value(line.key, head.key))
    usual = _usual([line.indent for line in block])
    for before, line in zip([head, *block], block, strict=False):
        may_be_deeper = not before.value and before is not head
        if line.indent != usual and not (line.indent > usual and (may_be_deeper or before.indent > usual)):
            return Slip(line.start, line.start + line.indent, invalid_yaml.uneven(line.indent, usual))
    return None


def _usual(indents: Sequence[int]) -> int:
    """The commonest; of equally common ones the least."""
    return min(indents, key=lambda one: (-indents.count(one), one))


def _second_colon(text: str, at: int) -> Slip | None:
    if not text.startswith(":", at):
        return None
    line = next((line for line in _lines(text, at) if line.start <= at <= line.at + len(line.value)), None)
    if line is None or at < line.at or line.value[:1] in ("{", "[", "'", '"'):
        return None
    return Slip(at, at + 1, invalid_yaml.second_colon(line.key, line.value))


def _pairs(text: str, at: int) -> Iterator[tuple[_Line, _Line | None]]:
    """Each of the lines with the next one."""
    lines = list(_lines(text, at))
    return zip_longest(lines, lines[1:])


def _lines(text: str, at: int) -> Iterator[_Line]:
    """The lines `key: value` and `key:` around an offset, others left out."""
    begin = at
    for _ in range(_MOST):
        begin = text.rfind("\n", 0, begin)
        if begin < 0:
            break
    begin += 1
    for _ in range(2 * _MOST):
        end = text.find("\n", begin)
        end = len(text) if end < 0 else end
        if line := _line(text, begin):
            yield line
        if end == len(text):
            return
        begin = end + 1


def _line(text: str, begin: int) -> _Line | None:
    match = _LINE.fullmatch(text, begin, _stop(text, begin))
    if match is None:
        return None
    return _Line(begin, len(match["indent"]), match["key"], match["value"] or "", match.start("value"))


def _stop(text: str, begin: int) -> int:
    """The end of a line, without the blanks there: a pattern that looks for them may try every one."""
    end = text.find("\n", begin)
    return begin + len(text[begin : len(text) if end < 0 else end].rstrip(" "))
