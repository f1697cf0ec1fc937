"""A model that a role file wishes for and does not get: only the program decides what is paid for."""

from __future__ import annotations

from orgruntime.compiler.facts import Facts
from orgruntime.compiler.model_names import current, grant_for_model, vendor
from orgruntime.compiler.species import KEY_FREE
from orgruntime.diagnostics.codes import MODEL_NOT_GRANTED
from orgruntime.diagnostics.diagnostic import Findings
from orgruntime.model.manifest import Role
from orgruntime.model.species import reference_to

CODE = MODEL_NOT_GRANTED

_ROW_DECIDES = "its row in `## Roles` says so; empty the cell `model` there if the file is to decide"


def check(facts: Facts, findings: Findings) -> None:
    for named, role, file in facts.agents():
        panel, wishes = file.hints.model, file.model
        missed = [node for node in panel or wishes if role.species and not _is_served(facts, role, node.text.strip())]
        if not panel and len(missed) < len(wishes):
            continue
        listed = ", ".join(f"`{name}`" for name in role.species)
        for node in missed if panel else missed[:1]:
            wish = node.text.strip()
            is_free = wish in KEY_FREE or grant_for_model(wish, facts.program.models) is not None
            why = "" if is_free else ", and the program grants no such model"
            message = f"the role asks for {_meaning(wish)}{why}: it is served by {listed}"
            findings.add(CODE, node.span, message, _ROW_DECIDES if is_free and named.row else _remedy(wish))


def _is_served(facts: Facts, role: Role, wish: str) -> bool:
    """Whether the role gets what it wishes for, by this name or by what it means today."""
    served = {*role.species, *(facts.served(name) for name in role.species)}
    found = grant_for_model(wish, facts.program.models)
    return wish in served or current(wish) in served or (found is not None and reference_to(found) in served)


def _meaning(wish: str) -> str:
    """A wish, and what it means today."""
    now, who = current(wish), vendor(wish)
    if now is not None and now != wish:
        return f"the model `{wish}`, which is `{now}` today"
    return f"the model `{wish}` of {who}" if who else f"the model `{wish}`"


def _remedy(wish: str) -> str:
    now = current(wish)
    if now is not None:
        name = wish if wish.isalnum() else now.split("-")[1]
        return f"nothing has to be done; to grant it, add `{name}: {now}` to `models:` in program.md"
    if vendor(wish):
        entry = f"{{NAME: {{model: {wish}, base_url: http://HOST:PORT}}}}"
        return (
            f"nothing has to be done; a server of yours that speaks the Messages API is granted in `models:`: `{entry}`"
        )
    return "nothing has to be done; to grant it, add it to `models:` in program.md, or to the cell `model` of its row"
