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


class Offer(NamedTuple):
    """An entry of `models:`. `reference`: how a role that it serves calls it."""

    name: str
    species: str
    reference: str


class Terms(NamedTuple):
    """What the program says to the wishes of its roles. `servers`: of tools, as it declares them."""

    grants: tuple[str, ...]
    servers: tuple[str, ...]
    offers: tuple[Offer, ...]
    is_drawn: bool
    """Whether there may be a diagram in it, which shows the names of roles."""


class Standing(NamedTuple):
    """What a role is, as far as the wishes of its file are judged by it. `species`: those that serve it."""

    kind: str
    species: tuple[str, ...]
    has_row: bool
    row_has_models: bool


class Wished(NamedTuple):
    """What becomes of the wishes of a role's file: the model that it would get, and what is said of all of them."""

    standing: Standing
    model: str
    found: tuple[Diagnostic, ...]


class Part(NamedTuple):
    """A role file: its bytes, all of it that others are judged by, and what was found in its own words.

    Some of it others see only under some `Terms`: its name, the tools that it asks for and denies itself, the models.
    """

    sha256: str
    outline: str
    name: str
    tools: str
    models: str
    found: tuple[Diagnostic, ...]
