"""A grant, or a name, for tools of a server that the program does not declare."""

from __future__ import annotations

from orgruntime.compiler.facts import Facts
from orgruntime.diagnostics.codes import UNKNOWN_TOOL_SERVER
from orgruntime.diagnostics.diagnostic import Findings
from orgruntime.diagnostics.nearest import nearest
from orgruntime.model.tools import SERVER_PREFIX, server_of

CODE = UNKNOWN_TOOL_SERVER

_MOST = 50
"""Grants of a program, and servers, that are compared with each other: it takes 0.1 ms a pair."""


def check(facts: Facts, findings: Findings) -> None:
    declared = facts.declared_servers
    for at, node in enumerate(facts.named_tools):
        name = server_of(node.text.strip())
        if name is None or name in declared:
            continue
        if not name:
            message = f"`{node.text.strip()}` names no server"
            findings.add(CODE, node.span, message, f"write `{SERVER_PREFIX}NAME` or `{SERVER_PREFIX}NAME__TOOL`")
            continue
        near = nearest(name, declared[:_MOST]) if at < _MOST else None
        help = (
            f"did you mean `{SERVER_PREFIX}{near}`?" if near else f"declare it: `mcp_servers: {{{name}: {{url: …}}}}`"
        )
        findings.add(CODE, node.span, f"`mcp_servers:` has no server `{name}`", help)
