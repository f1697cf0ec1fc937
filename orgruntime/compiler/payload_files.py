"""Payloads as files: `schemas/NAME.schema.json`, a JSON Schema of an object. Reads them and runs nothing.

A payload is a list of fields with simple types, so a schema is read as far as that goes. Invariant: a keyword that asks
for more than is enforced at a handoff is a finding, and a file that is no such schema declares nothing.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from pathlib import Path

from orgruntime.compiler import reading_rules
from orgruntime.compiler.declared import MOST_FIELDS, Declared
from orgruntime.compiler.payloads import NAME
from orgruntime.diagnostics.diagnostic import Findings
from orgruntime.diagnostics.pattern import pattern
from orgruntime.diagnostics.span import Span
from orgruntime.model.payload import BUILTIN_PAYLOADS, FieldType, PayloadField, PayloadType
from orgruntime.model.payload_schema import FORMATS, SUFFIX
from orgruntime.orgfile import disk
from orgruntime.orgfile import reading_rules as of_bytes
from orgruntime.orgfile.source import Reader, Source
from orgruntime.orgfile.tree import ListNode, MapNode, Node, ScalarNode, compose

FOLDER = "schemas"
MOST_FILES = 200
_TYPES = {
    one.value: one
    for one in (
        FieldType.STRING, FieldType.NUMBER, FieldType.INTEGER, FieldType.BOOLEAN, FieldType.ARRAY, FieldType.OBJECT
    )
}  # fmt: skip
_OF_FORMAT = {name: kind for kind, name in FORMATS.items()}
_SAID = (
    "type", "description", "title", "default", "examples", "$comment", "deprecated", "$schema", "$id", "$defs",
    "definitions",
)  # fmt: skip
"""Keywords that ask nothing of a value, or are read elsewhere."""
_OF_OBJECT = (*_SAID, "properties", "required", "additionalProperties")
"""Fields that are not declared are kept as they come, so `additionalProperties` changes nothing."""
_OTHER_FILE = pattern(r"(?:\./)?([a-z][a-z0-9_]*)" + SUFFIX.replace(".", r"\."))
_LONGEST_WORD = 100


def read_schemas(org: Path, shown: str, findings: Findings, read: Reader) -> tuple[Declared, ...]:
    """Every schema of the org, by name; references to others not yet followed. Paths in spans begin as `shown` does."""
    try:
        names = [name for name in disk.names(org / FOLDER) if name.endswith(SUFFIX)]
    except (OSError, ValueError):
        return ()
    found = []
    for name in names[:MOST_FILES]:
        place = Path(os.path.normpath(f"{shown}/{FOLDER}/{name}")).as_posix()
        slug, of = name.removesuffix(SUFFIX), reading_rules.bad_payload
        if not NAME.fullmatch(slug) or slug in BUILTIN_PAYLOADS:
            findings.put(Span(place), of.name(slug, built_in=slug in BUILTIN_PAYLOADS))
            continue
        source = _source(org, name, place, findings, read)
        tree = _tree(source, findings) if source else None
        if source is not None and tree is not None:
            reader = _Schema(slug, tree, findings)
            fields = reader.object(tree, slug)
            if fields is not None:
                payload = PayloadType(name=slug, fields=fields)
                found.append(Declared(payload, Span(place), reader.refs, source, f"{FOLDER}/{name}"))
    return tuple(found)


def _source(org: Path, name: str, shown: str, findings: Findings, read: Reader) -> Source | None:
    """One file. A link that leaves the org is not followed: excerpts of findings would show what is there."""
    path = org / FOLDER / name
    if Path(disk.real(path)).is_relative_to(disk.real(org)):
        return disk.read_whole(read, path, shown, findings)
    findings.put(Span(shown), of_bytes.unreadable_file.leaves_the_org(shown))
    return None


def _tree(source: Source, findings: Findings) -> MapNode | None:
    """The file as a tree with places. JSON is YAML but for tabs, which are blanks there."""
    of = reading_rules.bad_payload
    try:
        whole = json.loads(source.text)
    except RecursionError:
        findings.put(source.span(0), of.no_json("it is nested too deeply"))
        return None
    except ValueError as error:
        at = min(getattr(error, "pos", 0), len(source.text))
        findings.put(source.span(at), of.no_json(getattr(error, "msg", "a number is too long")))
        return None
    if not isinstance(whole, dict):
        findings.put(source.span(0), of.no_object())
        return None
    said = Findings()
    tree = compose(Source(source.file, source.text.replace("\t", " "), source.sha256), 0, len(source.text), said)
    for one in said:
        findings.put(one.span, of.no_json(one.message))
    return tree


class _Schema:
    """Reads one file. `refs`: where it names each other payload."""

    def __init__(self, name: str, tree: MapNode, findings: Findings) -> None:
        self._name, self._findings = name, findings
        self._parts = {
            f"#/{key}/{part.text}": value
            for key in ("$defs", "definitions")
            if isinstance(node := tree.get(key), MapNode)
            for part, value in node.entries
        }
        self._open: list[str] = []
        self._made = 0
        self.refs: dict[str, Span] = {}

    def object(self, node: MapNode, what: str) -> tuple[PayloadField, ...] | None:
        """The fields of an object; None where it is none."""
        kind, properties = node.get("type"), node.get("properties")
        if not isinstance(kind, ScalarNode) or kind.text != "object" or not isinstance(properties, MapNode):
            self._findings.put(node.span, reading_rules.bad_payload.no_object())
            return None
        self._report_unread(node, _OF_OBJECT, what)
        listed = node.get("required")
        needed = [one for one in listed.items if isinstance(one, ScalarNode)] if isinstance(listed, ListNode) else []
        for one in needed:
            if properties.key(one.text) is None:
                self._findings.put(one.span, reading_rules.bad_payload.no_property(one.text))
        names = {one.text for one in needed}
        made = [self._field(name, value, name.text in names) for name, value in properties.entries]
        return tuple(field for field in made if field is not None)

    def _field(self, name: ScalarNode, value: Node, required: bool) -> PayloadField | None:
        if not NAME.fullmatch(name.text):
            self._findings.put(name.span, reading_rules.bad_payload.field_name(name.text))
            return None
        self._made += 1
        if self._made > MOST_FIELDS:
            if self._made == MOST_FIELDS + 1:
                self._findings.put(name.span, reading_rules.bad_payload.too_large(self._name, MOST_FIELDS))
            return None
        return self._value(name.text, value, required, "")

    def _value(self, name: str, value: Node, required: bool, meaning: str) -> PayloadField | None:
        """What a property may hold. `meaning`: what was said of it on the way here."""
        meaning = meaning or _meaning(value)
        other = _optional(value)
        if other is not None:
            return self._value(name, other, required, meaning)
        reference = value.get("$ref") if isinstance(value, MapNode) else None
        if isinstance(reference, ScalarNode):
            return self._referred(name, reference, required, meaning)
        kind = _type_of(value)
        if kind is None or not isinstance(value, MapNode):
            self._findings.put(value.span, reading_rules.bad_payload.no_schema_type(name, _TYPES))
            return None
        if kind is FieldType.OBJECT and value.get("properties") is not None:
            inner = self.object(value, name) or ()
            return PayloadField(name=name, type=kind, required=required, meaning=meaning, fields=inner)
        words = self._words(name, value) if kind is FieldType.STRING else ()
        items = value.get("items") if kind is FieldType.ARRAY else None
        item = self._value("item", items, True, "") if items is not None else None
        kind = FieldType.CHOICE if words else self._of_format(value, kind)
        read = [*_SAID, *(["enum", "const"] if words else []), *(["items"] if item else [])]
        read += ["format"] if kind in FORMATS else []
        self._report_unread(value, read, name)
        return PayloadField(
            name=name, type=kind, required=required, meaning=meaning, choices=words, fields=(item,) if item else ()
        )

    def _referred(self, name: str, reference: ScalarNode, required: bool, meaning: str) -> PayloadField | None:
        """`#/$defs/NAME` of the same file, or another payload's `NAME.schema.json`."""
        of = reading_rules.bad_payload
        if other := _OTHER_FILE.fullmatch(reference.text):
            self.refs.setdefault(other[1], reference.span)
            return PayloadField(name=name, type=FieldType.REF, required=required, meaning=meaning, of=other[1])
        part = self._parts.get(reference.text)
        if part is None or reference.text in self._open:
            is_there = part is not None
            fault = of.within_itself(reference.text) if is_there else of.no_part(reference.text, self._parts)
            self._findings.put(reference.span, fault)
            return None
        self._open.append(reference.text)
        made = self._value(name, part, required, meaning)
        self._open.pop()
        return made

    def _words(self, name: str, value: MapNode) -> tuple[str, ...]:
        node = value.get("enum") or value.get("const")
        items = node.items if isinstance(node, ListNode) else (node,) if isinstance(node, ScalarNode) else ()
        words = [one.text for one in items if isinstance(one, ScalarNode)]
        if len(words) < len(items) or not all(word.isprintable() and 0 < len(word) <= _LONGEST_WORD for word in words):
            assert node is not None, "it has items"
            self._findings.put(node.span, reading_rules.bad_payload.bad_choice(name))
            return ()
        return tuple(dict.fromkeys(words))

    def _of_format(self, value: MapNode, kind: FieldType) -> FieldType:
        word = value.get("format")
        ours = _OF_FORMAT.get(word.text) if isinstance(word, ScalarNode) else None
        fits = {FieldType.PATH: FieldType.STRING, FieldType.METRIC: FieldType.NUMBER}
        return ours if ours is not None and fits[ours] is kind else kind

    def _report_unread(self, node: MapNode, known: Iterable[str], what: str) -> None:
        for name, _ in node.entries:
            if name.text not in known:
                self._findings.put(name.span, reading_rules.unread_value.keyword(name.text, what))


