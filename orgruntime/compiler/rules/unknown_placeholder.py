"""A `{word}` in a command that nothing fills in."""

from __future__ import annotations

from orgruntime.compiler.command import PLACEHOLDERS, placeholders
from orgruntime.compiler.facts import Facts
from orgruntime.diagnostics.codes import UNKNOWN_PLACEHOLDER
from orgruntime.diagnostics.diagnostic import Findings
from orgruntime.diagnostics.nearest import did_you_mean

CODE = UNKNOWN_PLACEHOLDER


def check(facts: Facts, findings: Findings) -> None:
    for key, node in facts.commands():
        known = () if key == "setup" else PLACEHOLDERS
        for match in placeholders(node.text):
            if match[1] in known:
                continue
            help = (
                did_you_mean(match[0], [f"{{{name}}}" for name in known])
                if known
                else "this command runs once a node and takes no placeholders"
            )
            span = node.part(match.start(), match.end())
            findings.add(CODE, span, f"`workspace.{key}` has the unknown placeholder `{match[0]}`", help)
