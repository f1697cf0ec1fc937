"""An agent with nothing behind it. A model spends money, so none is chosen in silence."""

from __future__ import annotations

from orgruntime.compiler.facts import Facts
from orgruntime.diagnostics.codes import NO_MODEL
from orgruntime.diagnostics.diagnostic import Findings
from orgruntime.model.manifest import RoleKind
from orgruntime.orgfile.tree import MapNode

CODE = NO_MODEL


def check(facts: Facts, findings: Findings) -> None:
    models = facts.node("models")
    if models is not None and not isinstance(models, MapNode):
        # Some were given, in a shape that is told where they are read.
        return
    for role in facts.roles:
        if role.kind is RoleKind.AGENT and not role.species and role.slug not in facts.unsure:
            cell = "" if role.builtin else ", or fill its cell `model`"
            help = f"add `models: {{default: search/tpe}}`, which needs no key, or a language model{cell}"
            message = f"no model serves the role `{role.slug}`, so it could do nothing"
            findings.add(CODE, facts.places[role.slug], message, help)
