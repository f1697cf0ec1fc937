"""Three bytes that some editors put before the first character. They say nothing and are skipped."""

from __future__ import annotations

from orgruntime.diagnostics.codes import BYTE_ORDER_MARK
from orgruntime.diagnostics.diagnostic import Fault
from orgruntime.diagnostics.fixes import Edit, Fix
from orgruntime.diagnostics.span import Span

CODE = BYTE_ORDER_MARK


def skipped(file: str) -> Fault:
    fix = Fix("delete the byte-order mark", (Edit(Span(file, 1, 0, 1, 1), ""),))
    message = "the file begins with a byte-order mark, which is skipped"
    return Fault(CODE, message, "nothing has to be done; `orgrun fix` deletes it", fix=fix)
