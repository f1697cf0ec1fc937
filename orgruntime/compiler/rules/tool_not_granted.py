"""A tool that a role asks for and the program does not grant."""

from __future__ import annotations

from orgruntime.compiler.authority import asked
from orgruntime.compiler.dialects import grant_for
from orgruntime.compiler.facts import Facts
from orgruntime.diagnostics.codes import TOOL_NOT_GRANTED
from orgruntime.diagnostics.diagnostic import Findings
from orgruntime.model.manifest import RoleKind

CODE = TOOL_NOT_GRANTED


def check(facts: Facts, findings: Findings) -> None:
    for named in facts.named:
        if facts.by_slug[named.ref.slug].kind is not RoleKind.AGENT:
            continue
        for node in asked(facts.files[named.ref.slug]) or ():
            name = node.text.strip()
            if name != "*" and grant_for(name, facts.program.tools) is None:
                message = f"the role asks for the tool `{name}`, which the program does not grant"
                help = f"add `{name}` to `tools:` in program.md if the org may have it"
                findings.add(CODE, node.span, message, help)
