"""A model that a role file wishes for and does not get: only the program decides what is paid for."""

from __future__ import annotations

from collections.abc import Iterable

from orgruntime.compiler.model_names import current, vendor
from orgruntime.diagnostics.codes import MODEL_NOT_GRANTED
from orgruntime.diagnostics.diagnostic import Fault

CODE = MODEL_NOT_GRANTED

_ROW_DECIDES = "its row in `## Roles` says so; empty the cell `model` there if the file is to decide"


def asked_for(wish: str, served: Iterable[str], *, is_free: bool, has_row: bool) -> Fault:
    """`is_free`: it needs no grant, or has one. `served`: what the role is served by instead."""
    why = "" if is_free else ", and the program grants no such model"
    listed = ", ".join(f"`{name}`" for name in served)
    message = f"the role asks for {_meaning(wish)}{why}: it is served by {listed}"
    return Fault(CODE, message, _ROW_DECIDES if is_free and has_row else _remedy(wish))


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
