"""A tool that nothing serves: granted by the name of another program's, or nearly by one that exists; or asked for."""

from __future__ import annotations

from orgruntime.compiler.authority import asked
from orgruntime.compiler.dialects import canonical_tool, grant_for, is_known
from orgruntime.compiler.facts import Facts
from orgruntime.compiler.rolevalues import near_tool
from orgruntime.diagnostics.codes import UNKNOWN_TOOL
from orgruntime.diagnostics.diagnostic import Findings
from orgruntime.diagnostics.nearest import edit_distance
from orgruntime.model.tools import BUILT_IN, plain_name, server_of

CODE = UNKNOWN_TOOL

_MOST = 50
"""Names of a program that are compared with those that exist."""


def check(facts: Facts, findings: Findings) -> None:
    for at, node in enumerate(facts.granted_tools):
        name = plain_name(node.text.strip())
        if name in BUILT_IN or name in ("", "*") or server_of(name) is not None:
            continue
        span = node.part(0, len(name))
        known = canonical_tool(name)
        if known in BUILT_IN:
            message = f"`{name}` is called `{known}` here, and that is what is granted"
            findings.add(CODE, span, message, f"write `{known}`")
        elif at < _MOST and (near := _near(name.casefold())):
            findings.add(CODE, span, f"no tool is called `{name}`", f"did you mean `{near}`?")
        else:
            help = f"the tools are {', '.join(BUILT_IN)}; others come from `mcp_servers:`, as `mcp__NAME__TOOL`"
            findings.add(CODE, span, f"no tool is called `{name}`, so nothing is granted by it", help)
    _check_wishes(facts, findings)


def _check_wishes(facts: Facts, findings: Findings) -> None:
    """What role files ask for under names that nobody has. Those that are nearly one are told where they are read."""
    wishes = [node for _, _, file in facts.agents() for node in asked(file) or ()]
    for at, node in enumerate(wishes):
        name = plain_name(node.text.strip())
        if name in ("", "*") or is_known(name) or grant_for(node.text.strip(), facts.program.tools) is not None:
            continue
        if at < _MOST and near_tool(name):
            continue
        message = f"the role asks for a tool `{name}`, which nothing known here has, so it gets none"
        help = "take it out, or let a server of `mcp_servers:` bring such a tool"
        findings.add(CODE, node.part(0, len(name)), message, help)


def _near(name: str) -> str | None:
    """The nearest tool within two slips. A long list of names is answered too, so lengths are compared first."""
    close = [tool for tool in BUILT_IN if abs(len(tool) - len(name)) <= 2]
    slips = {tool: edit_distance(name, tool.casefold()) for tool in close}
    near = min(slips, key=slips.__getitem__, default=None)
    return near if near and slips[near] <= min(2, len(near) - 3) else None
