"""Half-typed front matter: which mapping or value the cursor is in."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lsp_cases import CURSOR, LAB, ROOT

from orgruntime.lsp.buffer import Buffer
from orgruntime.lsp.front import bounds, cursor_at, keys_of
from orgruntime.orgfile.tree import MapNode

KEY, VALUE = False, True


@pytest.mark.parametrize(
    ("front", "path", "is_value", "typed"),
    [
        ("‸", (), KEY, ""),
        ("for‸", (), KEY, "for"),
        ("format: ‸", ("format",), VALUE, ""),
        ("format: org‸", ("format",), VALUE, "org"),
        ("objective:\n  ‸", ("objective",), KEY, ""),
        ("objective:\n  metric: x\n  dir‸", ("objective",), KEY, "dir"),
        ("objective:\n  metric: x\n‸", (), KEY, ""),
        ("objective:\n  metric: x\nri‸", (), KEY, "ri"),
        ("objective: {metric: x, ‸", ("objective",), KEY, ""),
        ("objective: {metric: x, direction: mi‸", ("objective", "direction"), VALUE, "mi"),
        ("objective: {\n  metric: x,\n  dir‸", ("objective",), KEY, "dir"),
        ("objective: {metric: x}\n‸", (), KEY, ""),
        ("risk: {blast_radius: {files: 1, ‸", ("risk", "blast_radius"), KEY, ""),
        ("risk: {blast_radius: {files: 1}, ‸", ("risk",), KEY, ""),
        ("tools: [Read, G‸", ("tools",), VALUE, "G"),
        ("tools:\n- Read\n- G‸", ("tools",), VALUE, "G"),
        ("tools:\n  - Read\n  - ‸", ("tools",), VALUE, ""),
        (
            "workspace:\n  run: python t.py --seed {seed} --‸",
            ("workspace", "run"),
            VALUE,
            "python t.py --seed {seed} --",
        ),
        ("workspace:\n  run: python t.py --seed {seed}\n  ti‸", ("workspace",), KEY, "ti"),
        ('objective: {metric: "a, b: c", ‸', ("objective",), KEY, ""),
        ("risk: bold  # {‸", ("risk",), VALUE, "bold  # {"),
        ("budget: # bounds: {\n  ‸", ("budget",), KEY, ""),
        ("models:\n  tuner:\n    ‸", ("models", "tuner"), KEY, ""),
    ],
)
def test_the_place_of_the_cursor(front: str, path: tuple[str, ...], is_value: bool, typed: str) -> None:
    text = f"---\n{front}"
    at = text.index(CURSOR)

    for rest in ("", "\n---\n\n# Lab\n", "\nbudget: {trials: 1}\n---\n"):
        whole = text.replace(CURSOR, rest)
        cursor = cursor_at(whole, at)
        assert cursor is not None
        assert (cursor.path, cursor.is_value, whole[cursor.start : at]) == (path, is_value, typed)


@pytest.mark.parametrize("text", ["‸", "# Lab ‸", "---\na: 1\n---\n‸", "---\na: 1\n---\n\n## Ro‸", "‸---\na: 1\n---\n"])
def test_there_is_no_cursor_outside(text: str) -> None:
    assert cursor_at(text.replace(CURSOR, ""), text.index(CURSOR)) is None


@pytest.mark.parametrize("path", sorted([*ROOT.glob("orgs/*/program.md"), *ROOT.glob("roles/*.md")]), ids=str)
def test_keys_are_those_that_yaml_sees(path) -> None:
    buffer = Buffer(path, path.read_text(encoding="utf-8"))

    def paths(node: MapNode, above: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
        found = []
        for name, value in node.entries:
            found.append((*above, name.text))
            found += paths(value, (*above, name.text)) if isinstance(value, MapNode) else []
        return found

    assert buffer.document.front is not None
    assert [place.path for place in keys_of(buffer.text)] == paths(buffer.document.front)
    for place in keys_of(buffer.text):
        assert buffer.text[place.start : place.end] == place.path[-1]


LIKELY = st.lists(
    st.sampled_from(
        ["---\n", "a", ":", " ", "\n", "{", "}", "[", "]", ",", "'", '"', "#", "- ", "  ", "é", "\t", "b: c\n"]
    )
).map("".join)


@given(st.one_of(st.text(), LIKELY.map(lambda rest: "---\n" + rest)), st.integers(0, 400))
def test_any_text_is_read_to_its_end(text: str, offset: int) -> None:
    inside = bounds(text)
    cursor = cursor_at(text, min(offset, len(text)))

    assert (cursor is None) == (inside is None or not inside[0] <= min(offset, len(text)) <= inside[1])
    for place in keys_of(text):
        assert 0 <= place.start <= place.end <= len(text)


def test_the_shipped_program_is_one_of_those() -> None:
    assert bounds((LAB / "program.md").read_text(encoding="utf-8")) is not None
