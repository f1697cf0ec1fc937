"""Settings of a role that its kind has no use for: cells of its row, and hints of its file."""

from __future__ import annotations

from orgruntime.compiler.facts import Facts
from orgruntime.compiler.hints import Hints
from orgruntime.diagnostics.codes import ROLE_KIND_CLASH
from orgruntime.diagnostics.diagnostic import Findings
from orgruntime.diagnostics.span import Span
from orgruntime.model.manifest import RoleKind
from orgruntime.model.tools import ABLATE

CODE = ROLE_KIND_CLASH

_OF_AGENTS = {
    "model": "has no model",
    "tools": "uses no tools",
    "count": "has no desks to count: the cluster decides how many trials run at once",
    "memory": "is shown no earlier proposals",
    "risk": "makes no proposals, so it has no blast radius",
}
"""Key → what is true of a role of another kind."""


def check(facts: Facts, findings: Findings) -> None:
    for named in (one for one in facts.named if one.ref.slug not in facts.unsure):
        kind = facts.by_slug[named.ref.slug].kind
        if named.row is not None:
            _judge(named.row.hints, kind, "leave the cell empty", findings)
        _judge(facts.files[named.ref.slug].hints, kind, "take it out of `org:`", findings)


def _judge(hints: Hints, kind: RoleKind, help: str, findings: Findings) -> None:
    for key, truth in _OF_AGENTS.items():
        if key == "tools" and kind is RoleKind.VERIFIER:
            if all(node.text.strip() == ABLATE for node in hints.tools or ()):
                continue
            truth = f"uses no tool but `{ABLATE}`"
        if kind is not RoleKind.AGENT and (place := _place(hints, key)):
            findings.add(CODE, place, f"a role of kind `{kind}` {truth}", help)
    if hints.needs.given and hints.needs.span and kind in (RoleKind.AGENT, RoleKind.HUMAN):
        message = f"a role of kind `{kind}` runs no trials, so its resources are not used"
        findings.add(CODE, hints.needs.span, message, "give them to the role of kind `experiment`")


def _place(hints: Hints, key: str) -> Span | None:
    """Where a setting stands that is given. One desk is what every role has."""
    return hints.places.get(key) if getattr(hints, key) not in (None, (), 1) else None