def _type_of(value: Node) -> FieldType | None:
    """By `type`, `null` beside it left out; by an `enum` or a `const`, words."""
    if not isinstance(value, MapNode):
        return None
    kind = value.get("type")
    if kind is None:
        return FieldType.STRING if value.get("enum") or value.get("const") else None
    words = [kind.text] if isinstance(kind, ScalarNode) else []
    if isinstance(kind, ListNode):
        words = [one.text for one in kind.items if isinstance(one, ScalarNode) and one.text != "null"]
    return _TYPES.get(words[0]) if len(words) == 1 else None


def _optional(value: Node) -> Node | None:
    """Of `anyOf` and its kin with one part beside `null`: that part."""
    if not isinstance(value, MapNode):
        return None
    for key in ("anyOf", "oneOf", "allOf"):
        parts = value.get(key)
        if isinstance(parts, ListNode):
            real = [one for one in parts.items if not _is_null(one)]
            return real[0] if len(real) == 1 else None
    return None


def _is_null(value: Node) -> bool:
    kind = value.get("type") if isinstance(value, MapNode) else None
    return isinstance(kind, ScalarNode) and kind.text == "null"


def _meaning(value: Node) -> str:
    said = value.get("description") if isinstance(value, MapNode) else None
    text = said.text if isinstance(said, ScalarNode) else ""
    # Escaped pairs of JSON reach us as two halves.
    text = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return " ".join("".join(char if char.isprintable() else " " for char in text).split())
