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


class Part(NamedTuple):
    """A role file: its bytes, all of it that others are judged by, and what was found in its own words."""

    sha256: str
    outline: str
    found: tuple[Diagnostic, ...]
