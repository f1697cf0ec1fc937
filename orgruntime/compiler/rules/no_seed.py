"""A trial that cannot be repeated with the same luck."""

from __future__ import annotations

import re

from orgruntime.compiler.command import split
from orgruntime.compiler.facts import Facts
from orgruntime.diagnostics.codes import NO_SEED
from orgruntime.diagnostics.diagnostic import Findings
from orgruntime.diagnostics.pattern import pattern

CODE = NO_SEED

_MEANT = pattern(r"\$\{?seed\b\}?|<seed>|%seed%|\{\s*seed\s*\}", re.IGNORECASE)
"""How other programs write a place that is filled in."""


def check(facts: Facts, findings: Findings) -> None:
    for key, node in facts.commands():
        if key != "setup" and split(node.text) is not None and "{seed}" not in node.text:
            message = f"`workspace.{key}` does not use {{seed}}, so a gain cannot be told from luck"
            meant = _MEANT.search(node.text)
            help = "pass `{seed}` to the program and let it decide every random choice"
            if meant:
                help = f"write `{{seed}}` for `{meant[0]}`: so it is filled in"
            findings.add(CODE, node.span, message, help)
