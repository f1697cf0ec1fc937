"""Front matter that is opened and never closed: the whole file would be taken for keys."""

from __future__ import annotations

from orgruntime.diagnostics.codes import UNTERMINATED_FRONT_MATTER
from orgruntime.diagnostics.diagnostic import Fault

CODE = UNTERMINATED_FRONT_MATTER


def never_closed() -> Fault:
    return Fault(CODE, "the front matter begins here and is never closed", "put a line `---` below its last key")
