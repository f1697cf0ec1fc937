"""Every key of the front matter of `program.md`, and of what a trial reserves: the one table of them. Those below
`org:` of a role file are in `hint_keys.py`.

The compiler takes from here which keys are known, which must be there and in which range a number may lie; the JSON
Schema is generated from it; a test holds the reference to it. Reads nothing. Invariant: a key that is not in the table
is an error wherever it stands.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from enum import StrEnum
from typing import NamedTuple

from orgruntime.model.vocabulary import Direction, Effort, Preset, Setting

FORMAT = "orgruntime/1"
METRIC = r"[A-Za-z_][A-Za-z0-9_.@/-]*"
"""How the name of a metric may look, so that it can be told in what a trial prints."""


MOST_ITEMS = 500
"""Of a list in front matter."""


class Kind(StrEnum):
    """How a value is written. `words.py` has the readers of the amounts, by the same names."""

    TEXT = "text"
    METRIC = "metric"
    CHOICE = "choice"
    NUMBER = "number"
    NOT_NEGATIVE = "number of 0 or more"
    COUNT = "whole number of at least 1"
    WHOLE = "whole number of 0 or more"
    DESKS = "count, or ×count"
    POSITIVE = "number above 0"
    HOURS = "hours"
    TIME = "time"
    MEMORY = "memory"
    SHARE = "share"
    NOISE = "multiple of the noise"
    ADDRESS = "http address"
    VARIABLE = "name of an environment variable"
    LIST = "list of words"
    COMMAS = "list of words, or words parted by commas"
    MAPPING = "mapping"
    MODELS = "mapping of names to models"
    SERVERS = "mapping of names to tool servers"
    TOOL_NAMES = "mapping of names to tools"
    RESOURCES = "resources"
    INPUTS = "mapping of names to inputs"
    YES_NO = "yes or no"


OPEN = (Kind.MODELS, Kind.SERVERS, Kind.TOOL_NAMES, Kind.INPUTS)
"""Mappings whose names are the author's own; `keys`, where there are any, are those of each entry."""


class Range(NamedTuple):
    """Where a number may lie; None is no bound."""

    low: float | None = None
    high: float | None = None
    open_low: bool = False
    open_high: bool = False

    def holds(self, value: float) -> bool:
        if self.low is not None and (value <= self.low if self.open_low else value < self.low):
            return False
        return self.high is None or (value < self.high if self.open_high else value <= self.high)

    def __str__(self) -> str:
        """`at least 0.5 and below 1`."""
        left = "" if self.low is None else f"{'above' if self.open_low else 'at least'} {self.low:g}"
        right = "" if self.high is None else f"{'below' if self.open_high else 'at most'} {self.high:g}"
        return " and ".join(part for part in (left, right) if part)


class Key(NamedTuple):
    """`choices` beside `keys` are words that may stand in place of the mapping. `meaning`, `default`: for people."""

    name: str
    kind: Kind
    meaning: str
    default: str = ""
    required: bool = False
    choices: tuple[str, ...] = ()
    keys: Table | None = None
    range: Range = Range()
    example: str = ""


class Table:
    """The closed set of keys of one mapping. Iterates over their names."""

    def __init__(self, keys: tuple[Key, ...]) -> None:
        self.keys = keys

    def __iter__(self) -> Iterator[str]:
        return iter(key.name for key in self.keys)

    def __getitem__(self, name: str) -> Key:
        return next(key for key in self.keys if key.name == name)

    @property
    def required(self) -> tuple[str, ...]:
        return tuple(key.name for key in self.keys if key.required)


PRESETS = tuple(preset.value for preset in Preset)
SETTINGS = tuple(setting.value for setting in Setting)
_SHARE = Range(0, 1, open_low=True)

OBJECTIVE = Table(
    (
        Key(
            "metric",
            Kind.METRIC,
            "the number to improve, named as the run prints it",
            required=True,
            example="val_loss",
        ),
        Key("direction", Kind.CHOICE, "which way is better", required=True, choices=tuple(Direction)),
        Key("target", Kind.NUMBER, "a certified champion at or past it ends the run", "none", example="2.02"),
        Key(
            "min_effect",
            Kind.NOT_NEGATIVE,
            "the smallest improvement worth having, in the metric's units",
            "0",
            example="0.005",
        ),
    )
)

