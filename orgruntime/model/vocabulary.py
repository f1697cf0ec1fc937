"""The closed sets of words that files are written in: what they stand for is in the nouns that hold them.

Works on enums alone and imports no other noun, so that whoever reads one file's words pays for no models. Invariant:
the values are the language; one that is renamed or dropped changes the format.
"""

from __future__ import annotations

from enum import StrEnum


class Direction(StrEnum):
    MINIMIZE = "minimize"
    MAXIMIZE = "maximize"

    def gain(self, old: float, new: float) -> float:
        """How much better `new` is than `old`; positive is better in either direction."""
        return old - new if self is Direction.MINIMIZE else new - old


class RoleKind(StrEnum):
    AGENT = "agent"
    EXPERIMENT = "experiment"
    VERIFIER = "verifier"
    HUMAN = "human"


class Memory(StrEnum):
    """What an agent is shown of what was tried before."""

    NONE = "none"
    OWN = "own"
    """Its own proposals."""
    ORG = "org"
    """All proposals of the run, and the log of before it."""


class Choice(StrEnum):
    """How a step of a role with several models is given to one of them."""

    TURNS = "turns"
    """Desk i is served by species[i % len(species)]."""
    SHARES = "shares"
    """Each model gets its share of the role's steps."""
    RESULTS = "results"
    """By gain for each dollar and GPU-second, at the quantile of the optimism dial."""


class Effort(StrEnum):
    """How long a model thinks, where it can. Not every model knows every word."""

    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"
    XHIGH = "xhigh"
    MAX = "max"


class Preset(StrEnum):
    CAUTIOUS = "cautious"
    BALANCED = "balanced"
    BOLD = "bold"


class Setting(StrEnum):
    """The words for one dial, the least willing first: five levels as public bodies order their appetite in, and the
    presets, of which `balanced` is as `open` and `bold` as `eager`."""

    AVERSE = "averse"
    MINIMAL = "minimal"
    CAUTIOUS = "cautious"
    BALANCED = "balanced"
    OPEN = "open"
    BOLD = "bold"
    EAGER = "eager"


class FieldType(StrEnum):
    STRING = "string"
    NUMBER = "number"
    BOOLEAN = "boolean"
    CHOICE = "choice"
    ARRAY = "array"
    OBJECT = "object"
    INTEGER = "integer"
    """A whole number."""
    PATH = "path"
    """A string: a path below the workspace, with `/`."""
    METRIC = "metric"
    """A number: finite."""
    REF = "ref"
    """An object with the fields of another payload."""
