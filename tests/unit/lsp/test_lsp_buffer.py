"""Positions of the protocol against offsets of the text."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lsprotocol.types import Position, Range

from orgruntime.diagnostics.span import Span
from orgruntime.lsp.buffer import Buffer, units

HERE = Path("/org/program.md")
ENCODINGS = ("utf-16", "utf-8", "utf-32")


@pytest.mark.parametrize(
    ("text", "encoding", "units_before_x"),
    [
        ("ab x", "utf-16", 3),
        ("a\tx", "utf-16", 2),
        ("é x", "utf-16", 2),
        ("é x", "utf-8", 3),
        ("🧪 x", "utf-16", 3),
        ("🧪 x", "utf-8", 5),
        ("🧪 x", "utf-32", 2),
        ("👩‍🔬🧪x", "utf-16", 7),
        ("→ x", "utf-16", 2),
    ],
)
def test_characters_count_in_the_agreed_units(text: str, encoding: str, units_before_x: int) -> None:
    buffer = Buffer(HERE, f"first\n{text}", encoding)
    at = buffer.text.index("x")

    assert buffer.position(at) == Position(1, units_before_x)
    assert buffer.offset(Position(1, units_before_x)) == at


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_every_line_end_of_the_protocol_ends_a_line(end: str) -> None:
    buffer = Buffer(HERE, f"a{end}🧪b{end}c")

    assert buffer.position(buffer.text.index("c")) == Position(2, 0)
    assert buffer.text[buffer.offset(Position(1, 2))] == "b"


@pytest.mark.parametrize("char", ["\x0b", "\x0c", "\x1c", "\x85", "\u2028", "\u2029"])
def test_what_only_python_calls_a_line_end_does_not_end_one(char: str) -> None:
    buffer = Buffer(HERE, f"a{char}b\nc")

    assert buffer.position(2) == Position(0, 2)
    assert buffer.text[buffer.offset(Position(1, 0))] == "c"


def test_a_byte_order_mark_in_the_buffer_takes_a_place_on_the_first_line_only() -> None:
    buffer = Buffer(HERE, "\ufeffab\ncd")

    assert buffer.text == "ab\ncd"
    assert buffer.position(1) == Position(0, 2)
    assert buffer.offset(Position(0, 2)) == 1
    assert buffer.position(4) == Position(1, 1)
    assert buffer.offset(Position(0, 0)) == 0
    assert buffer.of_span(Span("x", 1, 0, 1, 1)) == Range(Position(0, 0), Position(0, 1))


def test_a_position_inside_a_character_is_its_begin() -> None:
    buffer = Buffer(HERE, "🧪b")

    assert buffer.offset(Position(0, 1)) == 0
    assert buffer.offset(Position(0, 2)) == 1


def test_spans_outside_the_text_are_brought_inside() -> None:
    buffer = Buffer(HERE, "ab\ncd")

    assert buffer.of_span(Span("x", 9, 9, 12, 40)).start == Position(1, 2)
    assert buffer.of_span(Span("x", 1, 1, 1, 40)).end == Position(0, 2)
    assert buffer.offset(Position(99, 99)) == 5


def test_a_file_that_is_too_big_has_no_text() -> None:
    buffer = Buffer(HERE, "x" * (1 << 20) + "y")

    assert buffer.is_too_big
    assert buffer.text == ""


def test_half_a_surrogate_pair_is_no_fault() -> None:
    buffer = Buffer(HERE, "a\ud83dx")

    assert buffer.position(2) == Position(0, 2)
    assert buffer.text[2] == "x"


@given(st.text(), st.sampled_from(ENCODINGS))
def test_offsets_go_there_and_back(text: str, encoding: str) -> None:
    buffer = Buffer(HERE, text, encoding)

    for offset in range(len(buffer.text) + 1):
        assert buffer.offset(buffer.position(offset)) == offset


@given(st.text(), st.integers(0, 2**31 - 1), st.integers(0, 2**31 - 1), st.sampled_from(ENCODINGS))
def test_any_position_is_somewhere(text: str, line: int, character: int, encoding: str) -> None:
    buffer = Buffer(HERE, text, encoding)

    assert 0 <= buffer.offset(Position(line, character)) <= len(buffer.text)


@given(st.text())
def test_units_are_those_of_the_codecs(text: str) -> None:
    assert units(text, "utf-16") == len(text.encode("utf-16-le")) // 2
    assert units(text, "utf-8") == len(text.encode())
    assert units(text, "utf-32") == len(text.encode("utf-32-le")) // 4
