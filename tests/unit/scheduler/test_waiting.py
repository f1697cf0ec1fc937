"""What waits, in queues: order of arrival, and a tick that looks at heads."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from test_decide import NOW, of, verbs

from orgruntime.model.amounts import Amounts
from orgruntime.model.ids import TrialKey
from orgruntime.model.research import RiskClass
from orgruntime.model.trial import Purpose
from orgruntime.scheduler.decide import Verb, decide
from orgruntime.scheduler.waiting import Waiting, Wanted

MANY = 20_000


def trial(name: str, purpose: Purpose = Purpose.SCREEN, gpu_ms: int = 10, **rest: RiskClass) -> Wanted:
    return Wanted(TrialKey(name), purpose, Amounts(trials=1, gpu_ms=gpu_ms), "gpu", 10_000, **rest)


@given(st.lists(st.tuples(st.sampled_from(list(Purpose)), st.sampled_from(list(RiskClass)), st.integers(1, 3))))
def test_all_are_there_in_order_of_arrival(kinds: list[tuple[Purpose, RiskClass, int]]) -> None:
    wanted = [trial(f"t{n}", purpose, cost, sleeve=sleeve) for n, (purpose, sleeve, cost) in enumerate(kinds)]
    waiting = Waiting(wanted)
    assert list(waiting) == wanted
    assert len(waiting) == len(wanted) == sum(map(len, waiting.queues()))
    assert len(waiting.queues()) == len(set(kinds))


def test_whoever_waits_already_keeps_the_place() -> None:
    waiting = Waiting([trial("a"), trial("b")])
    waiting.add(trial("a"))
    assert [one.key for one in waiting] == ["a", "b"]
    waiting.remove(TrialKey("a"))
    assert trial("a") not in waiting
    waiting.add(trial("a"))
    assert [one.key for one in waiting] == ["b", "a"]


def test_what_does_not_wait_cannot_be_taken_out() -> None:
    with pytest.raises(KeyError):
        Waiting().remove(TrialKey("a"))


def test_a_tick_decides_the_same_of_queues_and_of_a_list() -> None:
    wanted = [trial(f"t{n}", sleeve=list(RiskClass)[n % 2]) for n in range(9)]
    now = replace(NOW, free={"gpu": 4}, slots=4, exploring=9)
    assert decide(replace(now, wanted=Waiting(wanted))) == decide(replace(now, wanted=tuple(wanted)))


@pytest.mark.parametrize(("free", "started"), [(0, 0), (3, 3)])
def test_a_tick_looks_at_the_heads_of_queues_only(free: int, started: int, monkeypatch: pytest.MonkeyPatch) -> None:
    waiting = Waiting(trial(f"t{n}", sleeve=list(RiskClass)[n % 2]) for n in range(MANY))
    looks = 0
    costs = Wanted.costs

    def counted(wanted: Wanted) -> dict[str, int]:
        nonlocal looks
        looks += 1
        return costs(wanted)

    monkeypatch.setattr(Wanted, "costs", counted)
    now = replace(NOW, wanted=waiting, free={"gpu": free}, running=1, slots=4, exploring=MANY)
    decisions = decide(replace(now, left={"gpu_ms": 10**6}, used={"gpu_ms": 0.1}))
    assert len(of(decisions, Verb.START_TRIAL)) == started
    assert looks < 50
    assert len(waiting) == MANY, "a decision takes nothing out"


def test_an_idle_run_gives_up_all_of_what_can_never_be_paid() -> None:
    waiting = Waiting([*(trial(f"t{n}", gpu_ms=10**6) for n in range(50)), trial("small")])
    decisions = decide(replace(NOW, wanted=waiting, free={"gpu": 1}, left={"gpu_ms": 500}, used={"gpu_ms": 0.5}))
    assert len(of(decisions, Verb.DROP)) >= 50
    assert Verb.OPEN_INQUIRY not in verbs(decisions)
