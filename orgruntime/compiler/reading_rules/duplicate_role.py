"""Two roles of one name: the path below the folder of roles is the identity."""

from __future__ import annotations

from orgruntime.diagnostics.codes import DUPLICATE_ROLE
from orgruntime.diagnostics.diagnostic import Fault

CODE = DUPLICATE_ROLE


def two_files(file: str, other: str, slug: str) -> Fault:
    message = f"`{file}` and `{other}` would both be the role `{slug}`"
    return Fault(CODE, message, "link one file everywhere, or rename one of them")


def beside(other: str, slug: str) -> Fault:
    return Fault(CODE, f"`{other}` is the role `{slug}` already", "rename one of the two files")


def second_row(slug: str, line: int) -> Fault:
    help = "keep one row, with `count: 2` for two desks; another role needs a file of its own"
    return Fault(CODE, f"the role `{slug}` has a row already, in line {line}", help)
