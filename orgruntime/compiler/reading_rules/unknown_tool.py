"""A tool that nothing serves: granted by the name of another program's, or nearly by one that exists; asked for,
or denied."""

from __future__ import annotations

from orgruntime.diagnostics.codes import UNKNOWN_TOOL
from orgruntime.diagnostics.diagnostic import Fault
from orgruntime.model.tools import BUILT_IN

CODE = UNKNOWN_TOOL


def called_otherwise(name: str, known: str) -> Fault:
    message = f"`{name}` is called `{known}` here, and that is what is granted"
    return Fault(CODE, message, f"write `{known}`")


def nearly(name: str, near: str) -> Fault:
    return Fault(CODE, f"no tool is called `{name}`", f"did you mean `{near}`?")


def granted(name: str) -> Fault:
    help = f"the tools are {', '.join(BUILT_IN)}; others come from `mcp_servers:`, as `mcp__NAME__TOOL`"
    return Fault(CODE, f"no tool is called `{name}`, so nothing is granted by it", help)


def held_back(name: str) -> Fault:
    message = f"the role is denied a tool `{name}`, which nothing known here has, so that nothing is held back by it"
    return Fault(CODE, message, "write the name of a tool that the role may have, or take it out")


def asked_for(name: str) -> Fault:
    message = f"the role asks for a tool `{name}`, which nothing known here has, so it gets none"
    return Fault(CODE, message, "take it out, or let a server of `mcp_servers:` bring such a tool")
