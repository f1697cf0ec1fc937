"""A foreign organization as values: its roles, what they say of each other, and the fate of every file.

Knows no folder and no rule. Invariant: every file that was found has exactly one fate, and each hint has its place.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from pathlib import Path
from typing import Any, Self

from orgruntime.compiler.model_names import current
from orgruntime.compiler.rolefile import RoleFile
from orgruntime.diagnostics.diagnostic import Diagnostic


class Fate(StrEnum):
    """What became of a file."""

    ROLE = "role"
    """Its bytes are a role of the draft."""
    READ = "read"
    """It was read for what it says of the roles; its bytes stay where they are."""
    REFUSED = "refused"
    """It should be read, and has a fault that no reader may mend in silence."""
    LEFT = "left"
    """It is no role."""


@dataclass(frozen=True)
class FileFate:
    """`path` is relative to the folder that was read, `stored` to the org that is drafted."""

    path: str
    fate: Fate
    why: str
    stored: str | None = None
    sha256: str = ""

    def as_json(self) -> dict[str, Any]:
        return {"path": self.path, "fate": self.fate, "why": self.why, "stored": self.stored, "sha256": self.sha256}


class Way(StrEnum):
    """How one role sends another work."""

    HANDS = "hands"
    """The work moves on."""
    ASKS = "asks"
    """Call and return."""


@dataclass(frozen=True)
class Hint:
    """One place where a file says that work goes between its role and another, which it names.

    `incoming`: the named role sends the work. `slug`: the named role, where it was named by the path of its file.
    """

    role: str
    name: str
    way: Way
    origin: str
    """A key such as `handoffs:`, or the heading of the list."""
    file: str
    line: int
    quote: str
    incoming: bool = False
    slug: str | None = None
    why_not: str = ""
    """Set where the words can name no role: a wildcard, a file that is not there."""

    @property
    def place(self) -> str:
        return f"{self.file}:{self.line}"

    def as_json(self) -> dict[str, Any]:
        names = ("role", "name", "way", "origin", "file", "line", "quote", "incoming")
        return {name: getattr(self, name) for name in names}


@dataclass(frozen=True)
class Declared:
    """What a role asks for, in its own words. None and empty: it says nothing."""

    model: tuple[str, ...] = ()
    tools: tuple[str, ...] | None = None
    kind: str = ""
    limits: tuple[str, ...] = ()
    """Turns, time, money: `maxTurns: 20`."""
    others: tuple[str, ...] = ()
    """Further settings that nothing here reads."""

    def as_json(self) -> dict[str, Any]:
        tools = None if self.tools is None else list(self.tools)
        today = [current(name) for name in self.model]
        return {
            "model": list(self.model), "model_today": today, "tools": tools, "kind": self.kind or None,
            "limits": list(self.limits), "others": list(self.others),
        }  # fmt: skip


@dataclass(frozen=True)
class ForeignRole:
    """`stored` is the path of its bytes in the draft; `path` where they were found."""

    slug: str
    path: str
    stored: str
    file: RoleFile = field(repr=False)
    declared: Declared = Declared()
    title: str = ""
    names: tuple[str, ...] = ()
    """What others may call it, beside its slug."""

    @property
    def name(self) -> str:
        return self.file.name


@dataclass(frozen=True)
class Notice:
    """What a person must see before trusting the draft: something that could be executed, or that is missing."""

    file: str
    line: int
    what: str

    def as_json(self) -> dict[str, Any]:
        return {"file": self.file, "line": self.line, "what": self.what}


@dataclass(frozen=True)
class Foreign:
    """Everything that was found below `root`."""

    root: Path
    title: str
    mission: str
    goals: tuple[str, ...]
    roles: tuple[ForeignRole, ...]
    hints: tuple[Hint, ...]
    files: tuple[FileFate, ...]
    notices: tuple[Notice, ...] = ()
    remarks: tuple[Diagnostic, ...] = ()
    """Repairs and warnings of the reading, with their places."""
    looked_in: tuple[str, ...] = (".",)
    """Folders below the root that were read; nothing beside them was looked at."""

    def without(self, refused: Mapping[str, str]) -> Self:
        """The same, without the roles of these slugs: each file is refused for the reason that is given."""
        paths = {role.path: refused[role.slug] for role in self.roles if role.slug in refused}
        return replace(
            self,
            roles=tuple(role for role in self.roles if role.slug not in refused),
            hints=tuple(hint for hint in self.hints if hint.role not in refused),
            files=tuple(
                replace(file, fate=Fate.REFUSED, why=paths[file.path], stored=None) if file.path in paths else file
                for file in self.files
            ),
        )

    def count(self, fate: Fate) -> int:
        return sum(file.fate is fate for file in self.files)
