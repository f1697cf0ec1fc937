"""Words with units."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orgruntime.compiler import words
from orgruntime.compiler.words import OutOfRange, Unclear


@pytest.mark.parametrize(
    ("reader", "text", "value"),
    [
        (words.duration, "60s", 60.0),
        (words.duration, "1h30m", 5400.0),
        (words.duration, "1 h 30 min", 5400.0),
        (words.duration, "2 days", 172800.0),
        (words.duration, "0.5h", 1800.0),
        (words.duration, "250ms", 0.25),
        (words.mebibytes, "2.5 GiB", 2560),
        (words.mebibytes, "512MiB", 512),
        (words.mebibytes, "4 GB", 3815),
        (words.share, "40%", 0.4),
        (words.share, "30 %", 0.3),
        (words.share, "1 in 20", 0.05),
        (words.share, "2/3", 2 / 3),
        (words.share, "0.25", 0.25),
        (words.whole, "5M", 5_000_000),
        (words.whole, "1.5k", 1500),
        (words.whole, "1_000", 1000),
        (words.count, "1e3", 1000),
        (words.hours, "8", 8.0),
        (words.hours, "90m", 1.5),
        (words.times_noise, "0.5 × noise", 0.5),
        (words.number, "-1e-3", -0.001),
    ],
)
def test_readings(reader: Callable[[str], float], text: str, value: float) -> None:
    assert reader(text) == pytest.approx(value)


@pytest.mark.parametrize(
    ("reader", "text", "fault"),
    [
        (words.duration, "60", Unclear),
        (words.duration, "60 parsecs", Unclear),
        (words.duration, "", Unclear),
        (words.duration, "0s", OutOfRange),
        (words.duration, "1e400h", OutOfRange),
        (words.mebibytes, "4", Unclear),
        (words.mebibytes, "4 bytes", Unclear),
        (words.mebibytes, "0 MiB", OutOfRange),
        (words.share, "some", Unclear),
        (words.share, "1 in 0", OutOfRange),
        (words.whole, "1.5", Unclear),
        (words.whole, "-1", OutOfRange),
        (words.whole, ".inf", OutOfRange),
        (words.count, "0", OutOfRange),
        (words.number, "NaN", OutOfRange),
        (words.number, "1e999", OutOfRange),
        (words.number, "0x10", Unclear),
        (words.hours, "nan", OutOfRange),
    ],
)
def test_refusals(reader: Callable[[str], float], text: str, fault: type[Exception]) -> None:
    with pytest.raises(fault) as caught:
        reader(text)
    assert type(caught.value) is fault


READERS = (words.duration, words.mebibytes, words.share, words.whole, words.number, words.hours, words.times_noise)


@given(st.sampled_from(READERS), st.text(alphabet="0123456789.eE+-_%/ inkMGhmsdBb×x", max_size=12))
def test_a_reading_is_finite_or_unclear(reader: Callable[[str], float], text: str) -> None:
    with contextlib.suppress(Unclear):
        assert math.isfinite(reader(text))
