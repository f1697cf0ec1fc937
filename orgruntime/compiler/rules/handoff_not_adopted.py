"""A role that would hand work to another, in a workflow that has no such handoff. Hints make no edges."""

from __future__ import annotations

from orgruntime.compiler.facts import Facts
from orgruntime.compiler.naming import slug_named
from orgruntime.diagnostics.codes import HANDOFF_NOT_ADOPTED
from orgruntime.diagnostics.diagnostic import Findings

CODE = HANDOFF_NOT_ADOPTED


def check(facts: Facts, findings: Findings) -> None:
    edges = {(edge.source.slug, edge.target.slug) for edge in facts.edges if edge.target}
    if not facts.whole:
        return
    former = {old: role.slug for role in facts.roles for old in role.was}
    for role, hints in facts.asked:
        for node in hints.hands_off_to:
            name = slug_named(node.text)
            target = former.get(name, name)
            if target in role.hands_off_to and (role.slug, target) not in edges:
                message = f"`{role.slug}` would hand work to `{target}`, and the workflow has no such handoff"
                help = "add one to `## Workflow` if it is wanted, or let `orgrun import ORG --adopt` do it"
                findings.add(CODE, node.span, message, help)
