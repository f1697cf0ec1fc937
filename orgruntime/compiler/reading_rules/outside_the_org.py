"""A link to a role file that leads out of the folders in which roles are looked for."""

from __future__ import annotations

from orgruntime.diagnostics.codes import OUTSIDE_THE_ORG
from orgruntime.diagnostics.diagnostic import Fault

CODE = OUTSIDE_THE_ORG


def elsewhere(href: str, near: str | None) -> Fault:
    """`near`: an own role file of nearly this name."""
    message = f"`{href}` is neither below `roles/` nor in the shared library"
    help = f"did you mean `{near}`?" if near else "put role files below `roles/`, or use the shared library"
    return Fault(CODE, message, help, instead=near or "")


def above_library(href: str) -> Fault:
    return Fault(CODE, f"`{href}` leaves the shared library", "link a file below the library's `roles/`")


def leaving_link(href: str) -> Fault:
    message = f"`{href}` is a symbolic link that leaves the role folder"
    return Fault(CODE, message, "copy the file in; links may not leave the folder of roles")
