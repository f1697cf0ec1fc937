"""What a markdown file of an org is called, and what is kept of one. Reads nothing, and imports what costs no time."""

from __future__ import annotations

from typing import NamedTuple

from orgruntime.diagnostics.diagnostic import Diagnostic

PROGRAM = "program.md"


class FileReport(NamedTuple):
    """What a markdown file of the org is: `program`, `role` or `not-a-role`, and why."""

    path: str
    kind: str
    slug: str | None
    why: str


class Terms(NamedTuple):
    """What the program says to the wishes of its roles. `servers`: those that it declares."""

    grants: tuple[str, ...]
    servers: tuple[str, ...]


class Wished(NamedTuple):
    """What is said of the tools that the file of a role asks for. `kind`: of the role."""

    kind: str
    found: tuple[Diagnostic, ...]


class Part(NamedTuple):
    """A role file: its bytes, all of it that others are judged by, and what was found in its own words."""

    sha256: str
    outline: str
    wishes: str
    """The tools that it asks for and denies itself. They matter to what is `Wished`, and to servers."""
    found: tuple[Diagnostic, ...]
