"""Books of a simulated run: what is held counts as spent, and comes back."""

from __future__ import annotations

import pytest

from orgruntime.model.amounts import Budget
from orgruntime.model.manifest import Resources
from orgruntime.model.research import RiskClass
from orgruntime.model.trial import Purpose
from orgruntime.simulator.books import Books

GPU = Resources(cpus=2, gpus=1)
EXPLORE, EXPLOIT = RiskClass.EXPLORE, RiskClass.EXPLOIT


def test_what_is_held_counts_until_it_is_settled() -> None:
    books = Books(Budget(trials=4, gpu_ms=10_000), GPU, 2.0)
    held = books.hold(Purpose.SCREEN, EXPLORE)
    assert books.left(0.0) == {"trials": 3, "gpu_ms": 8000}
    assert books.used(0.0) == {"trials": 0.25, "gpu_ms": 0.2}
    books.settle(held, 0.5, "explore", counts=True)
    assert books.left(0.0) == {"trials": 3, "gpu_ms": 9500}
    assert books.sleeves.explore == 500


def test_what_the_cluster_lost_costs_time_and_no_trial() -> None:
    books = Books(Budget(trials=4, gpu_ms=10_000), GPU, 2.0)
    books.settle(books.hold(Purpose.CERTIFY, EXPLOIT), 1.0, "wasted", counts=False)
    assert books.left(0.0) == {"trials": 4, "gpu_ms": 9000}
    assert books.sleeves.total == 0, "verification belongs to no sleeve"
    assert books.shares() == {"wasted": 1.0}


def test_time_passes_without_anybody_s_doing() -> None:
    books = Books(Budget(wall_ms=10_000), Resources(), 2.0)
    assert books.left(4.0) == {"wall_ms": 6000}
    assert books.used(4.0) == {"wall_ms": pytest.approx(0.4)}
    assert books.left(11.0) == {"wall_ms": 0}


def test_a_unit_that_must_not_be_used_has_nothing_left() -> None:
    books = Books(Budget(trials=4, gpu_ms=0), Resources(), 2.0)
    assert books.left(0.0) == {"trials": 4, "gpu_ms": 0}
    assert "gpu_ms" not in books.used(0.0)


def test_the_largest_bite_is_of_what_was_left() -> None:
    books = Books(Budget(gpu_ms=10_000), GPU, 2.0)
    books.hold(Purpose.NOISE, EXPLOIT)
    assert books.largest_bite == 0.0
    books.hold(Purpose.SCREEN, EXPLOIT)
    assert books.largest_bite == pytest.approx(2000 / 8000)
    assert not books.overspent


def test_sleeves_begin_again_when_the_share_changes() -> None:
    books = Books(Budget(trials=9), GPU, 2.0)
    books.share_is(0.3)
    before = books.hold(Purpose.SCREEN, EXPLORE)
    books.share_is(0.3)
    assert books.sleeves.explore == 2000
    books.share_is(0.6)
    after = books.hold(Purpose.SCREEN, EXPLOIT)
    books.settle(before, 1.0, "explore", counts=True)
    assert (books.sleeves.explore, books.sleeves.exploit) == (0, 2000), "the refund is of an earlier account"
    books.settle(after, 1.0, "exploit", counts=True)
    assert books.sleeves.exploit == 1000
    assert books.exploring_share == 0.5
