"""A name of `tool_names:` by which no role asks for a tool."""

from __future__ import annotations

from orgruntime.compiler.facts import Facts
from orgruntime.diagnostics.codes import UNUSED_TOOL_NAME
from orgruntime.diagnostics.diagnostic import Findings
from orgruntime.diagnostics.nearest import nearest
from orgruntime.model.tools import BUILT_IN, plain_name
from orgruntime.orgfile.tree import MapNode

CODE = UNUSED_TOOL_NAME
_MOST = 50
"""Names that are compared with those that roles ask by."""


def check(facts: Facts, findings: Findings) -> None:
    node = facts.node("tool_names")
    if not facts.whole or not isinstance(node, MapNode):
        return
    nodes = (node for file in facts.files.values() for node in (*(file.asked or ()), *file.denied))
    asked = dict.fromkeys(plain_name(node.text.strip()) for node in nodes)
    known = {name.casefold() for name in asked}
    for at, (key, _) in enumerate(node.entries):
        name = key.text.strip()
        if name.casefold() not in known and name not in BUILT_IN:
            near = nearest(name, asked) if at < _MOST else None
            help = f"did you mean `{near}`?" if near else "take the entry out"
            findings.add(CODE, key.span, f"no role asks for a tool by the name `{name}`", help)
