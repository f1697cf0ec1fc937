"""A pattern that makes every file of the workspace editable."""

from __future__ import annotations

from orgruntime.compiler.facts import Facts
from orgruntime.compiler.workspace import plain
from orgruntime.diagnostics.codes import NOTHING_FROZEN
from orgruntime.diagnostics.diagnostic import Findings
from orgruntime.model.editable import is_editable

CODE = NOTHING_FROZEN


def check(facts: Facts, findings: Findings) -> None:
    files = facts.workspace_files
    for node in facts.scalars("workspace.editable"):
        text = plain(node.text)
        if len(files) > 1 and any(sign in text for sign in "*?[") and all(is_editable(name, (text,)) for name in files):
            message = f"`{node.text.strip()}` makes every file of the workspace editable, what measures it too"
            findings.add(
                CODE, node.span, message, "name the files that proposals may change; everything else is frozen"
            )
