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
    """Whether there may be a diagram in it, which shows names and desks of roles."""
    radius: tuple[float, ...]
    """The blast radius of the org: the numbers of `BlastRadius`, in their order."""
    tool_names: tuple[tuple[str, str], ...]
    """What roles call a tool, in lower case, and the tool that is meant."""
    are_called: bool
    """Whether a role is looked for by what it is called, or was."""
    slugs: tuple[str, ...] = ()
    """Of all role files of the org."""


class Standing(NamedTuple):
    """What a role is, as far as the wishes of its file are judged by it. `species`: those that serve it."""

    kind: str
    species: tuple[str, ...]
    has_row: bool
    row_has_models: bool
    is_sure: bool = True
    """Whether the kind that its row gives is one."""
    cells: tuple[str, ...] = ()
    """What its row says, by the names of hints."""
    gives: tuple[str, ...] = ()
    """Payloads of its handoffs and cadences, sorted; `takes`: of those to it, and ideas where those of the queue come
    to it."""
    takes: tuple[str, ...] = ()
    targets: tuple[str, ...] = ()
    """The roles to which it has a handoff, sorted."""


class Wished(NamedTuple):
    """What becomes of the wishes of a role's file: the model that it would get, and what is said of all of them.

    `is_quiet`: its other hints change nothing for others, and nothing is said of them, as long as nobody else is or was
    called what this role was: `former`.
    """

    standing: Standing
    model: str
    is_quiet: bool
    former: tuple[str, ...]
    found: tuple[Diagnostic, ...]


class Part(NamedTuple):
    """A role file: its bytes, all of it that others are judged by, and what was found in its own words.

    Some of it others see only under some `Terms`: what is drawn of it, the tools that it asks for and denies itself,
    the models, and the `hints`, which can be quiet. `leading`: those of them that count for a role without work too.
    """

    sha256: str
    outline: str
    drawn: str
    tools: str
    models: str
    hints: str
    leading: str
    found: tuple[Diagnostic, ...]
