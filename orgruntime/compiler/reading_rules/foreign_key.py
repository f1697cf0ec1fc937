"""Keys of a role file that belong to other programs: named once, and left alone."""

from __future__ import annotations

from collections.abc import Iterable

from orgruntime.diagnostics.codes import FOREIGN_KEY
from orgruntime.diagnostics.diagnostic import Fault

CODE = FOREIGN_KEY


def not_read(names: Iterable[str]) -> Fault:
    listed = ", ".join(f"`{name}`" for name in names)
    return Fault(CODE, f"keys of other programs, which are not read here: {listed}", "nothing has to be done")
