"""An editable path that leaves the workspace, or reaches into git's own files."""

from __future__ import annotations

from pathlib import Path

from orgruntime.compiler.facts import Facts
from orgruntime.compiler.workspace import leaves_the_workspace, plain
from orgruntime.diagnostics.codes import EDITABLE_ESCAPES
from orgruntime.diagnostics.diagnostic import Findings
from orgruntime.orgfile import disk

CODE = EDITABLE_ESCAPES


def check(facts: Facts, findings: Findings) -> None:
    root = facts.root
    for node in facts.scalars("workspace.editable"):
        text = plain(node.text)
        if leaves_the_workspace(text):
            message = f"`{node.text.strip()}` is not a plain path inside the workspace"
            findings.add(CODE, node.span, message, "name files of the workspace by their path below it")
        elif root and disk.is_file(root / text) and not _is_inside(root / text, root):
            message = f"`{node.text.strip()}` is a link that leaves the workspace"
            findings.add(CODE, node.span, message, "copy the file in")


def _is_inside(path: Path, root: Path) -> bool:
    return Path(disk.real(path)).is_relative_to(disk.real(root))
