"""Edits by offsets of the normalised text: the bytes around them stay, line ends and the mark included."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orgruntime.diagnostics.diagnostic import Findings
from orgruntime.orgfile.edits import Edit, apply_edits
from orgruntime.orgfile.source import decode

_texts = st.lists(st.sampled_from(["a", "ü", "\U0001f9ea", " ", "\n", "\r\n", "\r"]), max_size=30).map("".join)


@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_new_lines_end_as_the_first_one_does(mark: bytes, end: str) -> None:
    data = mark + end.join(["one", "two", "three", ""]).encode()
    made = apply_edits(data, [Edit(4, 7, "2a\n2b"), Edit(13, 13, "\nfour")])
    assert made == mark + end.join(["one", "2a", "2b", "three", "four", ""]).encode()


@given(_texts, st.booleans(), st.data())
def test_what_is_outside_of_an_edit_stays(text: str, marked: bool, data: st.DataObject) -> None:
    raw = (b"\xef\xbb\xbf" if marked else b"") + text.encode()
    source = decode(raw, "p.md", Findings())
    assert source is not None
    start = data.draw(st.integers(0, len(source.text)))
    end = data.draw(st.integers(start, len(source.text)))
    made = apply_edits(raw, [Edit(start, end, "X")])

    assert made.count(b"X") == 1
    before, after = made.split(b"X")
    assert raw.startswith(before)
    assert raw.endswith(after)
    edited = decode(made, "p.md", Findings())
    assert edited is not None
    assert edited.text == source.text[:start] + "X" + source.text[end:]


@given(_texts)
def test_no_edits_change_nothing(text: str) -> None:
    assert apply_edits(text.encode(), []) == text.encode()


@given(_texts, st.data())
def test_offsets_and_places_are_inverse(text: str, data: st.DataObject) -> None:
    source = decode(text.encode(), "p.md", Findings())
    assert source is not None
    offset = data.draw(st.integers(0, len(source.text)))
    assert source.offset(*source.place(offset)) == offset
