"""A model that a role file wishes for and does not get: only the program decides what is paid for."""

from __future__ import annotations

from orgruntime.compiler.facts import Facts
from orgruntime.diagnostics.codes import MODEL_NOT_GRANTED
from orgruntime.diagnostics.diagnostic import Findings
from orgruntime.model.manifest import RoleKind

CODE = MODEL_NOT_GRANTED


def check(facts: Facts, findings: Findings) -> None:
    for named in facts.named:
        role, file = facts.by_slug[named.ref.slug], facts.files[named.ref.slug]
        wishes = [node for node in file.model if node.text.strip() not in ("inherit", "default", *role.species)]
        if role.kind is RoleKind.AGENT and role.species and wishes:
            served = ", ".join(f"`{name}`" for name in role.species)
            message = f"the role asks for the model `{wishes[0].text.strip()}` and is served by {served}"
            help = "name the model in the cell `model` of its row if the org may have it"
            findings.add(CODE, wishes[0].span, message, help)
