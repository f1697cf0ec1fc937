"""A network that is granted to a role that is not there, or that runs no trials."""

from __future__ import annotations

from orgruntime.compiler.facts import Facts
from orgruntime.diagnostics.codes import NETWORK_FOR_NOBODY
from orgruntime.diagnostics.diagnostic import Findings
from orgruntime.diagnostics.nearest import nearest

CODE = NETWORK_FOR_NOBODY


def check(facts: Facts, findings: Findings) -> None:
    measuring = [role.slug for role in facts.measuring]
    for node in facts.program.network:
        slug = node.text.strip()
        if slug in measuring or slug in facts.unsure or not facts.whole:
            continue
        near = nearest(slug, measuring)
        help = f"did you mean `{near}`?" if near else f"name roles that run trials: {', '.join(measuring)}"
        if slug in facts.by_slug:
            message = f"`{slug}` runs no trials: what its tools run stays without a network"
        else:
            message = f"no role is called `{slug}`"
        findings.add(CODE, node.span, message, help)
