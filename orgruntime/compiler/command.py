"""Commands of the workspace: one program and its arguments, split like a shell splits, run by none.

Knows nothing of files. Invariant: a command without findings means the same when it is split and run directly as when a
person types it.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Collection, Iterator

from orgruntime.diagnostics.codes import NO_SEED, SHELL_SYNTAX, UNKNOWN_PLACEHOLDER
from orgruntime.diagnostics.diagnostic import Findings
from orgruntime.diagnostics.nearest import did_you_mean
from orgruntime.orgfile.tree import ScalarNode

PLACEHOLDERS = ("seed", "budget")

_OPERATORS = re.compile(r"\|\|?|&&?|;|<<?|>>?|`|\n|\$(?=[\w{(?#@*!-])")
_PLACEHOLDER = re.compile(r"\{([A-Za-z_]\w*)\}")
_ASSIGNMENT = re.compile(r"[A-Za-z_]\w*=")
_REMEDY = "no shell runs it: put the line in a script and name the script here"


def check_command(node: ScalarNode, path: str, findings: Findings, *, seeded: bool = True) -> tuple[str, ...]:
    """The words of the command; empty where it cannot be split. `seeded`: it should hold {seed}."""
    text = node.text.rstrip()
    for start, end in _shell_signs(text):
        sign = "a line break" if text[start:end] == "\n" else f"`{text[start:end]}`"
        findings.add(SHELL_SYNTAX, node.part(start, end), f"`{path}` uses the shell's {sign}", _REMEDY)
    try:
        split = tuple(shlex.split(text))
    except ValueError:
        findings.add(SHELL_SYNTAX, node.span, f"`{path}` has a quote that is not closed", "close the quote")
        return ()
    if split and _ASSIGNMENT.match(split[0]):
        span = node.part(0, len(split[0]))
        findings.add(SHELL_SYNTAX, span, f"`{path}` sets a variable before the program", _REMEDY)
    _check_placeholders(node, path, PLACEHOLDERS if seeded else (), findings)
    if seeded and "{seed}" not in text:
        message = f"`{path}` does not use {{seed}}, so its trials cannot be told from luck"
        findings.add(NO_SEED, node.span, message, "pass `{seed}` to the program and let it decide every random choice")
    return split


def _check_placeholders(node: ScalarNode, path: str, known: Collection[str], findings: Findings) -> None:
    for match in _PLACEHOLDER.finditer(node.text):
        if match[1] in known:
            continue
        help = did_you_mean(match[1], known) if known else "this command runs once a node and takes no placeholders"
        span = node.part(match.start(), match.end())
        findings.add(UNKNOWN_PLACEHOLDER, span, f"`{path}` has the unknown placeholder `{match[0]}`", help)


def _shell_signs(text: str) -> Iterator[tuple[int, int]]:
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
