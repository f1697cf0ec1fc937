"""What each key of the front matter means, and which words it takes: for completion and hover. Reads nothing.

Knows the language, no files. Invariant, held by a test: the compiler knows every key of this table, and the
table every key that the compiler knows.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from orgruntime.compiler.authority import DEFAULT_TOOLS
from orgruntime.compiler.species import KEY_FREE
from orgruntime.model.appetite import PRESETS
from orgruntime.model.manifest import Direction, RoleKind

SPECIES = {
    "search/tpe": "a tree-structured Parzen estimator over the constants of the editable files; no key, no network",
    "search/cmaes": "an evolution strategy over the constants of the editable files; no key, no network",
    "search/random": "random search over the constants of the editable files; the arm to beat",
    "digest/ledger": "writes memos from the ledger's facts; no key, no network",
    "control/null": "proposes changes that change nothing: shows what the noise alone would keep",
}
KINDS = {
    RoleKind.AGENT.value: "thinks: takes ideas, hands off proposals, memos, notes",
    RoleKind.EXPERIMENT.value: "runs trials: takes a `proposal`, hands off a `result`",
    RoleKind.VERIFIER.value: "certifies on fresh pairs: takes a `result`, hands off a `verdict`",
    RoleKind.HUMAN.value: "a person",
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


_PRESETS = dict(
    zip(
        (preset.value for preset in PRESETS),
        (
            "small bets, strong proof: 1 false champion in 100, 10 % exploration, 2 % stakes",
            "the default: 1 false champion in 20, 30 % exploration, 5 % stakes",
            "large bets, weak proof: 1 false champion in 5, 60 % exploration, 15 % stakes",
        ),
        strict=True,
    )
)
_DIALS = {
    "false_champions": ("Proof: the false discovery rate of champions, over the whole run.", "1 in 20"),
    "smallest_win": ("The smallest gain that a certificate may speak of, as a multiple of the noise.", "0.5"),
    "exploration": ("The share of GPU-seconds for long shots; at most 80 %.", "30%"),
    "optimism": ("The quantile of belief by which directions are chosen; at least 0.5.", "0.9"),
    "keep_per_rung": ("Patience: the share of running trials that survives each rung.", "1/2"),
    "largest_stake": ("The most of what is left of the budget that one trial may cost.", "5%"),
    "dry_spell": ("The share of the budget without a new champion after which the run pauses and asks.", "25%"),
}
_RADIUS = {
    "files": Key("The most files that a change may touch.", example="5"),
    "lines": Key("The most lines that a change may add and remove.", example="400"),
    "gpus": Key("The most GPUs that one trial may hold.", example="4"),
    "time": Key("The longest time limit of one trial.", example="1h"),
}


def _settings(dial: str) -> dict[str, str]:
    """The presets' names as words for one dial."""
    return {
        preset.value: f"as `{preset.value}` has it: {getattr(found, dial):.3g}" for preset, found in PRESETS.items()
    }


def _radii() -> dict[str, str]:
    found = {preset.value: appetite.blast_radius for preset, appetite in PRESETS.items()}
    return {
        name: f"{one.files} files, {one.lines} lines, {one.gpus:g} GPUs, {one.minutes:g} minutes"
        for name, one in found.items()
    }


