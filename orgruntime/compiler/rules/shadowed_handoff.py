"""A handoff that is never taken, because an earlier one of the same role and payload always holds."""

from __future__ import annotations

from orgruntime.compiler.facts import Facts
from orgruntime.compiler.graph import branches, hidden
from orgruntime.diagnostics.codes import SHADOWED_HANDOFF
from orgruntime.diagnostics.diagnostic import Findings

CODE = SHADOWED_HANDOFF


def check(facts: Facts, findings: Findings) -> None:
    for branch in branches(facts.sound):
        for edge, earlier in hidden(branch):
            if edge.otherwise and any(one.otherwise for one in branch if one.number < edge.number):
                continue
            message = f"this handoff is never taken: handoff {earlier.number} always holds before it"
            help = "put it first, or give the earlier one a `when` or `at most N times`"
            findings.add(CODE, edge.span, message, help)