WORKSPACE = Table(
    (
        Key(
            "source",
            Kind.TEXT,
            "a folder or a local git repository, relative to the org",
            required=True,
            example="../lab",
        ),
        Key(
            "editable",
            Kind.LIST,
            "files that proposals may change, as paths or patterns below the source",
            required=True,
            example="[train.py]",
        ),
        Key(
            "setup",
            Kind.TEXT,
            "command, once a node and version of the frozen files; no placeholders",
            "none",
            example="python prepare.py",
        ),
        Key(
            "run",
            Kind.TEXT,
            "command of a trial, with {seed} and {budget}",
            required=True,
            example="python train.py --seed {seed}",
        ),
        Key(
            "verify",
            Kind.TEXT,
            "command that only the verifier runs; same placeholders",
            "`run`",
            example="python train.py --seed {seed} --split holdout",
        ),
        Key("time_limit", Kind.TIME, "the longest that a trial may take, measured from outside", "10m", example="60s"),
        Key("memory", Kind.MEMORY, "the most memory that a trial may take", "no limit", example="8 GiB"),
    )
)

BLAST_RADIUS = Table(
    (
        Key("files", Kind.COUNT, "changed files", "the preset's", example="5"),
        Key("lines", Kind.COUNT, "added plus removed lines", "the preset's", example="400"),
        Key("gpus", Kind.NOT_NEGATIVE, "GPUs of one trial", "the preset's", example="4"),
        Key("time", Kind.TIME, "time limit of one trial", "the preset's", example="1h"),
    )
)

RISK = Table(
    (
        Key("preset", Kind.CHOICE, "where dials that are not set come from", "balanced", choices=PRESETS),
        Key(
            "false_champions",
            Kind.SHARE,
            "how many champions may be false, over the run",
            "the preset's",
            range=Range(0, 1, True, True),
            example="1 in 20",
        ),
        Key(
            "smallest_win",
            Kind.NOISE,
            "the smallest gain that a certificate may speak of",
            "the preset's",
            range=Range(0, 100),
            example="0.5 x noise",
        ),
        Key(
            "exploration",
            Kind.SHARE,
            "share of GPU time for long shots",
            "the preset's",
            range=Range(0, 0.8),
            example="30%",
        ),
        Key(
            "optimism",
            Kind.SHARE,
            "quantile by which directions, roles and models are judged",
            "the preset's",
            range=Range(0.5, 1, open_high=True),
            example="0.9",
        ),
        Key(
            "keep_per_rung",
            Kind.SHARE,
            "share of running trials that survives each rung",
            "the preset's",
            range=_SHARE,
            example="1/2",
        ),
        Key(
            "largest_stake",
            Kind.SHARE,
            "the most of what is left that one experiment may cost",
            "the preset's",
            range=_SHARE,
            example="5%",
        ),
        Key(
            "dry_spell",
            Kind.SHARE,
            "share of the budget without a new champion, then pause and ask",
            "the preset's",
            range=_SHARE,
            example="25%",
        ),
        Key(
            "blast_radius",
            Kind.MAPPING,
            "the largest change that needs no approval",
            "the preset's",
            choices=SETTINGS,
            keys=BLAST_RADIUS,
        ),
    )
)

BUDGET = Table(
    (
        Key("trials", Kind.COUNT, "trials", "no bound", example="200"),
        Key("gpu_hours", Kind.HOURS, "reserved GPUs × time", "no bound", example="8"),
        Key("cpu_hours", Kind.HOURS, "reserved CPUs × time", "no bound", example="90m"),
        Key("usd", Kind.NOT_NEGATIVE, "dollars for models", "no bound", example="20"),
        Key("tokens", Kind.WHOLE, "tokens of models", "no bound", example="5M"),
        Key("wall_clock", Kind.TIME, "time while a driver is alive", "no bound", example="8h"),
    )
)

PRICE = Table(
    (
        Key("input", Kind.NOT_NEGATIVE, "dollars for a million tokens of input", required=True, example="4"),
        Key("output", Kind.NOT_NEGATIVE, "dollars for a million tokens of output", required=True, example="20"),
        Key("cache_read", Kind.NOT_NEGATIVE, "the same for input read from a cache", "as `input`", example="0.2"),
        Key("cache_write", Kind.NOT_NEGATIVE, "the same for input written to a cache", "as `input`", example="5"),
    )
)

