"""A declared tool server none of whose tools any role is granted."""

from __future__ import annotations

from orgruntime.compiler.facts import Facts
from orgruntime.diagnostics.codes import UNUSED_TOOL_SERVER
from orgruntime.diagnostics.diagnostic import Findings
from orgruntime.model.tools import SERVER_PREFIX, server_of

CODE = UNUSED_TOOL_SERVER


def check(facts: Facts, findings: Findings) -> None:
    if not facts.whole or not facts.program.servers:
        return
    granted = {server_of(tool) for tool in facts.program.tools}
    used = {server_of(tool) for tools in {role.tools for role in facts.roles} for tool in tools}
    for name in (server.name for server in facts.program.servers if server.name not in used):
        if name in granted:
            message, help = f"no role asks for a tool of `{name}`", "let a role ask for it, or take the server out"
        else:
            message = f"no role is granted a tool of `{name}`"
            help = f"add `{SERVER_PREFIX}{name}` to `tools:`, or take the server out"
        findings.add(CODE, facts.key_span(f"mcp_servers.{name}"), message, help)
