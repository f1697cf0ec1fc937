"""The JSON Schema and the compiler: one truth, so that an editor never praises what `check` refuses to read."""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from orgruntime.compiler import compile_org, read_role_files, words
from orgruntime.compiler.hint_keys import HINTS
from orgruntime.compiler.keys import (
    BLAST_RADIUS,
    BUDGET,
    MODEL,
    OBJECTIVE,
    PRICE,
    PROGRAM,
    RESOURCES,
    RISK,
    SERVER,
    WORKSPACE,
    Kind,
    Table,
    every_key,
)
from orgruntime.compiler.overrides import _READERS
from orgruntime.compiler.schema import as_text, program_schema, role_schema, shipped
from orgruntime.compiler.words import OutOfRange, Unclear
from orgruntime.diagnostics.diagnostic import Severity
from orgruntime.model.amounts import Budget
from orgruntime.model.appetite import PRESETS, Appetite, BlastRadius, Preset
from orgruntime.model.manifest import ModelSpec, Objective, Price, Resources, ToolServer, WorkspaceSpec

ROOT = Path(__file__).parents[3]
VALIDATOR = jsonschema.Draft202012Validator(program_schema())
GOOD: dict[str, Any] = {
    "format": "orgruntime/1",
    "objective": {"metric": "val_loss", "direction": "minimize", "target": 2.0, "min_effect": "5e-3"},
    "workspace": {
        "source": "../lab", "editable": ["train.py"], "run": "python train.py --seed {seed}", "time_limit": "1m30s",
        "memory": "2 GiB",
    },
    "risk": {
        "preset": "bold", "false_champions": "1 in 20", "exploration": "30 %", "optimism": 0.9, "smallest_win": "bold",
        "blast_radius": {"files": 3, "lines": "1k", "gpus": 0.5, "time": "2h"},
    },
    "budget": {"trials": "5k", "gpu_hours": 8, "cpu_hours": "90m", "usd": 20, "tokens": "5M", "wall_clock": "8h"},
    "models": {
        "default": "search/tpe",
        "local": {
            "model": "q3", "base_url": "http://localhost:1", "key_env": "KEY", "context": "32k", "max_output": 4096,
            "price": {"input": 0.2, "output": "1", "cache_read": 0}, "effort": "low", "concurrency": 2,
        },
    },
    "tools": "Read, Grep, mcp__papers",
    "tool_names": {"web_search": "mcp__papers__find"},
    "mcp_servers": {"papers": {"command": ["python", "serve.py"]}},
}  # fmt: skip


class Core(yaml.SafeLoader):
    """YAML 1.2's core schema, as editors read it."""


