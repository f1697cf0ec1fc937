"""Edits go in where their spans say, whatever mark and line ends the file has, and nothing else changes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orgruntime.diagnostics.diagnostic import Findings
from orgruntime.diagnostics.fixes import MARK, Edit, Fix, apply
from orgruntime.diagnostics.span import Span
from orgruntime.orgfile.source import decode


def fix(line: int, column: int, end_column: int, text: str, end_line: int | None = None) -> Fix:
    return Fix("change", (Edit(Span("f", line, column, end_line or line, end_column), text),))


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("mark", ["", MARK])
def test_places_hold_for_every_line_end_and_mark(end: str, mark: str) -> None:
    text = f"{mark}ab{end}\u00e9\U0001f52c cd{end}last"
    new, done = apply(text, [fix(2, 4, 6, "X\nY"), fix(1, 1, 2, "A")])
    assert new == f"{mark}Ab{end}\u00e9\U0001f52c X{end}Y{end}last"
    assert len(done) == 2


def test_column_zero_is_the_mark() -> None:
    assert apply(f"{MARK}ab", [fix(1, 0, 1, "")])[0] == "ab"
    assert apply("ab", [fix(1, 0, 1, "")])[0] == "ab"


def test_of_two_fixes_at_one_place_the_first_goes_in() -> None:
    first, second, third = fix(1, 1, 4, "x"), fix(1, 3, 6, "y"), fix(1, 6, 7, "z")
    new, done = apply("abcdefg", [first, second, third])
    assert (new, done) == ("xdezg", (first, third))
    assert apply("ab", [fix(1, 2, 2, "1"), fix(1, 2, 2, "2")])[0] == "a1b"


def test_the_edits_of_a_fix_go_in_together_or_not_at_all() -> None:
    both = Fix("both", (Edit(Span("f", 1, 1, 1, 2), "A"), Edit(Span("f", 1, 5, 1, 6), "E")))
    assert apply("abcde", [fix(1, 5, 6, "x"), both])[0] == "abcdx"


_TEXTS = st.text(alphabet=st.sampled_from("ab\u00e9\U0001f52c \t\r\n" + MARK), max_size=40)


@given(_TEXTS, st.data())
def test_a_span_of_the_reader_is_the_same_words_in_the_file(text: str, data: st.DataObject) -> None:
    source = decode(text.encode(), "f", Findings())
    assert source is not None
    begin = data.draw(st.integers(0, len(source.text)))
    end = data.draw(st.integers(begin, len(source.text)))
    new, _ = apply(text, [Fix("cut", (Edit(source.span(begin, end), "\x01"),))])
    after = decode(new.encode(), "f", Findings())
    assert after is not None
    assert after.text == source.text[:begin] + "\x01" + source.text[end:]
