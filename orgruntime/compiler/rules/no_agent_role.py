"""An org in which nobody can propose."""

from __future__ import annotations

from orgruntime.compiler.facts import Facts
from orgruntime.diagnostics.codes import NO_AGENT_ROLE
from orgruntime.diagnostics.diagnostic import Findings
from orgruntime.model.manifest import RoleKind

CODE = NO_AGENT_ROLE


def check(facts: Facts, findings: Findings) -> None:
    if not facts.whole or any(role.kind is RoleKind.AGENT for role in facts.roles):
        return
    roles = facts.parts.roles
    span = facts.document.heading_span(roles) if roles else facts.top
    findings.add(CODE, span, "no role is an agent, so nobody can propose anything", "give one role the kind `agent`")
