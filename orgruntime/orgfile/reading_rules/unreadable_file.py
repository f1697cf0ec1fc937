"""A file whose text cannot be had: no file, not allowed, or larger than any file of words."""

from __future__ import annotations

from orgruntime.diagnostics.codes import UNREADABLE_FILE
from orgruntime.diagnostics.diagnostic import Fault

CODE = UNREADABLE_FILE

_DATA = "keep data out of markdown files"


def not_regular(file: str) -> Fault:
    return Fault(CODE, f"`{file}` is not a regular file", "put a text file in its place")


def too_large(file: str) -> Fault:
    return Fault(CODE, f"`{file}` is larger than 1 MiB", _DATA)


def too_long(file: str, most: int) -> Fault:
    return Fault(CODE, f"`{file}` is longer than {most:,} characters; what follows is not read", _DATA)


def failed(file: str, reason: str) -> Fault:
    return Fault(CODE, f"cannot read `{file}`: {reason}", "check its permissions")


def leads_out(file: str) -> Fault:
    message = f"`{file}` leads out of the folder that the editor has opened, and is not read"
    return Fault(CODE, message, "copy the file in, or open the folder that holds it")


def leaves_the_org(file: str) -> Fault:
    return Fault(CODE, f"`{file}` leads out of the org, and is not read", "put a copy of the file there")
