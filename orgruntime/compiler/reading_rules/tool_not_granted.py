"""A tool that a role asks for and the program does not grant."""

from __future__ import annotations

from collections.abc import Collection

from orgruntime.compiler.dialects import called_here
from orgruntime.diagnostics.codes import TOOL_NOT_GRANTED
from orgruntime.diagnostics.diagnostic import Fault
from orgruntime.model.tools import BUILT_IN, plain_name, server_of

CODE = TOOL_NOT_GRANTED


def asked_for(name: str, here: str, servers: Collection[str]) -> Fault:
    """`here`: what the program says the name means, if it does. `servers`: those that it declares."""
    called = f"calls `{here}` and " if here != name else ""
    message = f"the role asks for the tool `{name}`, which the program {called}does not grant"
    return Fault(CODE, message, _help(name, here, servers))


def _help(asked: str, name: str, servers: Collection[str]) -> str:
    known, server = called_here(name), server_of(name)
    if plain_name(known) in BUILT_IN or server in servers:
        return f"add `{known}` to `tools:` in program.md if the org may have it"
    if server is not None:
        return (
            f"declare `{server}` in `mcp_servers:` of program.md, and add `{name}` to `tools:`, if the org may have it"
        )
    if asked != name:
        return f"no tool is called `{plain_name(name)}`: write the name of one in `tool_names:`"
    like = f"tool_names: {{{plain_name(name)}: mcp__NAME__TOOL}}"
    return f"none of that name is built in; where a server has one like it, say so: `{like}`"
