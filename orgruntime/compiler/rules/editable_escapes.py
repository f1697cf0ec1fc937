"""An editable path that leaves the workspace, or reaches into git's own files."""

from __future__ import annotations

import os

from orgruntime.compiler.facts import Facts
from orgruntime.compiler.workspace import leaves_the_workspace, plain
from orgruntime.diagnostics.codes import EDITABLE_ESCAPES
from orgruntime.diagnostics.diagnostic import Findings

CODE = EDITABLE_ESCAPES


def check(facts: Facts, findings: Findings) -> None:
    root = facts.root
    for node in facts.scalars("workspace.editable"):
        text = plain(node.text)
        if leaves_the_workspace(text):
            message = f"`{node.text.strip()}` is not a plain path inside the workspace"
            findings.add(CODE, node.span, message, "name files of the workspace by their path below it")
        elif root and os.path.isfile(root / text) and not (root / text).resolve().is_relative_to(root.resolve()):
            message = f"`{node.text.strip()}` is a link that leaves the workspace"
            findings.add(CODE, node.span, message, "copy the file in")
