"""The race of a simulated run: each candidate is judged once a rung, against the latest before it."""

from __future__ import annotations

from orgruntime.model.ids import TrialKey
from orgruntime.scheduler.halving import WINDOW
from orgruntime.simulator.patience import Patience


def test_each_is_judged_once_against_those_before_it() -> None:
    patience = Patience(1 / 2)
    assert patience.rungs == (1 / 8, 1 / 4, 1 / 2)
    patience.reach(TrialKey("a"), 1 / 4, 1.0)
    patience.reach(TrialKey("b"), 1 / 4, 2.0)
    patience.reach(TrialKey("a"), 1 / 2, 3.0)
    assert [(one.key, one.value, one.others) for one in patience.due()] == [
        ("a", 1.0, ()),
        ("b", 2.0, (1.0,)),
        ("a", 3.0, ()),
    ]
    assert patience.due() == ()


def test_only_the_latest_are_a_comparison() -> None:
    patience = Patience(1 / 2)
    for n in range(WINDOW + 5):
        patience.reach(TrialKey(f"t{n}"), 1 / 4, float(n))
    assert patience.due()[-1].others == tuple(float(n) for n in range(4, WINDOW + 4))


def test_full_patience_has_no_rungs() -> None:
    assert Patience(1.0).rungs == ()
