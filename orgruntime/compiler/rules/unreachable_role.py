"""A role of the program to which no handoff and no cadence leads. Asked once every handoff is sound."""

from __future__ import annotations

from orgruntime.compiler.facts import Facts
from orgruntime.compiler.graph import reached
from orgruntime.diagnostics.codes import UNREACHABLE_ROLE
from orgruntime.diagnostics.diagnostic import Findings

CODE = UNREACHABLE_ROLE


def check(facts: Facts, findings: Findings) -> None:
    if not facts.whole or not facts.entries or len(facts.sound) != len(facts.edges):
        return
    found = reached(facts.sound, facts.entries)
    for role in facts.roles:
        if role.slug not in found:
            help = "add a handoff to it or call it on a schedule (`every 20 trials`), or remove it from `## Roles`"
            message = f"no handoff leads to the role `{role.slug}`, so it can never work"
            findings.add(CODE, facts.places[role.slug], message, help)
