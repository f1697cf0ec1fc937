"""A branch with two defaults: `otherwise` twice for one role and payload."""

from __future__ import annotations

from orgruntime.compiler.facts import Facts
from orgruntime.compiler.graph import branches
from orgruntime.diagnostics.codes import SECOND_OTHERWISE
from orgruntime.diagnostics.diagnostic import Findings

CODE = SECOND_OTHERWISE


def check(facts: Facts, findings: Findings) -> None:
    for branch in branches(facts.sound):
        defaults = [edge for edge in branch if edge.otherwise]
        for edge in defaults[1:]:
            message = f"`{edge.source.slug}` has a second `otherwise` for `{edge.payload}`"
            help = f"the first is handoff {defaults[0].number}, which takes all that is left; remove one"
            findings.add(CODE, edge.when_span or edge.span, message, help)
