"""Progress lines, read as they come."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from orgruntime.backends.milestones import LONGEST, Milestones

SAID = b"epoch 1\nprogress 0.1 loss 5.0\nProgress 0.3 loss 4.0\nprogress 0.6 loss 3.0\nprogress 0.7 loss 2.0\n---\n"


@given(st.lists(st.integers(0, len(SAID)), max_size=12))
def test_pieces_of_any_size_tell_the_same(cuts: list[int]) -> None:
    ends = [0, *sorted(cuts), len(SAID)]
    milestones = Milestones("loss", (0.5, 0.25))
    told = [point for a, b in pairwise(ends) for point in milestones.hear(SAID[a:b])]
    assert list(dict.fromkeys(told)) == [(0.1, 5.0), (0.3, 4.0), (0.6, 3.0)]


def test_a_line_past_two_rungs_is_told_once() -> None:
    milestones = Milestones("loss", (0.125, 0.25, 0.5))
    assert milestones.hear(b"progress 0.3 loss 1\n") == [(0.3, 1.0)]
    assert milestones.hear(b"progress 0.4 loss 1\n") == []
    assert milestones.hear(b"progress 0.5 loss 0\n") == [(0.4, 1.0), (0.5, 0.0)]
    assert milestones.hear(b"progress 1 loss 0\n") == []


def test_what_is_no_point_is_passed_over() -> None:
    milestones = Milestones("loss", (0.1,))
    for line in (
        b"progress 0.5 accuracy 1", b"progress 0.5 loss nan", b"progress 7 loss 1", b"progress 0 loss 1",
        b"progress x loss 1", b"progress 0.5 loss 1 2", b"\xff\xfe", b"progress 0.5 loss " + b"1" * LONGEST,
    ):  # fmt: skip
        assert milestones.hear(line + b"\n") == []


def test_a_line_without_an_end_is_not_kept() -> None:
    milestones = Milestones("loss", (0.1,))
    for _ in range(100):
        assert milestones.hear(b"x" * 65536) == []
    assert len(milestones._line) <= LONGEST + 1
    assert milestones.hear(b"\nprogress 0.5 loss 1\n") == [(0.5, 1.0)]
