"""A role of the program to which no handoff and no cadence leads. Asked once every handoff could be read."""

from __future__ import annotations

from orgruntime.compiler.facts import Facts
from orgruntime.compiler.graph import entries, reached
from orgruntime.diagnostics.codes import UNREACHABLE_ROLE
from orgruntime.diagnostics.diagnostic import Findings

CODE = UNREACHABLE_ROLE


def check(facts: Facts, findings: Findings) -> None:
    # A handoff with a fault of its own leads where it leads all the same.
    starts = {*facts.entries, *entries(facts.roles, facts.edges)}
    if not facts.whole or not starts:
        return
    found = reached(facts.edges, starts)
    for role in facts.roles:
        if role.slug not in found:
            help = "add a handoff to it or call it on a schedule (`every 20 trials`), or remove it from `## Roles`"
            message = f"no handoff leads to the role `{role.slug}`, so it can never work"
            findings.add(CODE, facts.places[role.slug], message, help)
