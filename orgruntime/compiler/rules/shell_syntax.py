"""A command that leans on a shell, which never runs it."""

from __future__ import annotations

from orgruntime.compiler.command import NO_SHELL, shell_signs, split
from orgruntime.compiler.facts import Facts
from orgruntime.diagnostics.codes import SHELL_SYNTAX
from orgruntime.diagnostics.diagnostic import Findings
from orgruntime.diagnostics.pattern import pattern

CODE = SHELL_SYNTAX

_ASSIGNMENT = pattern(r"[A-Za-z_]\w*=")


def check(facts: Facts, findings: Findings) -> None:
    for key, node in facts.commands():
        path, text = f"workspace.{key}", node.text.rstrip()
        for start, end in shell_signs(text):
            sign = "a line break" if text[start:end] == "\n" else f"`{text[start:end]}`"
            findings.add(CODE, node.part(start, end), f"`{path}` uses the shell's {sign}", NO_SHELL)
        words = split(text)
        if words is None:
            findings.add(CODE, node.span, f"`{path}` has a quote that is not closed", "close the quote")
        elif words and "=" in words[0] and _ASSIGNMENT.match(words[0]):
            span = node.part(0, len(words[0]))
            findings.add(CODE, span, f"`{path}` sets a variable before the program", NO_SHELL)
