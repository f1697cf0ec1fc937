"""Trials that span nodes and cannot reach their other ranks."""

from __future__ import annotations

from orgruntime.compiler.facts import Facts
from orgruntime.diagnostics.codes import GANG_WITHOUT_NETWORK
from orgruntime.diagnostics.diagnostic import Findings

CODE = GANG_WITHOUT_NETWORK


def check(facts: Facts, findings: Findings) -> None:
    lonely = [role for role in facts.measuring if role.resources.nodes > 1 and not role.network]
    names = ", ".join(role.slug for role in facts.measuring if role.network or role in lonely)
    for role in lonely:
        message = (
            f"a trial of `{role.slug}` spans {role.resources.nodes} nodes, and its ranks have no network to meet on"
        )
        help = f"grant it that of its nodes, with `network: [{names}]` in the front matter, or keep it on one node"
        findings.add(CODE, facts.needs[role.slug], message, help)
