"""A trial that cannot be repeated with the same luck."""

from __future__ import annotations

from orgruntime.compiler.command import split
from orgruntime.compiler.facts import Facts
from orgruntime.diagnostics.codes import NO_SEED
from orgruntime.diagnostics.diagnostic import Findings

CODE = NO_SEED


def check(facts: Facts, findings: Findings) -> None:
    for key, node in facts.commands():
        if key != "setup" and split(node.text) is not None and "{seed}" not in node.text:
            message = f"`workspace.{key}` does not use {{seed}}, so a gain cannot be told from luck"
            help = "pass `{seed}` to the program and let it decide every random choice"
            findings.add(CODE, node.span, message, help)
