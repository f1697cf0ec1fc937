"""Front matter that is not YAML, in an author's words instead of the parser's."""

from __future__ import annotations

import re

from orgruntime.diagnostics.codes import INVALID_YAML
from orgruntime.diagnostics.diagnostic import Fault

CODE = INVALID_YAML

_PREFIX = "front matter is not YAML: "
_QUOTE = "put the value in quotes"
_WORDS = (
    (r"mapping values are not allowed", "a second `: ` in one line", _QUOTE),
    (r"found character '(.)'", "a value begins with `{0}`, which means something else in YAML", _QUOTE),
    (r"found unexpected end of stream", "a quote is opened and never closed", "close it, or take it away"),
    (
        r"expected ',' or '([\]}])'",
        "a bracket is not closed, or a comma is missing between two items",
        "close it with `{0}`, and put a comma between items",
    ),
    (r"expected <block end>", "this line does not line up with the ones above it", "indent keys of one level alike"),
    (r"could not find expected ':'", "this line is no `key: value`", "write a colon and a space behind the key"),
    (
        r"sequence entries are not allowed",
        "a list begins where a value has begun",
        "put `- ` on a line of its own below the key, or write `[FIRST, SECOND]`",
    ),
    (r"unknown escape character '(.+)'", "`\\{0}` means nothing in double quotes", "use single quotes"),
    (r"expected alphabetic or numeric character", "`*` and `&` begin something else in YAML", _QUOTE),
)
"""What the parser says → what it means, and the remedy."""
_LONGEST = 100
"""Characters of a line that a remedy spells out."""
_OTHER = "quote values that hold `: `, `#`, brackets, or begin with a sign such as `*`, `&`, `@` or `%`"


def refused(problem: str) -> Fault:
    """`problem`: the parser's words."""
    for pattern, words, help in _WORDS:
        if match := re.match(pattern, problem):
            return Fault(CODE, _PREFIX + words.format(*match.groups()), help.format(*match.groups()))
    return Fault(CODE, _PREFIX + (problem or "it cannot be parsed"), _OTHER)


def tab() -> Fault:
    return Fault(CODE, _PREFIX + "a tab where YAML wants blanks", "write two blanks in its place")


def open_quote(key: str, value: str, sign: str) -> Fault:
    message = f"{_PREFIX}the quote that `{key}` begins with is never closed"
    return Fault(CODE, message, _exactly(f"{key}: {value}{sign}", f"close it with `{sign}` at the end of the line"))


def closed_below(key: str, value: str, sign: str, other: str) -> Fault:
    """`other`: the first key that the quote takes in."""
    message = (
        f"{_PREFIX}the quote that `{key}` begins with is not closed in its line, so that `{other}` is a part of it"
    )
    return Fault(CODE, message, _exactly(f"{key}: {value}{sign}", f"close it with `{sign}` at the end of the line"))


def open_bracket(key: str, value: str, sign: str) -> Fault:
    message = f"{_PREFIX}the bracket that `{key}` begins with is not closed"
    return Fault(CODE, message, _exactly(f"{key}: {value}{sign}", f"close it with `{sign}` at the end of the line"))


def no_blank_behind_dash(item: str) -> Fault:
    return Fault(CODE, _PREFIX + "a blank is missing behind `-`", _exactly(f"- {item}", "write `- ` before the item"))


def no_colon(key: str, value: str) -> Fault:
    message = _PREFIX + "this line is no `key: value`"
    return Fault(CODE, message, _exactly(f"{key}: {value}", "write a colon and a blank behind the key"))


def no_blank(key: str, value: str) -> Fault:
    message = f"{_PREFIX}a blank is missing behind `{key}:`"
    return Fault(CODE, message, _exactly(f"{key}: {value}", f"write a blank behind `{key}:`"))


def second_colon(key: str, value: str) -> Fault:
    quoted = f'"{value}"' if '"' not in value and "\\" not in value else "'" + value.replace("'", "''") + "'"
    help = _exactly(f"{key}: {quoted}", _QUOTE)
    if re.fullmatch(r"[a-z_]+: [^\s:,`]+", value) and len(value) <= _LONGEST:
        help = f"write `{key}: {{{value}}}`, if it is a key below `{key}`; else {help.removeprefix('write ')}"
    return Fault(CODE, _PREFIX + "a second `: ` in one line", help)


def uneven(indent: int, usual: int) -> Fault:
    """A line of a block, and the depth of the others."""
    message = f"{_PREFIX}this line begins with {_blanks(indent)}, and those beside it with {usual}"
    return Fault(CODE, message, f"begin it with {_blanks(usual)}" + (", or with none" if indent < usual else ""))


def below_a_value(key: str, above: str) -> Fault:
    message = f"{_PREFIX}`{key}` is indented below `{above}`, which has a value already"
    return Fault(CODE, message, f"begin it in the column of `{above}`")


def reason(message: str) -> str:
    """What is wrong, of a message of this rule; empty for others."""
    return message.partition(_PREFIX)[2]


def bad_character() -> Fault:
    return Fault(CODE, "front matter holds a character that YAML does not allow", "delete it")


def no_mapping() -> Fault:
    return Fault(CODE, "front matter must be lines of `key: value`", "write a key and a colon before the words")


def no_word() -> Fault:
    return Fault(CODE, "a key must be a word", "write `key: value`; a key that is no plain word goes in quotes")


def _exactly(line: str, otherwise: str) -> str:
    """The line to write, where it is one that can be read in a remedy."""
    return f"write `{line}`" if len(line) <= _LONGEST and "`" not in line else otherwise


def _blanks(count: int) -> str:
    return f"{count} blank{'s' * (count != 1)}"
