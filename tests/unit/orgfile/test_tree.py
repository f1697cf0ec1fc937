"""Front matter: scalars stay text, spans are exact, and what can hide or explode is refused."""

from __future__ import annotations

import time

import pytest

from orgruntime.diagnostics.diagnostic import Findings
from orgruntime.orgfile.source import Source
from orgruntime.orgfile.tree import ListNode, MapNode, ScalarNode, compose


def read(text: str) -> tuple[MapNode | None, list[str]]:
    findings = Findings()
    tree = compose(Source("f", text), 0, len(text), findings)
    return tree, [found.code for found in findings]


def test_scalars_are_text_as_written() -> None:
    tree, found = read("a: 1:30\nb: yes\nc: 012\nd: 2026-01-01\ne: '60s'\nf:\n")
    assert found == []
    assert tree is not None
    values = [value for _, value in tree.entries if isinstance(value, ScalarNode)]
    assert [value.text for value in values] == ["1:30", "yes", "012", "2026-01-01", "60s", ""]
    assert values[5].is_null
    assert not values[4].plain


def test_spans_are_exact_to_the_part_of_a_scalar() -> None:
    text = "deep:\n  run: python {seed}\n  quoted: 'a {x}'\n  folded: >\n    a\n    {x}\n"
    tree, _ = read(text)
    assert tree is not None
    deep = tree.get("deep")
    assert isinstance(deep, MapNode)
    for key, column in (("run", 15), ("quoted", 14)):
        node = deep.get(key)
        assert isinstance(node, ScalarNode)
        at = node.text.index("{")
        assert node.part(at, at + 3).column == column
    folded = deep.get("folded")
    assert isinstance(folded, ScalarNode)
    assert folded.part(2, 3) == folded.span


def test_an_empty_front_matter_is_an_empty_mapping() -> None:
    for text in ("", "\n", "# only a comment\n", "~\n"):
        tree, found = read(text)
        assert (tree and tree.entries, found) == ((), [])


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("a: &x 1\nb: *x\n", "ORG110"),
        ("a: !!python/object:os.system x\n", "ORG110"),
        ("%YAML 1.1\n---\na: 1\n", "ORG110"),
        ("<<: {a: 1}\n", "ORG110"),
        ("a: 1\na: 2\n", "ORG111"),
        ("- a\n- b\n", "ORG108"),
        ("a: [1\n", "ORG108"),
        ("a: b: c\n", "ORG108"),
        ("\ta: 1\n", "ORG108"),
        ("{a: 1}: 2\n", "ORG108"),
        ("a: \x00\n", "ORG108"),
        ("a: 1\n--- \nb: 2\n", "ORG110"),
        ("x: " + "[" * 13 + "]" * 13, "ORG112"),
        ("x: " + "a" * 70_000, "ORG112"),
    ],
)
def test_refusals(text: str, code: str) -> None:
    assert read(text)[1] == [code]


def test_hostile_nesting_is_refused_quickly() -> None:
    start = time.process_time()
    for sign in "[{":
        assert read("x: " + sign * 60_000)[1] == ["ORG112"]
    assert time.process_time() - start < 10


def test_lists_hold_their_items() -> None:
    tree, _ = read("a: [x, y z]\nb:\n- q\n")
    assert tree is not None
    lists = [value for _, value in tree.entries if isinstance(value, ListNode)]
    assert [[item.text for item in one.items if isinstance(item, ScalarNode)] for one in lists] == [["x", "y z"], ["q"]]
