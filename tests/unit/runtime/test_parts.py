"""A proposal taken apart: the parts cover its diff, and without all but one is that one alone."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orgruntime.backends.text_patch import unified
from orgruntime.runtime.parts import Part, alone, lines_of, parts_of, without

BASE = "LR = 0.1\nBETA = 0.9\nWIDTH: int = 8\n\n\ndef f(x):\n    return x\n\n\n\n\ndef g(x):\n    return x\n"


def parts(old: str, new: str, path: str = "train.py") -> tuple[Part, ...]:
    return parts_of(unified(old, new, f"a/{path}", f"b/{path}").text, {path: lines_of(new)})


def test_constants_in_neighbouring_lines_are_parts_of_their_own() -> None:
    new = BASE.replace("0.1", "0.2").replace("0.9", "0.95").replace("= 8", "= 16")
    assert [part.name for part in parts(BASE, new)] == ["LR", "BETA", "WIDTH"]


def test_changes_far_apart_are_parts_and_near_ones_belong_together() -> None:
    new = BASE.replace("def f(x):\n    return x", "def f(y):\n    z = y\n    return z").replace(
        "def g(x)", "def g(x, y=0)"
    )
    first, second = parts(BASE, new)
    assert (first.name, second.name) == ("train.py:6-8", "train.py:13")


def test_two_constants_of_one_name_are_told_apart() -> None:
    old = "LR = 1\n" + "x\n" * 9 + "LR = 2\n"
    assert [part.name for part in parts(old, old.replace("= ", "= 1"))] == ["train.py:1", "train.py:11"]


@pytest.mark.parametrize(("old", "new"), [("", "a\nb\n"), ("a\nb\n", ""), ("a", "a\nb"), ("a\n", "a")])
def test_a_file_that_comes_goes_or_ends_without_a_newline(old: str, new: str) -> None:
    (part,) = parts(old, new)
    assert "".join(without(part, lines_of(old), lines_of(new))) == old
    assert "".join(alone(part, lines_of(old), lines_of(new))) == new


lines = st.lists(st.sampled_from(["A = 1", "A = 2", "B_2 = x", "code", "code2", "", "    return"]), max_size=14)


@settings(max_examples=150, deadline=None)
@given(lines, lines, st.booleans(), st.booleans())
def test_the_parts_of_a_diff_cover_it_and_overlap_nowhere(
    old_lines: list[str], new_lines: list[str], old_ends: bool, new_ends: bool
) -> None:
    old = "\n".join(old_lines) + "\n" * (old_ends and bool(old_lines))
    new = "\n".join(new_lines) + "\n" * (new_ends and bool(new_lines))
    found, before, after = parts(old, new), lines_of(old), lines_of(new)
    whole = Part("", "train.py", tuple(block for part in found for block in part.blocks))
    assert "".join(without(whole, before, after)) == old
    assert "".join(alone(whole, before, after)) == new
    assert len({part.name for part in found}) == len(found)
    for part in found:
        rest = Part("", "train.py", tuple(block for one in found if one is not part for block in one.blocks))
        assert without(part, before, after) == alone(rest, before, after)