Core.yaml_implicit_resolvers = {}
for tag, pattern, first in (
    ("bool", r"true|True|TRUE|false|False|FALSE", "tTfF"),
    ("null", r"~|null|Null|NULL|", ["~", "n", "N", ""]),
    ("int", r"[-+]?[0-9]+|0x[0-9a-fA-F]+", "-+0123456789"),
    ("float", r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?|[-+]?\.inf|\.nan", "-+.0123456789"),
):
    Core.add_implicit_resolver(f"tag:yaml.org,2002:{tag}", re.compile(rf"^(?:{pattern})$"), list(first))
Core.add_constructor(
    "tag:yaml.org,2002:float", lambda loader, node: float(node.value.replace(".inf", "inf").replace(".nan", "nan"))
)
Core.add_constructor(
    "tag:yaml.org,2002:int", lambda loader, node: int(node.value, 0) if "x" in node.value else int(node.value)
)


def errors(org: Path, front: str) -> list[str]:
    """What the compiler refuses."""
    program = org / "program.md"
    body = program.read_text().split("---\n", 2)[2]
    program.write_text(f"---\n{front}---\n{body}")
    found = compile_org(org).diagnostics
    return [f"{one.code} {one.message}" for one in found if one.severity is Severity.ERROR]


def agree(org: Path, front: str) -> None:
    refused = [error.message for error in VALIDATOR.iter_errors(yaml.load(front, Core))]
    assert not refused or errors(org, front), (front, refused)


def holders(node: Any) -> Iterator[dict[str, Any]]:
    if isinstance(node, dict):
        yield node
        for value in node.values():
            yield from holders(value)


scalars = st.one_of(
    st.sampled_from(
        ["", "60s", "8h", "90", "1 in 20", "30 %", "1/2", "bold", "Bold", "minimise", "maximize", "5M", "2 GiB", "4GB",
         "0.5 x noise", "-1", "1e400", ".inf", ".nan", "true", "yes", "~", "1_000", "0x10", "٣", "60 s", "inf", "1.",
         "0.5×", "http://x", "KEY", "search/tpe", "orgruntime/1", " 60s ", "1h 30 min", "5 parsecs", "12:30"]
    ),
    st.integers(-3, 10**7), st.floats(-2, 3), st.booleans(), st.none(), st.text(max_size=4),
)  # fmt: skip
values = st.one_of(scalars, st.lists(scalars, max_size=2), st.dictionaries(st.sampled_from(list(PROGRAM)), scalars))
names = st.sampled_from(sorted({key.name for _, key in every_key()} | {"metrc", "webhook", "Trials"}))


@st.composite
def fronts(draw: st.DrawFn) -> str:
    """Front matters a few changes away from a good one, in a spelling of PyYAML's or quoted throughout."""
    front = copy.deepcopy(GOOD)
    for _ in range(draw(st.integers(0, 3))):
        holder = draw(st.sampled_from(list(holders(front))))
        change = draw(st.sampled_from(["set", "add", "remove"]))
        if change == "add" or not holder:
            holder[draw(names)] = draw(values)
        elif change == "set":
            holder[draw(st.sampled_from(sorted(holder)))] = draw(values)
        else:
            del holder[draw(st.sampled_from(sorted(holder)))]
    return yaml.safe_dump(front, sort_keys=False, allow_unicode=True)


@settings(
    max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(front=fronts())
@example(front=yaml.safe_dump(GOOD, sort_keys=False))
def test_what_the_schema_refuses_the_compiler_refuses(org: Path, front: str) -> None:
    agree(org, front)


def test_a_good_program_passes_both(org: Path) -> None:
    front = yaml.safe_dump(GOOD, sort_keys=False)
    assert list(VALIDATOR.iter_errors(yaml.load(front, Core))) == []
    assert errors(org, front) == []


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("webhook", "off"),
        ("format", "orgruntime/9"),
        ("objective.metrc", "x"),
        ("objective.metric", "validation loss"),
        ("objective.direction", "down"),
        ("objective.target", "low"),
        ("workspace.run", ["python", "train.py"]),
        ("workspace.time_limit", 60),
        ("workspace.memory", "4"),
        ("risk", "bald"),
        ("risk.exploration", 0.9),
        ("risk.blast_radius.files", 0),
        ("budget", 100),
        ("budget.trials", 1.5),
        ("budget.usd", -1),
        ("models.default", None),
        ("models.local", {"base_url": "http://x"}),
        ("models.local.effort", "hihg"),
        ("models.local.price", {"input": 1}),
        ("models.local.context", 0),
        ("mcp_servers.papers", "python serve.py"),
        ("mcp_servers.papers.url", "localhost"),
        ("tools", {"Read": True}),
        ("tool_names", "Read"),
        ("tool_names.web_search", ["Read"]),
    ],
)
def test_both_refuse(org: Path, path: str, value: Any) -> None:
    front: Any = copy.deepcopy(GOOD)
    *outer, last = path.split(".")
    holder = front
    for key in outer:
        holder = holder[key]
    holder[last] = value
    text = yaml.safe_dump(front, sort_keys=False)
    assert list(VALIDATOR.iter_errors(yaml.load(text, Core)))
    assert errors(org, text)


@pytest.mark.parametrize("key", ["format", "objective", "workspace"])
def test_both_want(org: Path, key: str) -> None:
    front = {name: value for name, value in GOOD.items() if name != key}
    assert list(VALIDATOR.iter_errors(front))
    assert errors(org, yaml.safe_dump(front, sort_keys=False))


def test_the_shipped_file_is_current() -> None:
    """`orgrun schema > orgruntime/compiler/program.schema.json` writes it again."""
    assert shipped() == as_text(program_schema())


def test_schemas_are_schemas() -> None:
    for schema in (program_schema(), role_schema()):
        jsonschema.Draft202012Validator.check_schema(schema)
        assert json.loads(as_text(schema)) == schema


@pytest.mark.parametrize("path", sorted(ROOT.glob("orgs/*/program.md")), ids=lambda path: path.parent.name)
def test_shipped_programs_pass(path: Path) -> None:
    front = yaml.load(path.read_text(encoding="utf-8").split("---\n", 2)[1], Core)
    assert list(VALIDATOR.iter_errors(front)) == []


def test_roles_of_other_tools_pass_and_hints_are_closed() -> None:
    validator = jsonschema.Draft202012Validator(role_schema())
    assert list(validator.iter_errors({"name": "x", "tools": ["a"], "color": "blue", "org": {"kind": "agent"}})) == []
    assert list(validator.iter_errors({"org": {"kind": "judge"}}))
    assert list(validator.iter_errors({"org": {"colour": "blue"}}))
    assert list(validator.iter_errors({"metadata": {"org": {"colour": "blue"}, "owner": "us"}}))


