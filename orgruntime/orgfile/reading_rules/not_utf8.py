"""Bytes that are not UTF-8: no two programs agree on the text that they stand for."""

from __future__ import annotations

from orgruntime.diagnostics.codes import NOT_UTF8
from orgruntime.diagnostics.diagnostic import Fault

CODE = NOT_UTF8


def bad_byte(byte: int, offset: int, *, looks_wide: bool) -> Fault:
    """`looks_wide`: the file begins as UTF-16 does."""
    help = "save the file as UTF-8" + ("; it looks like UTF-16" if looks_wide else "")
    return Fault(CODE, f"the file is not UTF-8 text: byte 0x{byte:02x} at offset {offset}", help)
