"""A model that a role file wishes for by another name than the program grants it by: an alias, or an old pin.

In a file of no org nothing is granted, and an old pin is told all the same.
"""

from __future__ import annotations

from orgruntime.compiler.facts import Facts
from orgruntime.compiler.model_names import current, grant_for_model
from orgruntime.compiler.rolefile import RoleFile
from orgruntime.compiler.species import KEY_FREE
from orgruntime.diagnostics.codes import MODEL_TRANSLATED
from orgruntime.diagnostics.diagnostic import Findings

CODE = MODEL_TRANSLATED


def check(facts: Facts, findings: Findings) -> None:
    for named, role, file in facts.agents():
        if named.row and named.row.panel.names:
            continue
        for node in file.hints.model or file.model:
            wish = node.text.strip()
            found = None if wish in KEY_FREE else grant_for_model(wish, facts.program.models)
            is_served = found is not None and bool({found.name, found.species} & set(role.species))
            if found is not None and is_served and wish not in (found.name, found.species):
                message = f"`{wish}` is taken for `{found.species}`, which the program grants as `{found.name}`"
                findings.add(CODE, node.span, message, "nothing has to be done")


def report_old_pins(file: RoleFile, findings: Findings) -> None:
    """Of a file that belongs to no org: names of old models, with what they mean in one."""
    for node in file.hints.model or file.model:
        now, wish = current(node.text), node.text.strip()
        if now is not None and wish != now and any(char.isdigit() for char in wish):
            message = f"`{wish}` is the name of an older model; an org takes it for `{now}`"
            findings.add(CODE, node.span, message, "nothing has to be done")
