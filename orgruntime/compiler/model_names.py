"""How role files of other programs name models, and what that means today: aliases, dated pins, other vendors.

Works on words; grants nothing and calls nothing. Invariant: a name is translated only where it names a family of models
beyond doubt, and a translation is said by whoever uses it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from enum import StrEnum
from typing import Protocol, TypeVar

from orgruntime.diagnostics.nearest import edit_distance
from orgruntime.diagnostics.pattern import pattern
from orgruntime.model.claude import CURRENT as LATEST
from orgruntime.model.claude import KNOWN

KEY_FREE = ("search/tpe", "search/cmaes", "search/random", "digest/ledger", "control/null")
"""Species that cost nothing, so that a role gets them without a grant."""

CURRENT = {
    "opus": "claude-opus-5-5",
    "sonnet": "claude-sonnet-5-5",
    "haiku": "claude-haiku-5-5",
    "fable": "claude-fable-5-2",
}
"""Family → its current model."""

_MOST_OF_A_VERSION = 9
_DATED = pattern(r"-20\d{6}$")

NONE_OF_ITS_OWN = ("inherit", "default", "auto")
"""Words by which a file asks for what the org serves everybody with."""

_ALIASES = {"opusplan": "opus", "best": "opus"}
_BESIDE = {
    "claude", "anthropic", "latest", "preview", "thinking", "copilot", "us", "eu", "apac", "global", "bedrock",
    "vertex", "openrouter", "models", "v1", "v2", "1m", "fast",
}  # fmt: skip
"""Words that stand beside a family and a version in the names of servers and editors."""
_VENDORS = (
    ("OpenAI", r"gpt|chatgpt|codex|o[1345](?:-|$)|openai"),
    ("Google", r"gemini|gemma|google"),
    ("xAI", r"grok|xai|x-ai"),
    ("Meta", r"llama|meta"),
    ("Mistral", r"mistral|mixtral|codestral|devstral|magistral"),
    ("DeepSeek", r"deepseek"),
    ("Alibaba", r"qwen|qwq|alibaba"),
    ("Moonshot", r"kimi|moonshot"),
    ("Zhipu", r"glm|z-ai|zhipu"),
    ("Cohere", r"command|cohere"),
    ("Microsoft", r"phi-?\d|microsoft|mai-"),
    ("NVIDIA", r"nemotron|nvidia"),
)


def family(name: str) -> str | None:
    """`sonnet` of `sonnet`, `Claude Sonnet 4.5 (copilot)`, `anthropic/claude-sonnet-4-20250514`; else None."""
    words = re.findall(r"[a-z0-9]+", name.casefold())
    families = [_ALIASES.get(word, word) for word in words if _ALIASES.get(word, word) in CURRENT]
    others = [word for word in words if _ALIASES.get(word, word) not in CURRENT]
    is_plain = all(word in _BESIDE or word.isdigit() for word in others)
    return families[0] if len(families) == 1 and is_plain else None


def current(name: str) -> str | None:
    """The model that a name of a known family means today; None for other names."""
    found = family(name)
    return CURRENT[found] if found else None


def vendor(name: str) -> str | None:
    """Whose model a name is that is none of Anthropic's."""
    words = re.sub(r"\s+", "-", name.casefold().strip())
    return next((who for who, pattern in _VENDORS if re.match(rf"(?:\S*[/:])?(?:{pattern})", words)), None)


class Doubt(StrEnum):
    """What is wrong with a name by which a program would have Anthropic's API asked for a model."""

    OLD = "old"
    """Of a generation before the current one, or of a day."""
    ALIAS = "alias"
    """A family, or another program's name of a model: no server knows it."""
    FOREIGN = "foreign"
    SLIP = "slip"
    UNKNOWN = "unknown"


def doubt(name: str) -> tuple[Doubt, str] | None:
    """What is doubtful about a model's name, and what may be meant: an id, or whose model it is.

    None for a known model, and for what may be a release that is younger than the table.
    """
    if name in LATEST:
        return None
    if current(name) is not None:
        return _doubt_of_family(name, current(name) or "")
    if who := vendor(name):
        return Doubt.FOREIGN, who
    if near := near_model(name):
        return Doubt.SLIP, CURRENT.get(near, near)
    return None if name.startswith("claude-") else (Doubt.UNKNOWN, "")


def _doubt_of_family(name: str, now: str) -> tuple[Doubt, str] | None:
    version = tuple(int(part) for part in re.findall(r"-(\d{1,7})(?=-|$)", name))
    if not name.startswith("claude-") or not version:
        return Doubt.ALIAS, now
    if any(part > _MOST_OF_A_VERSION for part in version):
        return Doubt.SLIP, near_model(name) or now
    return (Doubt.OLD, now) if _DATED.search(name) or version <= _version(now) else None


def near_model(name: str, others: Iterable[str] = ()) -> str | None:
    """The name of `others`, the family or the id of a known model that a name is a slip or two away from."""
    text = name.casefold()
    known = (*others, *CURRENT, *KNOWN)
    close = [one for one in known if abs(len(one) - len(text)) <= 2 and min(len(one), len(text)) > 3]
    slips = {one: edit_distance(text, one.casefold()) for one in close}
    near = min(slips, key=slips.__getitem__, default=None)
    return near if near and 0 < slips[near] <= (1 if len(near) < 6 else 2) else None


def _version(name: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", name))


class Entry(Protocol):
    """An entry of `models:`."""

    @property
    def name(self) -> str: ...
    @property
    def species(self) -> str: ...


E = TypeVar("E", bound=Entry)


def grant_for_model(wish: str, models: tuple[E, ...]) -> E | None:
    """The entry of `models:` that grants what a file wishes for: by its name, its species, the model that the wish
    means today, or a model of that family."""
    text, now, kin = wish.strip(), current(wish), family(wish)
    ways: tuple[Callable[[E], bool], ...] = (
        lambda model: model.name.casefold() == text.casefold(),
        lambda model: model.species.casefold() == text.casefold(),
        lambda model: now is not None and model.species == now,
        lambda model: kin is not None and family(model.species) == kin,
    )
    return next((model for way in ways for model in models if way(model)), None)
