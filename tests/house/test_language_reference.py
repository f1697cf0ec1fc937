"""docs/language.md is the whole language: it names every key, default, payload, condition, dial and rule."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from orgruntime.compiler.hint_keys import HINTS, INPUT, ROLE_RISK
from orgruntime.compiler.keys import RESOURCES, ROLE_BUDGET, every_key
from orgruntime.compiler.tables import PAYLOAD_COLUMNS, ROLE_COLUMNS
from orgruntime.diagnostics.codes import CODES
from orgruntime.model.appetite import PRESETS
from orgruntime.model.manifest import RoleKind
from orgruntime.model.payload import BUILTIN_PAYLOADS, CONDITIONS, FieldType
from orgruntime.model.tools import BUILT_IN

TEXT = (Path(__file__).parents[2] / "docs" / "language.md").read_text(encoding="utf-8")
ROWS = {
    row[0].strip("`"): row[1:]
    for line in TEXT.split("\n")
    if line.startswith("| `") and (row := [cell.strip() for cell in line.strip("| ").split(" | ")])
}
KEYS = [(f"{where}.{key.name}" if where else key.name, key) for where, key in every_key()]
KEYS += [(f"org.risk.{key.name}", key) for key in ROLE_RISK.keys]
KEYS += [(f"org.inputs.NAME.{key.name}", key) for key in INPUT.keys]
KEYS += [(f"org.{key.name}", key) for key in HINTS.keys] + [
    (key.name, key) for key in (*RESOURCES.keys, *ROLE_BUDGET.keys)
]


def test_every_key_has_its_row() -> None:
    for path, key in KEYS:
        written, default, meaning = ROWS[path]
        assert default == ("**required**" if key.required else key.default), path
        assert meaning == key.meaning
        assert all(f"`{choice}`" in written for choice in key.choices), path
        assert key.example in written, path


def test_every_rule_has_its_row() -> None:
    for code, rule in CODES.items():
        assert ROWS[code][:2] == [rule.name, rule.severity]
        assert ROWS[code][2], code


def test_no_row_names_a_rule_that_does_not_exist() -> None:
    assert {name for name in ROWS if re.fullmatch(r"ORG\d+", name)} == {*CODES, "ORG504"}


@pytest.mark.parametrize("payload", list(BUILTIN_PAYLOADS.values()), ids=lambda payload: payload.name)
def test_a_payload_has_its_fields_and_conditions(payload) -> None:
    row = " ".join(ROWS[payload.name])
    assert all(f"`{field.name}`" in row for field in payload.fields)
    assert all(f"`{field.name}` (optional)" in row for field in payload.fields if not field.required)
    assert all(f"`{word}`" in row for word in CONDITIONS.get(payload.name, ()))


def test_columns_kinds_types_and_dials() -> None:
    assert all(name in ROWS or f"column `{name}`" in TEXT for name in (*ROLE_COLUMNS, *PAYLOAD_COLUMNS))
    assert "budget`, of a role" in ROWS
    assert all(f"`{tool}`" in TEXT.partition("## Authority")[2].partition("## JSON Schema")[0] for tool in BUILT_IN)
    assert all(f"`{kind}`" in ROWS["kind"][0] for kind in RoleKind)
    types = ROWS["type"][0]
    assert all(f"`{kind}`" in types for kind in FieldType if kind is not FieldType.CHOICE)
    assert "`choice: " in types
    dials = TEXT.partition("### Dials")[2].partition("## Sections")[0]
    assert all(f"| `{dial}` |" in dials for dial in type(next(iter(PRESETS.values()))).model_fields if dial != "preset")
