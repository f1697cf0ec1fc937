"""Commands of the workspace: one program and its words, split like a shell splits, run by none.

Pure; knows nothing of files and reports nothing. Invariant: a command without shell signs means the same when it is
split and run directly as when a person types it.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator

from orgruntime.diagnostics.pattern import pattern

COMMANDS = ("setup", "run", "verify")
"""Keys of `workspace:` that hold a command."""

PLACEHOLDERS = ("seed", "budget")
"""Filled in for each trial; `setup` runs once a node and has none."""

NO_SHELL = "no shell runs it: put the line in a script and name the script here"

_OPERATORS = pattern(r"\|\|?|&&?|;|<<?|>>?|`|\n|\$(?=[\w{(?#@*!-])")
_PLACEHOLDER = pattern(r"\{([A-Za-z_]\w*)\}")
_INTERPRETERS = pattern(r"(?:.*/)?(?:python[\d.]*|bash|sh)")
_SCRIPT = pattern(r"[\w./-]+\.(?:py|sh)")


def split(text: str) -> tuple[str, ...] | None:
    """The words of a command; None where a quote is not closed."""
    try:
        return tuple(shlex.split(text))
    except ValueError:
        return None


def placeholders(text: str) -> Iterator[re.Match[str]]:
    """`{name}` in a command; group 1 is the name."""
    return _PLACEHOLDER.finditer(text)


def script_of(text: str) -> str | None:
    """The script that an interpreter is asked to run, where it can be told."""
    words = split(text) or ()
    if len(words) < 2 or not _INTERPRETERS.fullmatch(words[0]) or not _SCRIPT.fullmatch(words[1]):
        return None
    return words[1].removeprefix("./")


def shell_signs(text: str) -> Iterator[tuple[int, int]]:
    """Places of unquoted operators, and of `$` and backticks outside single quotes."""
    quote, at = "", 0
    while at < len(text):
        char = text[at]
        if char == "\\" and quote != "'":
            at += 2
            continue
        if char in "'\"" and quote in ("", char):
            quote = "" if quote else char
            at += 1
            continue
        match = _OPERATORS.match(text, at)
        if match and (not quote or (quote == '"' and match[0] in ("$", "`"))):
            yield match.start(), match.end()
            at = match.end()
            continue
        at += 1
