"""A granted tool that nothing here serves: the name of another program's tool, or nearly one that exists."""

from __future__ import annotations

from orgruntime.compiler.dialects import canonical_tool
from orgruntime.compiler.facts import Facts
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


def _near(name: str) -> str | None:
    """The nearest tool within two slips. A long list of names is answered too, so lengths are compared first."""
    close = [tool for tool in BUILT_IN if abs(len(tool) - len(name)) <= 2]
    slips = {tool: edit_distance(name, tool.casefold()) for tool in close}
    near = min(slips, key=slips.__getitem__, default=None)
    return near if near and slips[near] <= min(2, len(near) - 3) else None
