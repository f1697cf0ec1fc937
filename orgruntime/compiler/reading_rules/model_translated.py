"""A model that a role file wishes for by another name than the program grants it by: an alias, or an old pin.

In a file of no org nothing is granted, and an old pin is told all the same.
"""

from __future__ import annotations

from orgruntime.diagnostics.codes import MODEL_TRANSLATED
from orgruntime.diagnostics.diagnostic import Fault

CODE = MODEL_TRANSLATED


def granted_as(wish: str, species: str, name: str) -> Fault:
    return Fault(
        CODE, f"`{wish}` is taken for `{species}`, which the program grants as `{name}`", "nothing has to be done"
    )


def old_pin(wish: str, now: str) -> Fault:
    return Fault(CODE, f"`{wish}` is the name of an older model; an org takes it for `{now}`", "nothing has to be done")
