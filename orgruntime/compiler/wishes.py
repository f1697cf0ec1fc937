"""The tools that a role file asks for, judged by what the program says. Knows names, and grants nothing.

Works on plain values, so that one file is judged again without anything else of the org. Invariant: what is said of the
wishes of a file follows from them and from its `Terms` alone, whatever other files ask for; none of it is an error.
"""

from __future__ import annotations

from collections.abc import Iterable

from orgruntime.compiler import reading_rules
from orgruntime.compiler.dialects import canonical_tool, grant_for, is_known
from orgruntime.compiler.filereport import Terms, Wished
from orgruntime.compiler.rolefile import RoleFile
from orgruntime.compiler.rolevalues import near_tool
from orgruntime.diagnostics.diagnostic import Findings
from orgruntime.diagnostics.nearest import edit_distance
from orgruntime.model.tools import ABLATE, BUILT_IN, plain_name, server_of
from orgruntime.orgfile.disk import noted
from orgruntime.orgfile.tree import ScalarNode

_MOST = 50
"""Names of a program, and of a role file, that are compared with those that exist."""


def judge_wishes(asked: Iterable[ScalarNode], kind: str, terms: Terms) -> Wished:
    """What is to be said of the tools that a file asks for whose role is of this kind."""
    findings = Findings()
    for at, node in enumerate(asked):
        name = node.text.strip()
        usable = kind == "agent" or (kind == "verifier" and name == ABLATE)
        if not usable or plain_name(name) in ("", "*") or grant_for(name, terms.grants) is not None:
            continue
        if is_known(name):
            findings.put(node.span, reading_rules.tool_not_granted.asked_for(name, terms.servers))
        elif at >= _MOST or not near_tool(plain_name(name)):
            # What is nearly a tool is told where the file is read.
            short = plain_name(name)
            findings.put(node.part(0, len(short)), reading_rules.unknown_tool.asked_for(short))
    return Wished(kind, tuple(findings))


def keep_wished(roles: Iterable[tuple[RoleFile, str]], terms: Terms, findings: Findings) -> None:
    """Reports what is to be said of the wishes of each file, whose role is of the kind beside it."""
    noted(("terms",), terms)
    for file, kind in roles:
        wished = judge_wishes(file.asked or (), kind, terms)
        for one in wished.found:
            findings.keep(one, of_file=True)
        noted(("wished", file.shown, file.slug), wished)


def judge_grants(granted: Iterable[ScalarNode], findings: Findings) -> None:
    """The names by which the program grants tools, to all roles or to one."""
    for at, node in enumerate(granted):
        name = plain_name(node.text.strip())
        if name in BUILT_IN or name in ("", "*") or server_of(name) is not None:
            continue
        known = canonical_tool(name)
        if known in BUILT_IN:
            fault = reading_rules.unknown_tool.called_otherwise(name, known)
        elif at < _MOST and (near := _near(name.casefold())):
            fault = reading_rules.unknown_tool.nearly(name, near)
        else:
            fault = reading_rules.unknown_tool.granted(name)
        findings.put(node.part(0, len(name)), fault)


def _near(name: str) -> str | None:
    """The nearest tool within two slips. A long list of names is answered too, so lengths are compared first."""
    close = [tool for tool in BUILT_IN if abs(len(tool) - len(name)) <= 2]
    slips = {tool: edit_distance(name, tool.casefold()) for tool in close}
    near = min(slips, key=slips.__getitem__, default=None)
    return near if near and slips[near] <= min(2, len(near) - 3) else None