_RISK = {
    "preset": Key("The preset that fills in every dial which is not set.", _PRESETS),
    **{name: Key(doc, _settings(name), example=example) for name, (doc, example) in _DIALS.items()},
    "blast_radius": Key("The largest change that needs no approval.", _radii(), _RADIUS),
}
_OBJECTIVE = {
    "metric": Key("The number to improve, one word as the run prints it.", example="val_loss"),
    "direction": Key(
        "Whether a smaller or a larger metric is better.",
        {
            Direction.MINIMIZE.value: "smaller is better",
            Direction.MAXIMIZE.value: "larger is better",
        },
    ),
    "target": Key("A certified champion at or past this number ends the run."),
    "min_effect": Key("The smallest improvement worth having, in the metric's units; default 0.", example="0.005"),
}
_WORKSPACE = {
    "source": Key("The folder or local git repository under research, relative to the org."),
    "editable": Key("Paths or globs that proposals may change; everything else is frozen.", example="[train.py]"),
    "setup": Key("A command that runs once a node, before the first trial.", example="python prepare.py"),
    "run": Key(
        "The command of one trial, with `{seed}` and `{budget}`, a fraction in (0, 1]. Not a shell line: no pipes.",
        example="python train.py --seed {seed} --budget {budget}",
    ),
    "verify": Key(
        "What only the verifier runs instead, with the same placeholders.",
        example="python train.py --seed {seed} --budget {budget} --split holdout",
    ),
    "time_limit": Key("The time limit of one trial, measured from outside; default `10m`.", example="10m"),
    "memory": Key("The most memory of one trial.", example="8 GiB"),
}
_BUDGET = {
    "trials": Key("The most trials of a run.", example="200"),
    "gpu_hours": Key("The most GPU hours: a number, or a time.", example="8"),
    "cpu_hours": Key("The most CPU hours: a number, or a time.", example="64"),
    "usd": Key("The most dollars for models.", example="20"),
    "tokens": Key("The most tokens of models.", example="5M"),
    "wall_clock": Key("The longest time from start to end.", example="8h"),
}
MODEL = {
    "model": Key("The species, or the model's name on the server at `base_url`.", SPECIES),
    "base_url": Key("A server that speaks the Messages API.", example="http://localhost:11434"),
    "key_env": Key("The name of the environment variable that holds the key; never the key."),
}
PROGRAM: Mapping[str, Key] = {
    "format": Key("The version of the language.", {"orgruntime/1": "what this release reads"}),
    "objective": Key("What the org improves.", keys=_OBJECTIVE),
    "workspace": Key("The repository under research: what may change, and how it is run.", keys=_WORKSPACE),
    "risk": Key("The risk appetite: a preset, or a mapping of dials.", _PRESETS, _RISK),
    "budget": Key("Bounds of a run: at least one of trials, GPU, CPU or wall-clock time.", keys=_BUDGET),
    "models": Key("Names of the org for species; `default` serves roles that name none.", SPECIES, MODEL, is_open=True),
    "tools": Key(
        f"What roles may get; default `{', '.join(DEFAULT_TOOLS)}`. A role asks, and only the program grants.",
        dict.fromkeys(DEFAULT_TOOLS, "granted unless the program says otherwise"),
    ),
    "imports": Key("Roles of the shared library, such as `lib/referee`."),
}
RESOURCES = {
    "gpus": Key("GPUs that a trial reserves; fractions are allowed.", example="1"),
    "cpus": Key("CPUs that a trial reserves; default 1.", example="4"),
    "memory": Key("Memory that a trial reserves.", example="8 GiB"),
    "minutes": Key("The time limit of a trial of this role.", example="30"),
    "accelerator": Key("The kind of GPU.", example="H100"),
}
HINTS = {
    "kind": Key("What the role does in the loop.", KINDS),
    "count": Key("Desks of an agent: how many inquiries it serves at once.", example="2"),
    "model": Key("What stands behind the role. The cell of the Roles table wins.", SPECIES),
    "tools": Key("What the role asks for; only `program.md` grants.", dict.fromkeys(DEFAULT_TOOLS, "")),
    "resources": Key("What a trial of the role reserves.", keys=RESOURCES),
    "title": Key("A name for people."),
}
ROLE: Mapping[str, Key] = {
    "name": Key("A name for people. The role's identity is the path of its file."),
    "description": Key("What the role is for, in one sentence."),
    "tools": Key(
        "What the role asks for; only `program.md` grants. Absent: the org's set.", dict.fromkeys(DEFAULT_TOOLS, "")
    ),
    "model": Key("A wish that other tools obey. Here the Roles table or `org.model` decides."),
    "title": Key("Stands in for a missing description."),
    "org": Key("Hints for orgruntime; all of them can be given in the Roles table instead, which wins.", keys=HINTS),
    "metadata": Key("Free words of other tools. `metadata.org` is read as `org` where there is none.", is_open=True),
}

assert tuple(SPECIES) == KEY_FREE
