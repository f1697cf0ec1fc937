"""A granted tool whose name is nearly that of one that exists."""

from __future__ import annotations

from orgruntime.compiler.facts import Facts
from orgruntime.diagnostics.codes import UNKNOWN_TOOL
from orgruntime.diagnostics.diagnostic import Findings
from orgruntime.diagnostics.nearest import edit_distance

CODE = UNKNOWN_TOOL

_TOOLS = ("Read", "Grep", "Edit", "Write", "Glob", "Bash", "WebFetch", "WebSearch", "Task", "TodoWrite", "NotebookEdit")
"""Names that tools have in role files of the wild. Others may exist; a near miss of these does not."""


def check(facts: Facts, findings: Findings) -> None:
    for node in facts.program.fields.words("tools", comma_string=True) or ():
        name = node.text.strip().partition("(")[0]
        if name in _TOOLS or not name:
            continue
        near = _near(name.casefold())
        if near:
            findings.add(CODE, node.part(0, len(name)), f"no tool is called `{name}`", f"did you mean `{near}`?")


def _near(name: str) -> str | None:
    """The nearest tool within two slips. A long list of names is answered too, so lengths are compared first."""
    close = [tool for tool in _TOOLS if abs(len(tool) - len(name)) <= 2]
    slips = {tool: edit_distance(name, tool.casefold()) for tool in close}
    near = min(slips, key=slips.__getitem__, default=None)
    return near if near and slips[near] <= min(2, len(near) - 3) else None