MODEL = Table(
    (
        Key("model", Kind.TEXT, "its name at the server", required=True, example="qwen3"),
        Key(
            "base_url",
            Kind.ADDRESS,
            "a server that speaks the Messages API",
            "Anthropic's",
            example="http://localhost:11434",
        ),
        Key(
            "key_env",
            Kind.VARIABLE,
            "the environment variable that holds the key; never the key",
            "ANTHROPIC_API_KEY, none with a server of its own",
            example="LOCAL_KEY",
        ),
        Key(
            "price",
            Kind.MAPPING,
            "what its tokens cost",
            "the shipped price of a Claude model; nothing with a server of its own",
            keys=PRICE,
            example="{input: 4, output: 20}",
        ),
        Key("context", Kind.COUNT, "the most tokens of one call, answer included", "see below", example="64k"),
        Key("max_output", Kind.COUNT, "the most tokens of one answer", "see below", example="8k"),
        Key(
            "effort",
            Kind.CHOICE,
            "how long it thinks, where it can",
            "as the model does by itself",
            choices=tuple(Effort),
        ),
        Key("concurrency", Kind.COUNT, "calls at once, over the run", "no bound", example="4"),
        Key(
            "fallback",
            Kind.TEXT,
            "the model that is asked when this one cannot answer: a name of `models`, or a Claude model",
            "none",
            example="local",
        ),
    )
)

SERVER = Table(
    (
        Key(
            "command",
            Kind.LIST,
            "what starts a local server, in the sandbox of trials; paths below the org",
            "none",
            example="[python, tools/papers.py]",
        ),
        Key(
            "url",
            Kind.ADDRESS,
            "a server that the driver reaches over HTTP",
            "none",
            example="https://tools.example.org/mcp",
        ),
        Key(
            "key_env",
            Kind.VARIABLE,
            "the environment variable that holds the token of a `url`; never the token",
            "none",
            example="PAPERS_TOKEN",
        ),
    )
)

PROGRAM = Table(
    (
        Key("format", Kind.CHOICE, "the version of this language", required=True, choices=(FORMAT,)),
        Key("objective", Kind.MAPPING, "what is to be improved", required=True, keys=OBJECTIVE),
        Key("workspace", Kind.MAPPING, "what is under research", required=True, keys=WORKSPACE),
        Key(
            "risk", Kind.MAPPING, "the appetite: a preset, or dials one by one", "balanced", choices=PRESETS, keys=RISK
        ),
        Key(
            "budget",
            Kind.MAPPING,
            "the bounds of a run; without one that trials use up, `orgrun run` refuses",
            "no bound",
            keys=BUDGET,
        ),
        Key(
            "models",
            Kind.MODELS,
            "names of the org for species; `default` serves roles that name none",
            "none",
            keys=MODEL,
            example="{default: search/tpe}",
        ),
        Key(
            "tools",
            Kind.COMMAS,
            "what roles may get",
            "Read, Grep, Edit, Ledger",
            example="[Read, Grep, Edit, Ledger]",
        ),
        Key(
            "tool_names",
            Kind.TOOL_NAMES,
            "what role files call a tool by another name; it translates, and grants nothing",
            "the names that other programs are known by",
            example="{web_search: mcp__papers__search}",
        ),
        Key(
            "mcp_servers",
            Kind.SERVERS,
            "servers of more tools, by name; granted in `tools` as `mcp__NAME` or `mcp__NAME__TOOL`",
            "none",
            keys=SERVER,
            example="{papers: {command: [python, tools/papers.py]}}",
        ),
        Key(
            "network",
            Kind.COMMAS,
            "roles whose trials get the network of their nodes; it is off for all others",
            "none",
            example="[trainer, referee]",
        ),
        Key("imports", Kind.LIST, "roles of the shared library", "none", example="[lib/referee]"),
        Key("requires", Kind.TEXT, "releases of orgruntime that can run the org", "any", example="orgruntime>=0.1,<1"),
    )
)

_OURS = {*PROGRAM} - {"tools", "mcp_servers", "network"}
"""Keys that nobody else's front matter has, as far as is known."""


def is_ours(names: Iterable[str]) -> bool:
    """Whether front matter with these keys is an org's, and not that of another program's prose."""
    return not _OURS.isdisjoint(names)


