"""An input of a role that the program does not fill in, and that has no default."""

from __future__ import annotations

from orgruntime.compiler.facts import Facts
from orgruntime.diagnostics.codes import MISSING_INPUT
from orgruntime.diagnostics.diagnostic import Findings

CODE = MISSING_INPUT


def check(facts: Facts, findings: Findings) -> None:
    for named in facts.named:
        role, file = facts.by_slug[named.ref.slug], facts.files[named.ref.slug]
        for one in file.hints.inputs:
            name = one.name.text
            if name in role.inputs:
                continue
            what = f": {one.meaning}" if one.meaning else ""
            message = f"the role `{role.slug}` needs its input `{name}`{what}"
            findings.add(CODE, named.span, message, f"write `{name}: VALUE` in the cell `inputs` of its row")
