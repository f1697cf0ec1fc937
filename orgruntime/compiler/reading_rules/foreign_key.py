"""Keys of a role file that belong to other programs: named once, and left alone."""

from __future__ import annotations

from collections.abc import Iterable

from orgruntime.compiler.dialects import FOREIGN
from orgruntime.compiler.hint_keys import HINTS
from orgruntime.diagnostics.codes import FOREIGN_KEY
from orgruntime.diagnostics.diagnostic import Fault

CODE = FOREIGN_KEY


def not_read(names: Iterable[str]) -> Fault:
    names = tuple(names)
    listed = ", ".join(f"`{name}`" for name in names)
    ours = next((f"`org: {{{name}: …}}`" for name in names if name in HINTS and name not in FOREIGN), "")
    help = f"nothing has to be done, unless what is meant is our own key: {ours}" if ours else "nothing has to be done"
    return Fault(CODE, f"keys of other programs, which are not read here: {listed}", help)
