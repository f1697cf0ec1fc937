"""Patience compares what ran on one seed and had spent the same."""

from __future__ import annotations

from orgruntime.simulator.patience import Patience


def test_the_worst_of_many_is_ended_and_the_best_goes_on() -> None:
    patience = Patience(1 / 2)
    assert patience.rungs == (1 / 8, 1 / 4, 1 / 2)
    assert all(patience.goes_on("lead/0", 1 / 4, value) for value in (1.0, 2.0, 3.0)), "nobody is ended by few"
    assert not patience.goes_on("lead/0", 1 / 4, 0.5)
    assert patience.goes_on("lead/0", 1 / 4, 2.5)


def test_other_seeds_and_rungs_are_no_comparison() -> None:
    patience = Patience(1 / 2)
    for value in (1.0, 2.0, 3.0, 4.0):
        patience.goes_on("lead/0", 1 / 4, value)
    assert patience.goes_on("lead/1", 1 / 4, 0.0)
    assert patience.goes_on("lead/0", 1 / 2, 0.0)


def test_full_patience_ends_nobody() -> None:
    assert Patience(1.0).rungs == ()
