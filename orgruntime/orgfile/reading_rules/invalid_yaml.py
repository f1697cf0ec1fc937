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
    (r"found character '\\t'", "a tab where spaces are wanted", "indent with spaces"),
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
_OTHER = "quote values that hold `: `, `#`, brackets, or begin with a sign such as `*`, `&`, `@` or `%`"


def refused(problem: str) -> Fault:
    """`problem`: the parser's words."""
    for pattern, words, help in _WORDS:
        if match := re.match(pattern, problem):
            return Fault(CODE, _PREFIX + words.format(*match.groups()), help.format(*match.groups()))
    return Fault(CODE, _PREFIX + (problem or "it cannot be parsed"), _OTHER)


def reason(message: str) -> str:
    """What is wrong, of a message of this rule; empty for others."""
    return message.partition(_PREFIX)[2]


def bad_character() -> Fault:
    return Fault(CODE, "front matter holds a character that YAML does not allow", "delete it")


def no_mapping() -> Fault:
    return Fault(CODE, "front matter must be lines of `key: value`", "write a key and a colon before the words")


def no_word() -> Fault:
    return Fault(CODE, "a key must be a word", "write `key: value`; a key that is no plain word goes in quotes")
