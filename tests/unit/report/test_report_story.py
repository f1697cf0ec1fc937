from __future__ import annotations

import math
from dataclasses import replace

import pytest
from report_stories import GOOD, story

from orgruntime.model.manifest import Direction
from orgruntime.report.story import Point, PointStatus, proposals


@pytest.mark.parametrize("metric", [math.nan, math.inf, -math.inf])
def test_a_metric_that_is_no_finite_number_is_no_metric(metric: float) -> None:
    assert Point(1, GOOD, metric, 0, "screen", PointStatus.CRASH).metric is None


def test_the_trials_of_a_proposal_are_one_line_with_their_mean() -> None:
    first, second, third = proposals(story())
    assert (first.id, first.trials, first.metric, first.memory_mb) == ("p1", 2, pytest.approx(2.31), 1537)
    assert (second.status, second.gain) == (PointStatus.DISCARD, -0.11)
    assert (third.status, third.metric) == (PointStatus.CRASH, None)


def test_a_proposal_that_crashed_on_one_seed_has_no_metric() -> None:
    tame = story()
    crash = replace(tame.points[11], number=30, metric=None, status=PointStatus.CRASH)
    assert proposals(replace(tame, points=(tame.points[10], crash)))[0].metric is None


def test_a_champion_stands_where_its_certified_gain_puts_it_in_either_direction() -> None:
    down = story()
    assert down.certified_at(down.champions[0]) == pytest.approx((2.25, 2.3, 2.35))
    up = replace(down, direction=Direction.MAXIMIZE)
    assert up.certified_at(up.champions[0]) == pytest.approx((2.65, 2.7, 2.75))
    assert down.certified_percent(down.champions[0]) == pytest.approx((6.0, 8.0, 10.0))


def test_gain_over_the_baseline_is_positive_when_better_and_unknown_at_a_baseline_of_zero() -> None:
    down = story()
    assert down.percent_over_baseline(2.25) == pytest.approx(10.0)
    assert replace(down, direction=Direction.MAXIMIZE).percent_over_baseline(2.25) == pytest.approx(-10.0)
    assert replace(down, baseline=0.0).percent_over_baseline(1.0) is None