GOOD_HINTS: dict[str, Any] = {
    "kind": "agent", "count": "×2", "model": ["search/tpe"], "tools": "Read, Grep", "title": "Chief",
    "resources": {"gpus": 0.5, "memory": "8 GiB"}, "produces": "idea, note", "consumes": ["idea"],
    "hands_off_to": ["referee"], "risk": {"preset": "cautious", "blast_radius": {"files": 2}},
    "inputs": {"topic": "attention", "depth": {"type": "number", "default": 3, "meaning": "how deep"}},
    "human": False, "memory": "own", "was": "chief",
}  # fmt: skip
BAD_HINTS: tuple[dict[str, Any], ...] = (
    {"human": "perhaps"}, {"memory": "8 GiB"}, {"risk": "bald"}, {"risk": {"exploration": 0.3}}, {"produces": {"a": 1}},
    {"inputs": {"topic": {"typ": "string"}}}, {"inputs": ["topic"]}, {"was": {"old": "name"}}, {"count": "many"},
    {"resources": {"gpu": 1}}, {"risk": {"blast_radius": {"files": 0}}}, {"title": ["a"]},
)  # fmt: skip


def test_every_hint_is_in_the_schema_and_good_ones_pass() -> None:
    validator = jsonschema.Draft202012Validator(role_schema())
    assert set(GOOD_HINTS) == set(HINTS)
    assert list(validator.iter_errors({"org": GOOD_HINTS})) == []
    for presets in ("bold", {"blast_radius": "cautious"}):
        assert list(validator.iter_errors({"org": {"risk": presets, "human": "yes", "inputs": {"n": 3}}})) == []


@pytest.mark.parametrize("hints", BAD_HINTS, ids=str)
def test_what_the_schema_of_hints_refuses_the_reader_refuses(hints: dict[str, Any], tmp_path: Path) -> None:
    (tmp_path / "ann.md").write_text(f"---\nname: Ann\norg: {json.dumps(hints)}\n---\nWords.\n")
    validator = jsonschema.Draft202012Validator(role_schema())
    assert list(validator.iter_errors({"org": hints}))
    found = read_role_files([tmp_path / "ann.md"]).diagnostics
    assert any(one.severity is Severity.ERROR for one in found), found


AMOUNTS = {
    Kind.NUMBER: (words.NUMBER, words.number),
    Kind.WHOLE: (words.WHOLE, words.whole),
    Kind.TIME: (words.TIME, words.duration),
    Kind.MEMORY: (words.MEMORY, words.mebibytes),
    Kind.SHARE: (words.SHARE, words.share),
    Kind.NOISE: (words.TIMES_NOISE, words.times_noise),
}
near_amounts = st.text(alphabet="0123456789.eE+-_ %/×xksmhdMGiBnoisepar", max_size=12)


@pytest.mark.parametrize("kind", list(AMOUNTS))
@settings(max_examples=80, deadline=None)
@given(data=st.data())
def test_patterns_are_what_the_readers_take(kind: Kind, data: st.DataObject) -> None:
    pattern, reader = AMOUNTS[kind]
    text = data.draw(st.one_of(near_amounts, st.from_regex(pattern, fullmatch=True))).strip()
    try:
        reader(text)
        taken = True
    except OutOfRange:
        return
    except Unclear:
        taken = False
    fits = re.fullmatch(pattern, text) is not None
    assert fits or not taken
    assert taken or not fits or kind is Kind.WHOLE


def tables(table: Table) -> Iterator[Table]:
    yield table
    for key in table.keys:
        if key.keys is not None:
            yield from tables(key.keys)


def test_every_key_says_what_it_is() -> None:
    for table in (*tables(PROGRAM), *tables(HINTS)):
        assert len(set(table)) == len(list(table))
        for key in table.keys:
            assert key.meaning
            assert key.required or key.default or key.name in ("title", "meaning"), key.name


def test_the_table_has_the_fields_of_the_nouns() -> None:
    """A field that nobody can write, or a key that is bound to nothing, would be a second truth."""
    assert set(OBJECTIVE) == set(Objective.model_fields)
    assert set(RISK) == set(Appetite.model_fields)
    assert {name.removesuffix("_s").removesuffix("_mb") for name in WorkspaceSpec.model_fields} == set(WORKSPACE)
    assert {"minutes" if name == "time" else name for name in BLAST_RADIUS} == set(BlastRadius.model_fields)
    assert set(BUDGET) == set(_READERS)
    assert {field for field, _, _ in _READERS.values()} == set(Budget.model_fields)
    # `accelerator: H100 or A100` is the type and its fallbacks.
    resources = set(Resources.model_fields) - {"fallbacks"}
    assert {name.removesuffix("_mb") for name in resources} | {"minutes"} == set(RESOURCES)
    assert set(MODEL) - {"model"} == set(ModelSpec.model_fields) - {"name", "species"}
    assert set(PRICE) == set(Price.model_fields)
    assert set(SERVER) == set(ToolServer.model_fields) - {"name"}


@pytest.mark.parametrize("name", [key.name for key in RISK.keys if key.kind in (Kind.SHARE, Kind.NOISE)])
@given(value=st.floats(-1, 2))
def test_a_dial_has_the_range_of_its_field(name: str, value: float) -> None:
    """Above, a multiple of the noise is bounded for people alone."""
    balanced = PRESETS[Preset.BALANCED].model_dump()
    try:
        Appetite(**{**balanced, name: value})
        fits = True
    except ValueError:
        fits = False
    assert RISK[name].range.holds(value) == fits
