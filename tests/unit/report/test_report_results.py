from __future__ import annotations

import csv
import io
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from report_stories import GOOD, HOSTILE, empty, hostile, story

from orgruntime.report.results import results_tsv
from orgruntime.report.story import Point, PointStatus, RunStory


def rows_of(told: RunStory) -> list[list[str]]:
    return list(csv.reader(io.StringIO(results_tsv(told)), delimiter="\t"))


def test_the_five_columns_the_baseline_and_then_each_proposal() -> None:
    assert rows_of(story()) == [
        ["commit", "val_loss", "memory_gb", "status", "description"],
        ["aaaaaaa", "2.500000", "1.0", "keep", "baseline (mean of 10 runs)"],
        ["bbbbbbb", "2.310000", "1.5", "keep", "certified: wider"],
        ["ccccccc", "2.610000", "0.9", "discard", "narrower"],
        ["ddddddd", "", "", "crash", "rate 10 (diverged)"],
    ]


def test_a_crash_never_has_a_number_since_zero_would_be_the_best_loss() -> None:
    crash = Point(1, GOOD, 0.0, 0, "screen", PointStatus.CRASH, hypothesis="x")
    assert rows_of(replace(empty(), points=(crash,)))[1][1] == ""


def test_a_run_before_its_first_trial_is_a_header() -> None:
    assert results_tsv(empty()) == "commit\tscore\tmemory_gb\tstatus\tdescription\n"


@pytest.mark.parametrize(
    ("text", "cell"), [("=1+1", "'=1+1"), ("a\tb\nc", "a b c"), ('"open', "'open"), ("-5 %", "'-5 %")]
)
def test_text_of_a_role_cannot_forge_a_cell_a_row_or_a_formula(text: str, cell: str) -> None:
    point = Point(1, GOOD, 1.0, 0, "screen", PointStatus.KEEP, hypothesis=text)
    assert rows_of(replace(empty(), points=(point,)))[1][4] == cell


def test_a_hostile_run_has_as_many_rows_as_a_tame_one() -> None:
    assert [len(row) for row in rows_of(hostile())] == [5] * len(rows_of(story()))


@given(st.text() | st.just(HOSTILE))
def test_every_row_has_five_cells_whatever_a_role_writes(text: str) -> None:
    point = Point(1, GOOD, 1.0, 0, "screen", PointStatus.CRASH, hypothesis=text, reason=text)
    lines = results_tsv(replace(empty(), points=(point,))).split("\n")
    assert [line.count("\t") for line in lines] == [4, 4, 0]
