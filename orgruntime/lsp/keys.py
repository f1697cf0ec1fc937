"""What each key of the front matter means, and which words it takes: for completion and hover. Reads nothing.

Works on the compiler's one table of keys; adds what the words of closed sets mean. Invariant: the keys are those of
that table, no more and no fewer.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from orgruntime.compiler import keys as table
from orgruntime.compiler.authority import DEFAULT_TOOLS
from orgruntime.compiler.hint_keys import HINTS as HINT_TABLE
from orgruntime.compiler.model_names import KEY_FREE
from orgruntime.model.appetite import PRESETS, SETTINGS
from orgruntime.model.claude import CURRENT, price_of
from orgruntime.model.manifest import Direction, Memory, RoleKind
from orgruntime.model.tools import BUILT_IN

SPECIES = {
    "search/tpe": "a tree-structured Parzen estimator over the constants of the editable files; no key, no network",
    "search/cmaes": "an evolution strategy over the constants of the editable files; no key, no network",
    "search/random": "random search over the constants of the editable files; the arm to beat",
    "digest/ledger": "writes memos from the ledger's facts; no key, no network",
    "control/null": "proposes changes that change nothing: shows what the noise alone would keep",
}
CLAUDE = {
    name: f"${price.input:g} and ${price.output:g} for a million tokens of input and output, at most"
    for name in CURRENT
    if (price := price_of(name)) is not None
}
TOOLS = {name: f"{what}; granted by default" if name in DEFAULT_TOOLS else what for name, what in BUILT_IN.items()}
KINDS = {
    RoleKind.AGENT.value: "thinks: takes ideas, hands off proposals, memos, notes",
    RoleKind.EXPERIMENT.value: "runs trials: takes a `proposal`, hands off a `result`",
    RoleKind.VERIFIER.value: "certifies on fresh pairs: takes a `result`, hands off a `verdict`",
    RoleKind.HUMAN.value: "a person",
}

MEMORIES = {
    Memory.NONE.value: "nothing: it begins anew with every inquiry",
    Memory.OWN.value: "its own earlier proposals",
    Memory.ORG.value: "all earlier proposals of the run, and the log of before it",
}


@dataclass(frozen=True)
class Key:
    """`values`: word → what it means, where the words are a closed or a usual set. `example` is offered as a value."""

    doc: str
    values: Mapping[str, str] = field(default_factory=dict)
    keys: Mapping[str, Key] = field(default_factory=dict)
    example: str = ""
    is_open: bool = False
    """A mapping whose names are the author's own."""


PRESET_WORDS = {
    preset.value: f"proof {one.false_champions:.2g}, exploration {one.exploration:.2g}, stakes {one.largest_stake:.2g}"
    for preset, one in PRESETS.items()
}
_RADIUS_WORDS = {
    word.value: f"{of.files} files, {of.lines} lines, {of.gpus:g} GPUs, {of.minutes:g} minutes"
    for word, of in ((setting, one.blast_radius) for setting, one in SETTINGS.items())
}
_WORDS = {
    **KINDS,
    **MEMORIES,
    **_RADIUS_WORDS,
    **PRESET_WORDS,
    Direction.MINIMIZE.value: "smaller is better",
    Direction.MAXIMIZE.value: "larger is better",
}
_MODELS = {**SPECIES, **CLAUDE}
_USUAL = {
    "models": _MODELS, "model": _MODELS, "tools": TOOLS,
    "human": {"yes": "the role is a person", "no": "it is none"},
}  # fmt: skip
"""Words for keys that take others as well."""


def _keys(of: table.Table) -> dict[str, Key]:
    return {
        key.name: Key(
            doc=_doc(key),
            values={word: _WORDS.get(word, "") for word in key.choices} or _USUAL.get(key.name, {}),
            keys=_keys(key.keys) if key.keys else {},
            example=key.example,
            is_open=key.kind in table.OPEN,
        )
        for key in of.keys
    }


def _doc(key: table.Key) -> str:
    default = f"; default: {key.default}" if key.default else ""
    return f"{key.meaning[:1].upper()}{key.meaning[1:]}{default}."


PROGRAM: Mapping[str, Key] = _keys(table.PROGRAM)
MODEL = PROGRAM["models"].keys
RESOURCES = _keys(table.RESOURCES)
HINTS = _keys(HINT_TABLE)
ROLE_BUDGET = _keys(table.ROLE_BUDGET)
ROLE: Mapping[str, Key] = {
    "name": Key("A name for people. The role's identity is the path of its file."),
    "description": Key("What the role is for, in one sentence."),
    "tools": Key("What the role asks for; only `program.md` grants. Absent: the org's set.", _USUAL["tools"]),
    "model": Key("A wish: granted where `models:` of program.md has it, by name or by what it means today."),
    "title": Key("Stands in for a missing description."),
    "org": Key("Hints for orgruntime; all of them can be given in the Roles table instead, which wins.", keys=HINTS),
    "metadata": Key("Free words of other tools. `metadata.org` is read as `org` where there is none.", is_open=True),
}

assert tuple(SPECIES) == KEY_FREE
