"""A command that leans on a shell, which never runs it."""

from __future__ import annotations

import re

from orgruntime.compiler.command import NO_SHELL, shell_signs, split
from orgruntime.compiler.facts import Facts
from orgruntime.diagnostics.codes import SHELL_SYNTAX
from orgruntime.diagnostics.diagnostic import Findings
from orgruntime.diagnostics.pattern import pattern

CODE = SHELL_SYNTAX

_FILLED = pattern(r"(?:\$\{?|<)(seed|budget)\b[}>]?", re.IGNORECASE)
"""What a shell would be asked for, and a trial fills in."""
_ASSIGNMENT = pattern(r"[A-Za-z_]\w*=")


def check(facts: Facts, findings: Findings) -> None:
    for key, node in facts.commands():
        path, text = f"workspace.{key}", node.text.rstrip()
        last = 0
        for start, end in shell_signs(text):
            if start < last:
                continue
            sign = "a line break" if text[start:end] == "\n" else f"`{text[start:end]}`"
            filled = _FILLED.match(text, start)
            end = last = filled.end() if filled else end
            help = f"write `{{{filled[1].casefold()}}}`, which every trial fills in" if filled else NO_SHELL
            findings.add(CODE, node.part(start, end), f"`{path}` uses the shell's {sign}", help)
        words = split(text)
        if words is None:
            findings.add(CODE, node.span, f"`{path}` has a quote that is not closed", "close the quote")
        elif words and "=" in words[0] and _ASSIGNMENT.match(words[0]):
            span = node.part(0, len(words[0]))
            findings.add(CODE, span, f"`{path}` sets a variable before the program", NO_SHELL)
