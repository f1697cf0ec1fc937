"""A baseline accepts what it counted, wherever the lines have moved, and nothing more."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orgruntime.diagnostics.baseline import BadBaseline, Fingerprints, as_baseline, known_of, sift
from orgruntime.diagnostics.codes import DUPLICATE_KEY, FOREIGN_KEY, UNKNOWN_KEY
from orgruntime.diagnostics.diagnostic import Diagnostic
from orgruntime.diagnostics.span import Span

WORDS = ("alpha", "beta", "gamma")


def faults(lines: list[str], file: str = "p.md") -> list[Diagnostic]:
    """One finding a line that holds one of the words."""
    found = []
    for number, line in enumerate(lines, 1):
        for word in WORDS:
            if (at := line.find(word)) >= 0:
                span = Span(file, number, at + 1, number, at + 1 + len(word))
                message = f"unknown key `{word}`; the first is in line {number}"
                found.append(Diagnostic(UNKNOWN_KEY.id, UNKNOWN_KEY.name, UNKNOWN_KEY.severity, span, message))
    return found


def prints(lines: list[str], file: str = "p.md") -> Fingerprints:
    return Fingerprints({file: "\n".join(lines)}, str)


_lines = st.lists(st.sampled_from(["", "words", "alpha: 1", "  beta", "gamma: alpha"]), max_size=8)


@given(_lines, st.lists(st.sampled_from(["", "more", "and more"]), max_size=8), st.randoms())
def test_lines_that_move_keep_what_was_accepted(lines: list[str], more: list[str], random) -> None:
    known = known_of(as_baseline(faults(lines), prints(lines)))
    moved = list(lines)
    for line in more:
        moved.insert(random.randint(0, len(moved)), line)
    sifted = sift(faults(moved), prints(moved), known)
    assert sifted.new == ()
    assert (sifted.accepted, sifted.gone) == (len(faults(lines)), 0)


@given(_lines, st.sampled_from(WORDS))
def test_one_more_of_the_same_is_new(lines: list[str], word: str) -> None:
    known = known_of(as_baseline(faults(lines), prints(lines)))
    sifted = sift(faults([*lines, word]), prints([*lines, word]), known)
    assert [(one.span.line, one.span.column) for one in sifted.new] == [(len(lines) + 1, 1)]


def test_what_was_mended_is_counted_as_gone() -> None:
    known = known_of(as_baseline(faults(["alpha", "alpha", "beta"]), prints(["alpha", "alpha", "beta"])))
    sifted = sift(faults(["alpha"]), prints(["alpha"]), known)
    assert (sifted.new, sifted.accepted, sifted.gone) == ((), 1, 2)


def test_another_file_is_another_finding() -> None:
    known = known_of(as_baseline(faults(["alpha"]), prints(["alpha"])))
    assert len(sift(faults(["alpha"], "q.md"), prints(["alpha"], "q.md"), known).new) == 1


def test_another_rule_at_the_same_words_is_another_finding() -> None:
    known = known_of(as_baseline(faults(["alpha"]), prints(["alpha"])))
    (one,) = faults(["alpha"])
    other = Diagnostic(DUPLICATE_KEY.id, DUPLICATE_KEY.name, DUPLICATE_KEY.severity, one.span, one.message)
    assert sift([other], prints(["alpha"]), known).new == (other,)


def test_infos_are_no_faults_and_are_not_stored() -> None:
    info = Diagnostic(FOREIGN_KEY.id, FOREIGN_KEY.name, FOREIGN_KEY.severity, Span("p.md"), "not read here")
    assert as_baseline([info], prints([]))["findings"] == []


def test_a_baseline_is_written_in_one_order() -> None:
    lines = ["gamma", "beta", "alpha", "beta"]
    stored = as_baseline(faults(lines), prints(lines))
    assert json.dumps(stored) == json.dumps(as_baseline(reversed(faults(lines)), prints(lines)))
    assert [entry["count"] for entry in stored["findings"]] == [1, 2, 1]


@pytest.mark.parametrize(
    ("content", "why"),
    [
        ([], "not a baseline"),
        ({}, "not a baseline"),
        ({"orgrun_baseline": 2, "findings": []}, "version"),
        ({"orgrun_baseline": 1}, "findings"),
        ({"orgrun_baseline": 1, "findings": ["x"]}, "findings"),
        ({"orgrun_baseline": 1, "findings": [{"fingerprint": "x", "count": 0}]}, "findings"),
        ({"orgrun_baseline": 1, "findings": [{"fingerprint": "x", "count": True}]}, "findings"),
    ],
)
def test_what_is_no_baseline_is_refused(content: object, why: str) -> None:
    with pytest.raises(BadBaseline, match=why):
        known_of(content)
