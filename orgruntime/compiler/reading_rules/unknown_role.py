"""A link to a role file that is not there."""

from __future__ import annotations

from orgruntime.diagnostics.codes import UNKNOWN_ROLE
from orgruntime.diagnostics.diagnostic import Fault

CODE = UNKNOWN_ROLE


def no_role_file(href: str) -> Fault:
    return Fault(CODE, f"`{href}` is not a role file", "link a markdown file such as `roles/researcher.md`")


def no_library(href: str) -> Fault:
    message = f"`{href}` is in the shared library, and there is none"
    return Fault(CODE, message, "a library is a folder `roles/` above the org")


def missing(href: str, near: str | None, shared: str | None) -> Fault:
    """`near`: an own role file of nearly this name; `shared`: a role of the library."""
    message = f"the role file `{href}` does not exist"
    if near:
        return Fault(CODE, message, f"did you mean `{near}`?", instead=near)
    if shared:
        return Fault(CODE, message, f"the shared library has `lib/{shared}`: list it in `imports:`")
    return Fault(CODE, message, "create it, or mend the link")
