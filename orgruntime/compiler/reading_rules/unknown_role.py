"""A link to a role file that is not there."""

from __future__ import annotations

from collections.abc import Iterable

from orgruntime.diagnostics.codes import UNKNOWN_ROLE
from orgruntime.diagnostics.diagnostic import Fault
from orgruntime.diagnostics.nearest import did_you_mean, nearest

CODE = UNKNOWN_ROLE


def no_role_file(href: str, near: str | None) -> Fault:
    """`near`: an own role file of nearly this name."""
    help = f"did you mean `{near}`?" if near else "link a markdown file such as `roles/researcher.md`"
    return Fault(CODE, f"`{href}` is not a role file", help, instead=near or "")


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


def renamed(href: str, now: str) -> Fault:
    """`now`: the role file that says it was called so before."""
    return Fault(CODE, f"the role file `{href}` was renamed", f"it is `{now}` now", instead=now)


def no_such_slug(name: str, known: Iterable[str]) -> Fault:
    known = tuple(known)
    help = did_you_mean(name, known) or "name a file below `roles/`, without `.md`"
    return Fault(CODE, f"no role is called `{name}`", help, instead=nearest(name, known) or "")
