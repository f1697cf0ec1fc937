"""A workspace in which no file may change."""

from __future__ import annotations

from orgruntime.compiler.facts import Facts
from orgruntime.diagnostics.codes import NOTHING_EDITABLE
from orgruntime.diagnostics.diagnostic import Findings
from orgruntime.orgfile.tree import ListNode

CODE = NOTHING_EDITABLE


def check(facts: Facts, findings: Findings) -> None:
    node = facts.node("workspace.editable")
    if isinstance(node, ListNode) and not node.items:
        help = "name the files that proposals may change, such as `[train.py]`"
        findings.add(CODE, node.span, "no file is editable, so nothing can be tried", help)
