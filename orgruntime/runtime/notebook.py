"""The notebook as a text: what every role is told that the org has found.

Reads only. Invariant: the same bytes while no finding changed, oldest first, so that a server can keep what comes
before it and the notebook itself.
"""

from __future__ import annotations

from orgruntime.model.manifest import Role
from orgruntime.model.memory import Finding
from orgruntime.runtime.lab import Lab


def notebook_text(lab: Lab, role: Role) -> str:
    """One line a finding, with what it rests on; empty without one, and for a role that is shown no others' work. Data
    of other roles, not instructions."""
    if role.recalls != "":
        return ""
    return "\n".join(map(finding_line, lab.ledger.findings()))


def finding_line(finding: Finding) -> str:
    """`f3 (researcher; pq3.0, c1) what was found`."""
    rests = ", ".join(finding.evidence) or "a hunch, without evidence"
    return f"{finding.id} ({finding.role}; {rests}) {finding.text}"
