"""An input that the words of its role have no place for."""

from __future__ import annotations

from orgruntime.compiler.facts import Facts
from orgruntime.diagnostics.codes import UNUSED_INPUT
from orgruntime.diagnostics.diagnostic import Findings
from orgruntime.diagnostics.nearest import nearest

CODE = UNUSED_INPUT


def check(facts: Facts, findings: Findings) -> None:
    for named in facts.named:
        file = facts.files[named.ref.slug]
        for one in file.hints.inputs:
            name = one.name.text
            if name not in file.places:
                near = nearest(name, file.places)
                where = f"write `{{{{{name}}}}}` where it is to stand"
                help = f"did you mean `{{{{{near}}}}}`, which stands there?" if near else where
                findings.add(CODE, one.name.span, f"the input `{name}` stands nowhere in the words of the role", help)