RESOURCES = Table(
    (
        Key("gpus", Kind.NOT_NEGATIVE, "GPUs, also a part of one", "0", example="0.5"),
        Key("nodes", Kind.COUNT, "nodes that a trial spans: it takes the rest of this of each", "1", example="2"),
        Key("cpus", Kind.NOT_NEGATIVE, "CPUs", "1", example="4"),
        Key("memory", Kind.MEMORY, "memory", "not reserved", example="8 GiB"),
        Key("minutes", Kind.POSITIVE, "time limit of a trial of this role", "`workspace.time_limit`", example="30"),
        Key(
            "accelerator",
            Kind.TEXT,
            "type of accelerator, by Ray's name, and what serves where no node has it; a run measures on one type",
            "any",
            example="H100 or A100",
        ),
        Key(
            "labels",
            Kind.TEXT,
            "conditions on the labels of the node, with blanks between them",
            "none",
            example="zone=eu-1/eu-2 market!=spot",
        ),
    )
)

ROLE_BUDGET = Table(
    (
        Key("usd", Kind.NOT_NEGATIVE, "dollars for the models of a role", "the run's bound alone", example="5"),
        Key("tokens", Kind.WHOLE, "tokens of the models of a role", "the run's bound alone", example="2M"),
    )
)

_MEANT = {
    "lower": "minimize", "min": "minimize", "minimum": "minimize", "down": "minimize", "decrease": "minimize",
    "higher": "maximize", "max": "maximize", "maximum": "maximize", "up": "maximize", "increase": "maximize",
    "timeout": "time_limit", "time": "time_limit", "command": "run", "cmd": "run", "script": "run", "path": "source",
    "repo": "source", "repository": "source", "folder": "source", "files": "editable", "edit": "editable",
    "install": "setup", "prepare": "setup", "eval": "verify", "evaluate": "verify", "goal": "objective",
    "obj": "objective", "medium": "balanced", "moderate": "balanced", "normal": "balanced", "neutral": "balanced",
    "low": "cautious", "safe": "cautious", "conservative": "cautious", "high": "bold", "aggressive": "bold",
    "appetite": "risk", "profile": "preset", "level": "preset", "limits": "budget", "cost": "usd", "dollars": "usd",
    "time_budget": "wall_clock", "hours": "wall_clock", "runs": "trials", "experiments": "trials", "model": "models",
    "api_key": "key_env", "key": "key_env", "url": "base_url", "mode": "direction", "version": "format",
    "desks": "count", "replicas": "count", "verify": "verifier", "judge": "verifier", "trainer": "experiment",
    "person": "human", "llm": "agent", "mem": "memory", "ram": "memory", "nnodes": "nodes", "num_nodes": "nodes",
    "hosts": "nodes", "project": "org", "team": "org", "all": "org", "self": "own", "local": "own",
    "outputs": "produces", "accepts": "consumes", "handoffs": "hands_off_to", "parameters": "inputs", "renamed": "was",
    "mcpServers": "mcp_servers", "mcp-servers": "mcp_servers", "mcp": "mcp_servers",
    "mcpservers": "mcp_servers", "tool_aliases": "tool_names", "aliases": "tool_names", "tool_map": "tool_names",
    "max_tokens": "max_output", "context_window": "context", "context_length": "context",
    "reasoning_effort": "effort", "thinking": "effort", "max_concurrency": "concurrency", "fallbacks": "fallback",
    "cost_per_token": "price", "prices": "price", "pricing": "price",
}  # fmt: skip
"""Words that people write for one of ours, from the formats and command lines that they come from."""


def meant(word: str) -> str | None:
    """Our word for another one of the same meaning. It may not be known where `word` stands."""
    return _MEANT.get(word)


def homes(name: str) -> tuple[str, ...]:
    """Where in the program's front matter a key of this name belongs: `("budget",)` for `trials`; "" is the top."""
    return tuple(where for where, key in every_key() if key.name == name)


def every_key() -> Iterator[tuple[str, Key]]:
    """(path of the mapping, key) of all keys of the program, outer ones first."""
    return _below("", PROGRAM)


def _below(where: str, table: Table) -> Iterator[tuple[str, Key]]:
    for key in table.keys:
        yield where, key
    for key in table.keys:
        if key.keys is not None:
            inner = f"{where}.{key.name}" if where else key.name
            yield from _below(f"{inner}.NAME" if key.kind in OPEN else inner, key.keys)
