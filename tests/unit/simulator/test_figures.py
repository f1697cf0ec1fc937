"""Intervals: those of shares are exact, and are those of scipy."""

from __future__ import annotations

import pytest
from scipy.special import betaincinv

from orgruntime.simulator.figures import at_least, at_most, mean_of, share_of


@pytest.mark.parametrize(("hits", "n"), [(0, 10), (0, 500), (1, 20), (7, 30), (29, 30), (30, 30), (40, 2000)])
@pytest.mark.parametrize("miss", [0.01, 0.05])
def test_a_share_is_bounded_as_clopper_and_pearson_do(hits: int, n: int, miss: float) -> None:
    upper = 1.0 if hits == n else betaincinv(hits + 1, n - hits, 1 - miss)
    lower = 0.0 if hits == 0 else betaincinv(hits, n - hits + 1, miss)
    assert at_most(hits, n, miss) == pytest.approx(upper, abs=1e-9)
    assert at_least(hits, n, miss) == pytest.approx(lower, abs=1e-9)


def test_a_share_lies_in_its_interval() -> None:
    found = share_of(3, 60)
    assert found.low < found.mean < found.high
    assert found.mean == pytest.approx(0.05)


def test_a_mean_of_one_has_no_width() -> None:
    assert mean_of([2.0]).model_dump() == {"mean": 2.0, "low": 2.0, "high": 2.0}
    found = mean_of([1.0, 2.0, 3.0])
    assert found.high - found.mean == pytest.approx(1.96 / 3**0.5)
