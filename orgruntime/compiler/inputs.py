"""The inputs of a role: declared by its file, filled in by the program, put into its words. Knows no table of roles.

Invariant: words in double braces that no input is called stay as they are; a value that does not fit its type fills in
nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from orgruntime.compiler import reading_rules, words
from orgruntime.compiler.fields import Fields
from orgruntime.compiler.hint_keys import INPUT, INPUT_TYPES
from orgruntime.diagnostics.diagnostic import Findings
from orgruntime.diagnostics.pattern import pattern
from orgruntime.model.vocabulary import FieldType
from orgruntime.orgfile.tree import MapNode, ScalarNode

_PLACE = pattern(r"\{\{[ \t]*([A-Za-z_]\w*)[ \t]*\}\}")
_NAME = pattern(r"[A-Za-z_]\w*")


class Input(NamedTuple):
    """`default` None: the program must give a value."""

    name: ScalarNode
    type: FieldType = FieldType.STRING
    default: str | None = None
    choices: tuple[str, ...] = ()
    meaning: str = ""


def bind_inputs(parent: Fields, findings: Findings) -> tuple[Input, ...]:
    """The entries of `inputs:`, in order. Names are the role's own, so any key that is a name is known."""
    value = parent.value("inputs")
    names = [name.text for name, _ in value.entries] if isinstance(value, MapNode) else []
    fields = parent.mapping("inputs", names)
    found = [_input(fields, name, findings) for name in names] if fields else []
    return tuple(one for one in found if one is not None)


def read_value(one: Input, node: ScalarNode, path: str, findings: Findings) -> str | None:
    """The text that is filled in; None for one that does not fit the type, which is reported."""
    text = node.text.strip()
    try:
        if one.type is FieldType.NUMBER:
            words.number(text)
        elif one.type is FieldType.BOOLEAN:
            return "yes" if words.yes_no(text) else "no"
        elif one.type is FieldType.CHOICE and text not in one.choices:
            known = ", ".join(f"`{choice}`" for choice in one.choices)
            raise words.Unclear(f"`{text}` is not one of {known}", "write one of them")
    except words.Unclear as error:
        findings.put(node.span, reading_rules.bad_value.unclear(path, error.fault, error.help))
        return None
    return text


def named_in(text: str) -> tuple[str, ...]:
    """The names that stand in double braces, each once."""
    return tuple(dict.fromkeys(_PLACE.findall(text)))


def filled(text: str, values: Mapping[str, str]) -> str:
    """The words with each value in its places."""
    return _PLACE.sub(lambda match: values.get(match[1], match[0]), text) if values else text


def defaults(inputs: Iterable[Input]) -> dict[str, str]:
    return {one.name.text: one.default for one in inputs if one.default is not None}


def _input(fields: Fields, name: str, findings: Findings) -> Input | None:
    key = fields.node.key(name)
    assert key is not None, "the names are those of the mapping"
    if not _NAME.fullmatch(name):
        findings.put(key.span, reading_rules.bad_value.no_input_name(fields.path(name)))
        return None
    if isinstance(fields.value(name), ScalarNode):
        node = fields.scalar(name)
        return Input(key, default=node.text.strip()) if node else None
    inner = fields.mapping(name, INPUT)
    if inner is None:
        return None
    kind = inner.choice("type", FieldType) or FieldType.STRING
    if kind not in INPUT_TYPES:
        known = ", ".join(f"`{one}`" for one in INPUT_TYPES)
        fault = reading_rules.bad_value.unclear(
            inner.path("type"), f"`{kind}` cannot be filled in", f"write one of {known}"
        )
        findings.put(inner.span("type"), fault)
        return None
    choices = tuple(node.text.strip() for node in inner.words("choices", comma_string=True) or ())
    if (kind is FieldType.CHOICE) != bool(choices):
        findings.put(key.span, reading_rules.bad_value.choices_and_type(inner.path("choices"), bool(choices)))
        return None
    made = Input(key, kind, None, choices, inner.text("meaning") or "")
    node = inner.scalar("default")
    default = read_value(made, node, inner.path("default"), findings) if node else None
    return Input(key, kind, default, choices, made.meaning)
