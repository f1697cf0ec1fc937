"""A blast radius of a role file that is wider than the org's: a file may only narrow it."""

from __future__ import annotations

from orgruntime.compiler.facts import Facts
from orgruntime.compiler.risk import wider
from orgruntime.diagnostics.codes import RISK_NOT_GRANTED
from orgruntime.diagnostics.diagnostic import Findings

CODE = RISK_NOT_GRANTED


def check(facts: Facts, findings: Findings) -> None:
    org = facts.program.appetite.blast_radius
    for named in facts.named:
        wish = facts.files[named.ref.slug].hints.risk
        if wish is None or (named.row and named.row.hints.risk):
            continue
        radius = wish.of(org)
        if names := wider(radius, org):
            words = ", ".join(f"{getattr(radius, name):g} {name}" for name in names)
            most = ", ".join(f"{getattr(org, name):g}" for name in names)
            message = f"the role asks for a blast radius of {words}, and the program allows {most}"
            findings.add(CODE, wish.span, message, "write it in the cell `risk` of its row if the org may have it")
