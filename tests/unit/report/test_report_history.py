"""What was tried before the run, in the report: hearsay, and beside the science."""

from __future__ import annotations

from dataclasses import replace

from report_stories import HOSTILE, story

from orgruntime.model.history import PastResult, PastWord
from orgruntime.report.history import before
from orgruntime.report.page import report_html
from orgruntime.report.results import results_tsv

PAST = (
    PastResult(file="results.tsv", line=2, metric=2.75, word=PastWord.KEEP, status="keep", note="wider"),
    PastResult(file="results.tsv", line=3, word=PastWord.CRASH, status="crash", note="a rate of 10"),
)


def test_a_run_without_an_earlier_log_has_no_such_section() -> None:
    assert before(story()) == ""


def test_it_is_called_hearsay_and_changes_no_number() -> None:
    told = replace(story(), history=PAST)
    section = before(told)
    assert "results.tsv: 2 rows (1 keep, 1 crash)" in section
    assert "nothing here rests on it" in section
    assert "2.75" in section
    assert "a rate of 10" in section
    without = report_html(story())
    assert "Before this run" not in without
    assert report_html(told).replace(section, "").split() == without.split()
    assert results_tsv(told) == results_tsv(story())


def test_hostile_words_are_text() -> None:
    row = PastResult(file=HOSTILE, line=1, status=HOSTILE, note=HOSTILE)
    section = before(replace(story(), history=(row,)))
    assert "<script" not in section
    assert "<img" not in section
    assert "\u202e" not in section
