"""A hint that names a role by a former slug: it is followed."""

from __future__ import annotations

from orgruntime.diagnostics.codes import RENAMED_ROLE
from orgruntime.diagnostics.diagnostic import Fault

CODE = RENAMED_ROLE


def followed(name: str, now: str) -> Fault:
    message = f"the role `{name}` is called `{now}` now, and is taken for it"
    return Fault(CODE, message, f"nothing has to be done; `orgrun fix --unsafe` writes `{now}`", instead=now)
