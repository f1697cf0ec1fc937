"""A role that a role file of another program names as a colleague, and that no role of the org is called."""

from __future__ import annotations

from orgruntime.compiler.facts import Facts
from orgruntime.compiler.naming import plainly
from orgruntime.diagnostics.codes import UNKNOWN_COLLEAGUE
from orgruntime.diagnostics.diagnostic import Findings
from orgruntime.diagnostics.nearest import nearest

CODE = UNKNOWN_COLLEAGUE
_MOST = 50
"""Names for which a near role is looked for."""


def check(facts: Facts, findings: Findings) -> None:
    if not facts.whole or not any(file.called for file in facts.files.values()):
        return
    own = (name for role in facts.roles for name in (role.slug, role.name, *role.was))
    known = {plainly(name): name for name in (*own, *facts.slugs)}
    ends = {name.rpartition("/")[2] for name in known}
    asked = 0
    for file in facts.files.values():
        for key, node in file.called:
            name = plainly(node.text)
            if name in known or name.rpartition("/")[2] in ends:
                continue
            asked += 1
            near = nearest(name, known) if asked <= _MOST else None
            help = f"did you mean `{known[near]}`?" if near else "take the name out, or add a role of that name"
            message = f"`{key}` names `{node.text.strip()}`, and no role of the org is called that"
            findings.add(CODE, node.span, message, help)
