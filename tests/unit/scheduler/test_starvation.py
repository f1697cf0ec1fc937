"""Nobody starves: the bound that `decide` states, against arrivals without end."""

from __future__ import annotations

import random
from dataclasses import dataclass, field, replace

import pytest
from test_decide import NOW, of

from orgruntime.model.amounts import Amounts
from orgruntime.model.appetite import Dial
from orgruntime.model.ids import TrialKey
from orgruntime.model.research import RiskClass
from orgruntime.model.trial import Purpose
from orgruntime.scheduler.decide import MOST_OVERTAKEN, Snapshot, Verb, decide
from orgruntime.scheduler.sleeves import Sleeves
from orgruntime.scheduler.waiting import Waiting, Wanted

GPUS = 4
NEEDS = {"one": 1, "gang": GPUS}


@dataclass
class Yard:
    """Four GPUs, screens of one GPU that arrive faster than they are run, and one trial that is watched."""

    watched: Wanted
    exploration: float = 0.3
    knows_places: bool = True
    rng: random.Random = field(default_factory=lambda: random.Random(1))
    running: list[Wanted] = field(default_factory=list)
    sleeves: Sleeves = Sleeves()
    arrivals: int = 0
    overtaken: int = 0
    """Trials of the climb that were started while the watched one waited; up to eight of them came before it."""

    def __post_init__(self) -> None:
        self.waiting = Waiting()

    def run(self, ticks: int) -> bool:
        """Whether the watched trial, which arrives when all GPUs are taken, was started."""
        for tick in range(ticks):
            if tick == 1:
                self.waiting.add(self.watched)
            while len(self.waiting) < 8:
                self.arrivals += 1
                sleeve = RiskClass.EXPLOIT if self.exploration == 0 else self.rng.choice(list(RiskClass))
                self.waiting.add(screen(f"s{self.arrivals}", sleeve))
            for decision in of(decide(self.snapshot()), Verb.START_TRIAL):
                started = next(one for one in self.waiting if one.key == decision.subject)
                if NEEDS[started.shape] > self.free:
                    continue  # Shapes are counted apart: what was started before it in this tick has taken its GPUs.
                self.waiting.start(started.key)
                self.running.append(started)
                self.sleeves = self.sleeves.given(started.sleeve, started.device_ms)
                if started.key == self.watched.key:
                    return True
                self.overtaken += tick > 0
            # Never all at once, so that four GPUs are free together only where they are held free.
            self.rng.shuffle(self.running)
            del self.running[: self.rng.choice((1, 2))]
        return False

    @property
    def free(self) -> int:
        return GPUS - sum(NEEDS[one.shape] for one in self.running)

    def snapshot(self) -> Snapshot:
        numbers = NOW.numbers.model_copy(update={"exploration": self.exploration})
        return replace(
            NOW, numbers=numbers, wanted=self.waiting, running=len(self.running), slots=GPUS, exploring=20,
            free={shape: self.free // needed for shape, needed in NEEDS.items()}, sleeves=self.sleeves,
            places={"one": GPUS, "gang": 1} if self.knows_places else {}, left={}, used={},
        )  # fmt: skip


def screen(name: str, sleeve: RiskClass = RiskClass.EXPLOIT, shape: str = "one") -> Wanted:
    return Wanted(TrialKey(name), Purpose.SCREEN, Amounts(trials=1, gpu_ms=NEEDS[shape] * 100), shape, 100, sleeve)


GANG = screen("gang", shape="gang")
PROBE = replace(screen("probe"), purpose=Purpose.PROBE)
LONG_SHOT = screen("long shot", RiskClass.EXPLORE)


@pytest.mark.parametrize(
    ("watched", "exploration"), [(GANG, 0.3), (PROBE, 0.3), (LONG_SHOT, 0.0)], ids=["gang", "probe", "long shot"]
)
def test_a_waiting_trial_is_overtaken_by_a_bounded_number(watched: Wanted, exploration: float) -> None:
    for seed in range(5):
        yard = Yard(watched, exploration, rng=random.Random(seed))
        assert yard.run(400)
        assert yard.overtaken <= MOST_OVERTAKEN + GPUS + 8


@pytest.mark.parametrize(("watched", "exploration"), [(GANG, 0.3), (LONG_SHOT, 0.0)])
def test_without_the_bound_it_would_starve(
    watched: Wanted, exploration: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("orgruntime.scheduler.decide.MOST_OVERTAKEN", 10**9)
    assert not Yard(watched, exploration).run(400)


def test_places_that_nobody_has_hold_up_nothing() -> None:
    """A shape that the fleet cannot hold, or of which that is not known, must not drain the cluster."""
    yard = Yard(GANG, knows_places=False)
    assert not yard.run(200)
    assert yard.overtaken > 2 * MOST_OVERTAKEN


def test_a_start_out_of_turn_says_why() -> None:
    waiting = Waiting([LONG_SHOT])
    for n in range(MOST_OVERTAKEN):
        waiting.add(screen(f"s{n}"))
        waiting.start(TrialKey(f"s{n}"))
    waiting.add(screen("next"))
    numbers = NOW.numbers.model_copy(update={"exploration": 0.0})
    first = of(decide(replace(NOW, numbers=numbers, wanted=waiting, free={"one": 1}, slots=1)), Verb.START_TRIAL)
    assert [(one.subject, one.dial) for one in first] == [("long shot", Dial.CAPACITY)]
    assert "64 later ones" in first[0].reason


def test_one_that_comes_to_the_front_has_not_been_overtaken_there() -> None:
    waiting = Waiting([screen("a"), screen("b")])
    waiting.add(LONG_SHOT)
    waiting.start(LONG_SHOT.key)
    assert [queue.overtaken for queue in waiting.queues()] == [1]
    waiting.start(TrialKey("a"))
    assert [queue.overtaken for queue in waiting.queues()] == [0]
