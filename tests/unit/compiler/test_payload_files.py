"""Payloads as JSON Schema: what is published is read back, and what a schema refuses the border refuses."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from orgruntime.compiler.declared import MOST_FIELDS, joined
from orgruntime.compiler.payload_files import read_schemas
from orgruntime.compiler.payloads import known_payloads
from orgruntime.compiler.schema import FOLDER, as_text, payload_schemas
from orgruntime.diagnostics.diagnostic import Findings
from orgruntime.model.payload import FieldType, PayloadField, PayloadType
from orgruntime.model.payload_schema import published
from orgruntime.orgfile.source import read_source
from orgruntime.runtime.payloads import faults

SHIPPED = Path(__file__).parents[3] / "orgruntime" / "compiler" / FOLDER


def read(org: Path, findings: Findings | None = None) -> dict[str, PayloadType]:
    said = Findings() if findings is None else findings
    return {one.payload.name: one.payload for one in joined((), read_schemas(org, "org", said, read_source), said)}


def write(org: Path, name: str, schema: Any) -> None:
    (org / "schemas").mkdir(exist_ok=True)
    text = schema if isinstance(schema, str) else json.dumps(schema)
    (org / "schemas" / f"{name}.schema.json").write_text(text, encoding="utf-8")


def test_every_payload_of_ours_is_published_as_it_is() -> None:
    shipped = {path.name.removesuffix(".schema.json"): path.read_text("utf-8") for path in SHIPPED.iterdir()}

    assert shipped == {name: as_text(schema) for name, schema in payload_schemas().items()}
    assert set(shipped) == set(known_payloads(()))


def fields(depth: int = 2) -> st.SearchStrategy[PayloadField]:
    names = st.from_regex(r"[a-z][a-z0-9_]{0,8}", fullmatch=True)
    said = {"name": names, "required": st.booleans(), "meaning": st.sampled_from(["", 'what it is: "so"'])}
    plain = [FieldType.STRING, FieldType.NUMBER, FieldType.INTEGER, FieldType.BOOLEAN, FieldType.METRIC]
    simple = st.builds(PayloadField, type=st.sampled_from(plain), **said)
    words = st.lists(st.sampled_from(["low", "high", "a b"]), min_size=1, unique=True).map(tuple)
    choice = st.builds(PayloadField, type=st.just(FieldType.CHOICE), choices=words, **said)
    if not depth:
        return simple | choice
    inner = some_fields(depth - 1)
    whole = st.builds(PayloadField, type=st.just(FieldType.OBJECT), fields=inner, **said)
    items = fields(depth - 1).map(lambda one: (one.model_copy(update={"name": "item", "required": True}),))
    listed = st.builds(PayloadField, type=st.just(FieldType.ARRAY), fields=items, **said)
    return simple | choice | whole | listed


def some_fields(depth: int = 2) -> st.SearchStrategy[tuple[PayloadField, ...]]:
    made = st.lists(fields(depth), max_size=4, unique_by=lambda one: one.name)
    return made.map(tuple)


@given(some_fields())
def test_what_is_published_is_read_back(
    tmp_path_factory: pytest.TempPathFactory, made: tuple[PayloadField, ...]
) -> None:
    org = tmp_path_factory.mktemp("org")
    payload = PayloadType(name="own", fields=made)
    write(org, "own", published(payload))
    findings = Findings()

    assert read(org, findings) == {"own": payload}
    assert list(findings) == []


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 3) | st.sampled_from([0.5, "low", "a b", "", "x/y"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abc"), inner, max_size=3),
    max_leaves=6,
)


@given(some_fields(1), st.data())
def test_what_the_schema_refuses_the_border_refuses(made: tuple[PayloadField, ...], data: st.DataObject) -> None:
    payload = PayloadType(name="own", fields=made)
    names = st.sampled_from([field.name for field in made] or ["x"])
    body = data.draw(st.dictionaries(names, JSON, max_size=4))

    is_valid = jsonschema.Draft202012Validator(published(payload)).is_valid(body)

    assert is_valid == (faults(payload, body) == [])


@pytest.mark.parametrize(
    ("kind", "good", "bad"),
    [
        (FieldType.PATH, ["a.py", "src/b.py", "..c"], ["", "/etc/passwd", "a/../../b", "a\0b", 3]),
        (FieldType.METRIC, [0, -1.5, 10**400], [float("nan"), float("inf"), True, "1"]),
        (FieldType.INTEGER, [0, 2.0, 10**400], [0.5, float("inf"), True, "1"]),
    ],
)
def test_types_that_json_has_not(kind: FieldType, good: list[Any], bad: list[Any]) -> None:
    payload = PayloadType(name="own", fields=(PayloadField(name="x", type=kind),))

    assert [value for value in good if faults(payload, {"x": value})] == []
    assert [value for value in bad if not faults(payload, {"x": value})] == []


def test_a_fault_deep_inside_names_the_way_to_it(tmp_path: Path) -> None:
    item = {"type": "object", "properties": {"size": {"type": "integer"}}, "required": ["size"]}
    write(tmp_path, "own", {"type": "object", "properties": {"parts": {"type": "array", "items": item}}})
    own = read(tmp_path)["own"]

    said = faults(own, {"parts": [{"size": 1}, {"size": 0.5}, {}]})

    assert said == [
        "`own.parts[1]`: `size` must be a whole number, not 0.5",
        "`own.parts[2]` lacks the field `size` (integer)",
    ]
    assert len(faults(own, {"parts": [{}] * 1000})) == 20


def test_a_link_out_of_the_org_is_not_followed(tmp_path: Path) -> None:
    org = tmp_path / "org"
    (org / "schemas").mkdir(parents=True)
    (tmp_path / "secret.json").write_text("hunter2", encoding="utf-8")
    os.symlink(tmp_path / "secret.json", org / "schemas" / "own.schema.json")
    findings = Findings()

    assert read(org, findings) == {}
    assert [(one.code, "hunter2" in one.message) for one in findings] == [("ORG102", False)]


@pytest.mark.parametrize("by_ref", [False, True], ids=["in one file", "over files"])
def test_references_that_double_are_bounded(tmp_path: Path, by_ref: bool) -> None:
    def two(target: str) -> dict[str, Any]:
        return {"type": "object", "properties": {"a": {"$ref": target}, "b": {"$ref": target}}}

    last = {"type": "object", "properties": {"x": {"type": "string"}}}
    if by_ref:
        for number in range(20):
            write(tmp_path, f"p{number:02}", two(f"p{number + 1:02}.schema.json"))
        write(tmp_path, "p20", last)
    else:
        parts = {f"P{number}": two(f"#/$defs/P{number + 1}") for number in range(20)}
        write(tmp_path, "own", {**two("#/$defs/P0"), "$defs": {**parts, "P20": last}})
    findings = Findings()
    read(tmp_path, findings)

    assert any(f"more than {MOST_FIELDS} fields" in one.message for one in findings)


@given(st.binary(max_size=300) | st.text(alphabet='{}[]:,"\\ud8 \n\ttypeobjc$ref#/', max_size=200).map(str.encode))
def test_any_bytes_are_answered(tmp_path_factory: pytest.TempPathFactory, data: bytes) -> None:
    org = tmp_path_factory.mktemp("org")
    (org / "schemas").mkdir()
    (org / "schemas" / "own.schema.json").write_bytes(data)
    findings = Findings()

    assert read(org, findings) or findings.has_errors


def test_halves_of_characters_are_put_together(tmp_path: Path) -> None:
    one = '{"type": "string", "description": "\\ud83d\\ude00 \\ud800 \\u001b[31m\\n so"}'
    write(tmp_path, "own", f'{{"type": "object",\t"properties": {{"a": {one}}}}}')

    assert read(tmp_path)["own"].fields[0].meaning == "\U0001f600 \ufffd [31m so"
