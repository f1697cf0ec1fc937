from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orgruntime.report.wording import clip, count, duration, e_value, interval, number, percent, plain, signed


@given(st.text())
def test_plain_is_one_line_that_nothing_can_break_or_turn_around(text: str) -> None:
    line = plain(text)
    assert line == line.strip()
    assert len(line.splitlines()) <= 1
    assert not any(char in line for char in "\t\r\n\x00\x1b\u202e\u2066")
    assert plain(line) == line


@given(st.text(), st.integers(1, 40))
def test_clip_never_exceeds_its_limit(text: str, limit: int) -> None:
    assert len(clip(text, limit)) <= limit


@pytest.mark.parametrize(
    ("value", "digits", "text"),
    [
        (2.4871, 4, "2.487"), (0.017, 2, "0.017"), (18204.4, 4, "18,204"), (3.2e-7, 3, "3.20e-07"), (-0.5, 2, "−0.50"),
        (0, 4, "0"), (None, 4, "–"), (math.nan, 4, "–"), (math.inf, 4, "–"), (2.5e12, 3, "2.50e+12"),
    ],
)  # fmt: skip
def test_number_keeps_significant_digits_at_every_size(value: float | None, digits: int, text: str) -> None:
    assert number(value, digits) == text


def test_differences_carry_their_sign() -> None:
    assert signed(0.1) == "+0.100"
    assert signed(-0.1) == "−0.100"
    assert percent(8.1) == "+8.1 %"
    assert percent(-0.424) == "−0.42 %"


def test_an_interval_has_one_precision_for_its_three_numbers() -> None:
    assert interval(0.0397, 0.0537, 0.0677) == "+0.054 (+0.040 to +0.068)"
    assert interval(-3, 10, 23) == "+10 (−3 to +23)"
    assert interval(0.1, 0.1, 0.1) == "+0.100 (+0.100 to +0.100)"


def test_durations_and_counts_read_as_people_say_them() -> None:
    assert [duration(s) for s in (4.21, 59, 245, 7800, 3600, 273600)] == [
        "4.2 s", "59 s", "4 min 5 s", "2 h 10 min", "1 h", "3 d 4 h",
    ]  # fmt: skip
    assert count(1, "memory", "memories") == "1 memory"
    assert count(2000, "trial") == "2,000 trials"
    assert e_value(300.4) == "300"
    assert e_value(2.34) == "2.3"
