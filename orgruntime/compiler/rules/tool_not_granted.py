"""A tool that a role asks for and the program does not grant."""

from __future__ import annotations

from collections.abc import Collection

from orgruntime.compiler.authority import asked, called_here
from orgruntime.compiler.dialects import grant_for, is_known
from orgruntime.compiler.facts import Facts
from orgruntime.diagnostics.codes import TOOL_NOT_GRANTED
from orgruntime.diagnostics.diagnostic import Findings
from orgruntime.model.manifest import RoleKind
from orgruntime.model.tools import ABLATE, BUILT_IN, plain_name, server_of

CODE = TOOL_NOT_GRANTED


def check(facts: Facts, findings: Findings) -> None:
    for named in facts.named:
        kind = facts.by_slug[named.ref.slug].kind
        for node in asked(facts.files[named.ref.slug]) or ():
            name = node.text.strip()
            usable = kind is RoleKind.AGENT or (kind is RoleKind.VERIFIER and name == ABLATE)
            if usable and name != "*" and is_known(name) and grant_for(name, facts.program.tools) is None:
                message = f"the role asks for the tool `{name}`, which the program does not grant"
                findings.add(CODE, node.span, message, _help(name, facts.declared_servers))


def _help(name: str, servers: Collection[str]) -> str:
    known, server = called_here(name), server_of(name)
    if plain_name(known) in BUILT_IN or server in servers:
        return f"add `{known}` to `tools:` in program.md if the org may have it"
    if server is not None:
        return (
            f"declare `{server}` in `mcp_servers:` of program.md, and add `{name}` to `tools:`, if the org may have it"
        )
    return "no tool of that name is built in here; a server of `mcp_servers:` may have one like it"
