"""An editable path that another entry already covers."""

from __future__ import annotations

from orgruntime.compiler.facts import Facts
from orgruntime.compiler.workspace import plain
from orgruntime.diagnostics.codes import OVERLAPPING_EDITABLE
from orgruntime.diagnostics.diagnostic import Findings
from orgruntime.model.editable import is_editable

CODE = OVERLAPPING_EDITABLE


def check(facts: Facts, findings: Findings) -> None:
    nodes = facts.scalars("workspace.editable")
    texts = [plain(node.text) for node in nodes]
    for at, (node, text) in enumerate(zip(nodes, texts, strict=True)):
        others = [one for i, one in enumerate(texts) if i < at or (i > at and one != text)]
        other = next((one for one in others if is_editable(text, (one,))), None)
        if other is not None:
            findings.add(CODE, node.span, f"`{text}` is already editable by `{other}`", "keep one of the two")
