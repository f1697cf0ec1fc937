"""A path that holds no org and no role files."""

from __future__ import annotations

from orgruntime.diagnostics.codes import NOT_AN_ORG
from orgruntime.diagnostics.diagnostic import Fault

CODE = NOT_AN_ORG

_PATH = "check the path"


def no_folder(path: str, *, exists: bool) -> Fault:
    what = "is not a folder" if exists else "does not exist"
    return Fault(CODE, f"`{path}` {what}", "give the folder that holds `program.md`")


def no_program(folder: str, program: str, near: str | None) -> Fault:
    """`near`: a file that is nearly called like one."""
    help = f"rename `{near}` to `{program}`" if near else "`orgrun init` makes a small working org"
    return Fault(CODE, f"the folder `{folder}` has no `{program}`", help)


def unreadable(path: str, reason: str) -> Fault:
    return Fault(CODE, f"cannot read `{path}`: {reason}", f"{_PATH} and its permissions")


def no_markdown(folder: str) -> Fault:
    message = f"the folder `{folder}` has no markdown files"
    return Fault(CODE, message, "give a folder of role files, or an org")


def no_such_path(path: str) -> Fault:
    return Fault(CODE, f"`{path}` does not exist", _PATH)
