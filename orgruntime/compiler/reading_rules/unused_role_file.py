"""A role file that the program does not name."""

from __future__ import annotations

from orgruntime.diagnostics.codes import UNUSED_ROLE_FILE
from orgruntime.diagnostics.diagnostic import Fault

CODE = UNUSED_ROLE_FILE


def without_work(slug: str) -> Fault:
    message = f"the program does not name the role `{slug}`, so it has no work"
    return Fault(CODE, message, "name it in `## Roles` or `## Workflow` if it is to have some")
