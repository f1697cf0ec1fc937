"""A workspace that is named by a path of this machine."""

from __future__ import annotations

from pathlib import PurePosixPath

from orgruntime.compiler.facts import Facts
from orgruntime.diagnostics.codes import ABSOLUTE_SOURCE
from orgruntime.diagnostics.diagnostic import Findings

CODE = ABSOLUTE_SOURCE


def check(facts: Facts, findings: Findings) -> None:
    node = facts.scalar("workspace.source")
    if node is not None and PurePosixPath(node.text.strip()).is_absolute():
        message = f"`{node.text.strip()}` is a path of this machine, so a copy of the org elsewhere will not find it"
        findings.add(CODE, node.span, message, "give a path relative to the org")
