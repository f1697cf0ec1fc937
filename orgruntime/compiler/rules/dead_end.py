"""An agent that is handed work and hands nothing on."""

from __future__ import annotations

from orgruntime.compiler.facts import Facts
from orgruntime.diagnostics.codes import DEAD_END
from orgruntime.diagnostics.diagnostic import Findings
from orgruntime.model.manifest import HandoffKind, RoleKind

CODE = DEAD_END

_WORK = ("idea", "proposal")
"""Payloads that ask for more work. Results, verdicts, memos and notes may end where they are read."""


def check(facts: Facts, findings: Findings) -> None:
    if not facts.whole:
        return
    giving = {edge.source.slug for edge in facts.edges if edge.target}
    for edge in facts.sound:
        target = facts.by_slug[edge.target.slug] if edge.target and edge.kind is HandoffKind.TRANSFER else None
        if target is None or target.kind is not RoleKind.AGENT or target.slug in giving or edge.payload not in _WORK:
            continue
        article = "an" if edge.payload == "idea" else "a"
        message = f"`{target.slug}` is handed {article} `{edge.payload}` and hands nothing on, so it ends there"
        help = "add a handoff from it, such as a `proposal` to the role of kind `experiment`"
        findings.add(CODE, edge.target_span or edge.span, message, help)
