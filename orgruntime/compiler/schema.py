"""The JSON Schema of the front matter, generated from the table of keys, and those of payloads. Writes no file.

Knows how each kind of value is written. Invariant: what the schema refuses the compiler refuses too; the compiler also
refuses what no schema can see (files that are not there, references, budgets that one trial exceeds).
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable
from importlib.resources import files
from typing import Any

from orgruntime.compiler import words
from orgruntime.compiler.hint_keys import HINTS
from orgruntime.compiler.keys import METRIC, MOST_ITEMS, PROGRAM, SETTINGS, Key, Kind, Range, Table
from orgruntime.compiler.payloads import known_payloads
from orgruntime.model.payload_schema import DIALECT, published

FILE = "program.schema.json"
FOLDER = "schemas"
"""Where the schemas of payloads lie, one a file."""

Schema = dict[str, Any]

_WORD: Schema = {"type": ["string", "number", "boolean"]}
"""YAML reads `1.5` and `true` as no strings; as names they are fine."""


def program_schema() -> Schema:
    """The front matter of `program.md`."""
    return {
        "$schema": DIALECT,
        "title": "The front matter of program.md (orgruntime/1)",
        "description": "Unknown keys are errors. `orgrun check` also sees what no schema can: files, references, sums.",
        **_mapping(PROGRAM),
    }


def role_schema() -> Schema:
    """The front matter of a role file: any key may be there, and what stands under `org:` is closed."""
    text = {"type": ["string", "null"]}
    org = _mapping(HINTS)
    listed = {"anyOf": [_WORD, {"type": "null"}, {"type": "array", "items": _WORD}, {"type": "object"}]}
    return {
        "$schema": DIALECT,
        "title": "The front matter of a role file (orgruntime/1)",
        "type": "object",
        "properties": {
            "name": text,
            "description": text,
            "tools": listed,
            "model": listed,
            "org": org,
            "metadata": {"properties": {"org": org}},
        },
    }


def payload_schemas() -> dict[str, Schema]:
    """What is handed off, by name: the built-in payloads and the standard set."""
    return {name: published(payload) for name, payload in known_payloads(()).items()}


def as_text(schema: Schema) -> str:
    """The schema as it is written to files."""
    return json.dumps(schema, indent=1, ensure_ascii=False) + "\n"


def shipped() -> str:
    """The text of the schema that is installed with the package."""
    return (files("orgruntime.compiler") / FILE).read_text(encoding="utf-8")


def _mapping(table: Table) -> Schema:
    made: Schema = {
        "type": "object",
        "additionalProperties": False,
        "properties": {key.name: _key(key) for key in table.keys},
    }
    return made | ({"required": list(table.required)} if table.required else {})


def _key(key: Key) -> Schema:
    default = f" Default: {key.default}." if key.default else ""
    made: Schema = {"description": f"{key.meaning[:1].upper()}{key.meaning[1:]}.{default}", **_KINDS[key.kind](key)}
    return made | ({"examples": [key.example]} if key.example else {})


def _closed(words: Iterable[str]) -> Schema:
    """One of the words. Case and blanks around it are forgiven, as the compiler does."""
    known = list(words)
    spelled = "|".join("".join(_either_case(char) for char in word) for word in known)
    return {"anyOf": [{"enum": known}, {"type": "string", "pattern": rf"^\s*(?:{spelled})\s*$"}]}


def _either_case(char: str) -> str:
    return f"[{char.upper()}{char.lower()}]" if char.isalpha() else re.escape(char)


def _text_of(*patterns: str) -> Schema:
    """A string that one of the patterns matches whole."""
    return {"type": "string", "pattern": rf"^\s*(?:{'|'.join(patterns)})\s*$"}


def _number(where: Range, kind: str = "number") -> Schema:
    made: Schema = {"type": kind}
    if where.low is not None:
        made["exclusiveMinimum" if where.open_low else "minimum"] = where.low
    if where.high is not None:
        made["exclusiveMaximum" if where.open_high else "maximum"] = where.high
    return made


def _amount(where: Range, *patterns: str, kind: str = "number", more: Iterable[Schema] = ()) -> Schema:
    return {"anyOf": [_number(where, kind), *more, _text_of(*patterns)]}


def _dial(key: Key) -> Schema:
    """A number, its words, or a word for one dial."""
    pattern = words.SHARE if key.kind is Kind.SHARE else words.TIMES_NOISE
    return _amount(key.range, pattern, more=[_closed(SETTINGS)])


def _either(key: Key) -> Schema:
    """A mapping; where words may stand for it, those too."""
    assert key.keys is not None
    inner = _mapping(key.keys)
    return {"anyOf": [_closed(key.choices), inner]} if key.choices else inner


def _models(key: Key) -> Schema:
    assert key.keys is not None
    return {"type": "object", "additionalProperties": {"anyOf": [_WORD, _mapping(key.keys)]}}


def _servers(key: Key) -> Schema:
    assert key.keys is not None
    return {"type": "object", "additionalProperties": _mapping(key.keys)}


def _tool_names(_: Key) -> Schema:
    return {"type": "object", "additionalProperties": _WORD}


def _resources(key: Key) -> Schema:
    assert key.keys is not None
    return {"anyOf": [{"type": "string"}, _mapping(key.keys)]}


def _list(_: Key) -> Schema:
    return {"anyOf": [_WORD, {"type": "array", "items": _WORD, "maxItems": MOST_ITEMS}]}


_KINDS: dict[Kind, Callable[[Key], Schema]] = {
    Kind.TEXT: lambda _: _WORD,
    Kind.METRIC: lambda _: {"anyOf": [{"type": "boolean"}, _text_of(METRIC)]},
    Kind.CHOICE: lambda key: _closed(key.choices),
    Kind.NUMBER: lambda _: _amount(Range(), words.NUMBER),
    Kind.NOT_NEGATIVE: lambda _: _amount(Range(0), words.NUMBER),
    Kind.POSITIVE: lambda _: _amount(Range(0, open_low=True), words.NUMBER),
    Kind.COUNT: lambda key: _amount(Range(1, key.range.high), words.WHOLE, kind="integer"),
    Kind.DESKS: lambda key: _amount(Range(1, key.range.high), rf"[×x]*\s*{words.WHOLE}", kind="integer"),
    Kind.WHOLE: lambda _: _amount(Range(0), words.WHOLE, kind="integer"),
    Kind.HOURS: lambda _: _amount(Range(0), words.NUMBER, words.TIME),
    Kind.TIME: lambda _: _text_of(words.TIME),
    Kind.MEMORY: lambda _: _text_of(words.MEMORY),
    Kind.SHARE: _dial,
    Kind.NOISE: _dial,
    Kind.ADDRESS: lambda _: _text_of(r"https?://\S+"),
    Kind.VARIABLE: lambda _: {"anyOf": [{"type": "boolean"}, _text_of(r"[A-Za-z_]\w*")]},
    Kind.LIST: _list,
    Kind.COMMAS: _list,
    Kind.MAPPING: _either,
    Kind.MODELS: _models,
    Kind.SERVERS: _servers,
    Kind.TOOL_NAMES: _tool_names,
    Kind.RESOURCES: _resources,
    Kind.INPUTS: _models,
    Kind.YES_NO: lambda _: {"anyOf": [{"type": "boolean"}, _closed(("yes", "no", "true", "false", "on", "off"))]},
}
