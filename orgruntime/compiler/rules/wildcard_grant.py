"""A program that grants `*`. Roles may ask for all that is granted; nobody can grant all there is."""

from __future__ import annotations

from orgruntime.compiler.facts import Facts
from orgruntime.diagnostics.codes import WILDCARD_GRANT
from orgruntime.diagnostics.diagnostic import Findings

CODE = WILDCARD_GRANT


def check(facts: Facts, findings: Findings) -> None:
    for node in facts.granted_tools:
        if node.text.strip() == "*":
            help = "name each tool, such as `[Read, Grep, Edit, Ledger]`"
            findings.add(CODE, node.span, "`*` grants nothing: the program names each tool that roles may get", help)
