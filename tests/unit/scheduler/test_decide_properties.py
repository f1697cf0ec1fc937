"""What the policy promises for every snapshot, and for every history of a run."""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import dataclass, field, replace

from hypothesis import given, settings
from hypothesis import strategies as st

from orgruntime.model.amounts import UNITS, Amounts, Budget
from orgruntime.model.appetite import PRESETS, Dial, Preset
from orgruntime.model.ids import TrialKey
from orgruntime.model.manifest import Direction, Objective, Resources
from orgruntime.model.numbers import Numbers
from orgruntime.model.research import Noise
from orgruntime.model.trial import Purpose
from orgruntime.scheduler.decide import Decision, Snapshot, Verb, Wanted, decide
from orgruntime.scheduler.numbers import numbers
from orgruntime.scheduler.outage import Outage

OBJECTIVE = Objective(metric="loss", direction=Direction.MINIMIZE)
NOISE = Noise(sd=1.0, pairs=5, correlation=0.0, deterministic=False, baseline=10.0)
SHAPES = ("small", "large")
PREPARED = {
    (preset, trials): numbers(PRESETS[preset], Budget(trials=trials), OBJECTIVE, 10.0, Resources(), NOISE)
    for preset in Preset
    for trials in (None, 20, 60, 200, 2000)
}

units = st.integers(0, 100_000)
bounded = st.dictionaries(st.sampled_from([*UNITS, "wall_ms"]), units, max_size=4)
shares = st.floats(0, 1)


@st.composite
def wants(draw: st.DrawFn) -> tuple[Wanted, ...]:
    count = draw(st.integers(0, 6))
    return tuple(
        Wanted(
            key=TrialKey(f"k{n}"),
            purpose=draw(st.sampled_from(list(Purpose))),
            cap=Amounts(trials=1, gpu_ms=draw(units), cpu_ms=draw(units)),
            shape=draw(st.sampled_from(SHAPES)),
            wall_ms=draw(units),
        )
        for n in range(count)
    )


@st.composite
def snapshots(draw: st.DrawFn) -> Snapshot:
    left = draw(bounded)
    return Snapshot(
        numbers=draw(st.sampled_from(list(PREPARED.values()))),
        wanted=draw(wants()),
        running=draw(st.integers(0, 2)),
        free={shape: draw(st.integers(0, 4)) for shape in SHAPES},
        slots=draw(st.integers(1, 4)),
        left=left,
        used={unit: draw(shares) for unit in left},
        baseline_known=draw(st.booleans()),
        exploring=draw(st.integers(0, 4)),
        proposers=draw(st.integers(0, 3)),
        certification_asked=draw(st.booleans()),
        certification_running=draw(st.booleans()),
        tests_used=draw(st.integers(0, 16)),
        since_champion=draw(shares),
        target_reached=draw(st.booleans()),
        stop_asked=draw(st.sampled_from([False, False, False, True])),
        verification_left=draw(st.none() | st.integers(0, 100)),
        champion_is_base=draw(st.booleans()),
        lead_promises=draw(st.booleans()),
        lead_hopes=draw(st.booleans()),
        last_test_taken=draw(st.booleans()),
        standups=draw(st.booleans()),
        asked=draw(st.sampled_from([0, 0, 1, 9])),
        busy=draw(st.integers(0, 2)),
        question="may I?",
    )


def started(now: Snapshot, decisions: list[Decision]) -> list[Wanted]:
    by_key = {wanted.key: wanted for wanted in now.wanted}
    return [by_key[TrialKey(d.subject)] for d in decisions if d.verb is Verb.START_TRIAL]


def count(decisions: list[Decision], *verbs: Verb) -> int:
    return sum(decision.verb in verbs for decision in decisions)


@given(snapshots())
def test_the_same_snapshot_gives_the_same_decisions_each_with_its_dial(now: Snapshot) -> None:
    decisions = decide(now)
    assert decisions == decide(replace(now))
    assert all(isinstance(d.dial, Dial) and d.reason.strip() for d in decisions)


@settings(max_examples=100)
@given(snapshots())
def test_what_is_started_together_fits_the_slots_and_the_money(now: Snapshot) -> None:
    trials = started(now, decide(now))
    assert all(n <= now.free[shape] for shape, n in Counter(w.shape for w in trials).items())
    for unit in UNITS:
        assert unit not in now.left or sum(getattr(w.cap, unit) for w in trials) <= now.left[unit]
    assert all(w.wall_ms <= now.left.get("wall_ms", w.wall_ms) for w in trials)


@settings(max_examples=100)
@given(snapshots())
def test_each_trial_of_the_climb_holds_at_most_the_stake_of_what_those_before_it_left(now: Snapshot) -> None:
    """C8: also of several that start in one tick."""
    left = dict(now.left)
    for one in started(now, decide(now)):
        for unit in UNITS:
            cost = getattr(one.cap, unit)
            if unit in left and unit != "trials":
                if one.purpose in (Purpose.SCREEN, Purpose.PROBE):
                    assert cost <= now.numbers.largest_stake * left[unit]
                left[unit] -= cost


@given(snapshots())
def test_nothing_is_decided_twice_about_one_trial(now: Snapshot) -> None:
    subjects = [d.subject for d in decide(now) if d.verb in (Verb.START_TRIAL, Verb.DROP)]
    assert len(subjects) == len(set(subjects))
    assert set(subjects) <= {w.key for w in now.wanted}


@given(snapshots())
def test_a_lower_purpose_never_takes_the_slot_of_a_higher(now: Snapshot) -> None:
    rank = {Purpose.NOISE: 0, Purpose.CERTIFY: 1, Purpose.LAP: 1, Purpose.SCREEN: 2, Purpose.PROBE: 3}
    order = [rank[w.purpose] for w in started(now, decide(now))]
    assert order == sorted(order)


@given(snapshots())
def test_a_stop_starts_nothing(now: Snapshot) -> None:
    assert decide(replace(now, stop_asked=True)) == []


@given(snapshots())
def test_no_screen_starts_in_a_dry_spell(now: Snapshot) -> None:
    now = replace(now, since_champion=1.0, baseline_known=True, certification_running=False, certification_asked=False)
    decisions = decide(now)
    if not count(decisions, Verb.FINISH) and now.proposers:
        assert all(w.purpose is not Purpose.SCREEN for w in started(now, decisions))
        assert not count(decisions, Verb.OPEN_INQUIRY)


@given(snapshots())
def test_a_test_is_granted_or_withdrawn_and_only_when_it_was_asked_for(now: Snapshot) -> None:
    decisions = decide(now)
    assert count(decisions, Verb.CERTIFY, Verb.WITHDRAW) <= 1
    if not now.certification_asked or now.certification_running:
        assert not count(decisions, Verb.CERTIFY, Verb.WITHDRAW)
    if now.tests_used >= now.numbers.tests_planned:
        assert not count(decisions, Verb.CERTIFY, Verb.LAST_TEST)


@given(snapshots())
def test_the_trigger_is_a_bar_until_nothing_else_is_left(now: Snapshot) -> None:
    """Only a lead above δ passes it then, and only once."""
    decisions = decide(replace(now, lead_promises=False))
    if count(decisions, Verb.LAST_TEST):
        assert len(decisions) == 1
        assert now.lead_hopes
        assert not now.last_test_taken
        assert not any((now.running, now.wanted, now.in_hand, now.certification_asked))
    if count(decisions, Verb.CERTIFY):
        assert now.lead_hopes
        assert not count(decisions, Verb.OPEN_INQUIRY)


@given(snapshots())
def test_a_run_ends_only_with_empty_hands(now: Snapshot) -> None:
    decisions = decide(now)
    if count(decisions, Verb.FINISH):
        assert len(decisions) == 1
        hands = (now.running, now.wanted, now.in_hand, now.certification_asked, now.certification_running)
        assert not any(hands)
    if count(decisions, Verb.PAUSE):
        assert not now.running
        assert not started(now, decisions)
    for decision in decisions:
        if decision.dial is Dial.PEOPLE:
            assert len(decisions) == 1
            assert now.asked
            assert not any((now.busy, now.wanted, now.certification_running))


@settings(max_examples=150)
@given(snapshots())
def test_an_idle_run_always_has_a_way_on(now: Snapshot) -> None:
    """With nothing running and free slots, a trial that waits is decided about; with no trial waiting, somebody
    thinks, or something is decided."""
    now = replace(now, running=0, free=dict.fromkeys(SHAPES, 1), stop_asked=False)
    busy = now.asked and now.busy
    thinking = now.exploring or now.certification_running or now.standups or busy or not now.baseline_known
    assert decide(now) or (thinking and not now.wanted)


@dataclass
class Toy:
    """A run without a world: inquiries that want a screen or two, tests that want pairs, attempts that end anyhow."""

    budget: Budget
    numbers: Numbers
    rng: random.Random
    cap: Amounts
    slots: int = 3
    spent: Counter[str] = field(default_factory=Counter)
    reserved: Counter[str] = field(default_factory=Counter)
    wall_ms: int = 0
    wanted: dict[str, Wanted] = field(default_factory=dict)
    running: dict[str, Wanted] = field(default_factory=dict)
    thinking: int = 0
    pairs: int = 0
    asked: bool = False
    testing: bool = False
    tests: int = 0
    settled: int = 0
    last_champion: int = 0
    opened: int = 0
    spare_ticks: int = 0
    ended: Decision | None = None

    def snapshot(self) -> Snapshot:
        bounds = self.budget.bounds()
        taken = {unit: self.spent[unit] + self.reserved[unit] for unit in bounds}
        if self.budget.wall_ms is not None:
            bounds["wall_ms"], taken["wall_ms"] = self.budget.wall_ms, self.wall_ms
        screens = sum(w.purpose is Purpose.SCREEN for w in [*self.wanted.values(), *self.running.values()])
        used = {unit: min(1.0, taken[unit] / bound) for unit, bound in bounds.items()}
        since = (self.settled - self.last_champion) / self.settled if self.settled else 0.0
        return Snapshot(
            numbers=self.numbers, wanted=tuple(self.wanted.values()), running=len(self.running),
            free={"x": self.slots - len(self.running)}, slots=self.slots,
            left={unit: max(0, bound - taken[unit]) for unit, bound in bounds.items()}, used=used, baseline_known=True,
            exploring=self.thinking + screens, proposers=2, certification_asked=self.asked,
            certification_running=self.testing, tests_used=self.tests,
            since_champion=since * max(used.values(), default=0.0), screen=self.want(Purpose.SCREEN),
        )  # fmt: skip

    def want(self, purpose: Purpose) -> Wanted:
        return Wanted(TrialKey(f"t{self.rng.random()}"), purpose, self.cap, "x", 10_000)

    def tick(self) -> None:
        for decision in decide(self.snapshot()):
            self.apply(decision)
        self.check()
        self.live()

    def apply(self, decision: Decision) -> None:
        match decision.verb:
            case Verb.START_TRIAL:
                wanted = self.running[decision.subject] = self.wanted.pop(decision.subject)
                self.reserved.update(wanted.cap.model_dump())
            case Verb.DROP:
                dropped = self.wanted.pop(decision.subject)
                self.pairs = 0 if dropped.purpose is Purpose.CERTIFY else self.pairs
            case Verb.OPEN_INQUIRY:
                self.thinking += decision.count
                self.opened += decision.count
            case Verb.CERTIFY:
                self.asked, self.testing, self.tests, self.pairs = False, True, self.tests + 1, self.rng.randrange(1, 9)
            case Verb.WITHDRAW:
                self.asked = False
            case Verb.PAUSE | Verb.FINISH:
                self.ended = decision

    def check(self) -> None:
        for unit, bound in self.budget.bounds().items():
            assert self.spent[unit] + self.reserved[unit] <= bound
        assert len(self.running) <= self.slots
        assert self.tests <= self.numbers.tests_planned

    def live(self) -> None:
        """Something happens outside: attempts end, agents answer, a test goes on."""
        self.wall_ms += 500
        for key in [key for key in self.running if self.rng.random() < 0.5]:
            self.settle(key, self.running.pop(key))
        for _ in range(self.thinking):
            if self.rng.random() < 0.5:
                self.thinking -= 1
                if self.rng.random() < 0.8:
                    self.put(Purpose.SCREEN)
        if self.testing and not any(
            w.purpose is Purpose.CERTIFY for w in [*self.wanted.values(), *self.running.values()]
        ):
            self.pairs -= 1
            if self.pairs < 0:
                self.testing = False
                self.last_champion = self.settled if self.rng.random() < 0.5 else self.last_champion
            else:
                self.put(Purpose.CERTIFY)
                self.put(Purpose.CERTIFY)

    def put(self, purpose: Purpose) -> None:
        wanted = self.want(purpose)
        self.wanted[wanted.key] = wanted

    def settle(self, key: str, wanted: Wanted) -> None:
        """Ends well, crashes, or is lost by the cluster: charged at the worst, but for the unit of trials."""
        self.reserved.subtract(wanted.cap.model_dump())
        luck = self.rng.random()
        charged = (
            wanted.cap.model_dump()
            if luck < 0.2
            else {**wanted.cap.model_dump(), "cpu_ms": self.rng.randrange(1, wanted.cap.cpu_ms)}
        )
        if luck < 0.1:
            self.wanted[key] = wanted
            charged["trials"] = 0
        else:
            self.settled += 1
            self.asked = self.asked or (not self.testing and self.rng.random() < 0.1)
        self.spent.update(charged)


BUDGETS = (
    Budget(trials=60),
    Budget(trials=150),
    Budget(cpu_ms=2_000_000),
    Budget(cpu_ms=100_000),
    Budget(wall_ms=60_000),
    Budget(trials=1000, wall_ms=60_000),
    Budget(trials=500, cpu_ms=400_000),
)


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(BUDGETS), st.sampled_from(list(Preset)), st.integers(0, 10**9))
def test_a_run_never_overspends_and_always_ends(budget: Budget, preset: Preset, seed: int) -> None:
    """C8 of the design, crashes and lost attempts included. A tick is half a second; 20,000 of them are enough."""
    resources = Resources()
    toy = Toy(
        budget,
        numbers(PRESETS[preset], budget, OBJECTIVE, 10.0, resources, NOISE),
        random.Random(seed),
        resources.cost(10.0),
    )
    for _ in range(20_000):
        toy.tick()
        if toy.ended is not None:
            break
    assert toy.ended is not None
    trials = toy.settled + toy.slots + 1
    assert toy.opened <= 3 * trials + 20, "ideas are not opened when no trial can follow them"


BEGINS = {Verb.START_TRIAL, Verb.OPEN_INQUIRY, Verb.CERTIFY, Verb.LAST_TEST}


@given(snapshots())
def test_a_run_that_waits_for_the_cluster_ends_what_it_would_have_and_begins_nothing(now: Snapshot) -> None:
    asked = replace(now, baseline_known=True)
    assert decide(replace(asked, lost=Outage())) == [one for one in decide(asked) if one.verb not in BEGINS]


@given(snapshots())
def test_after_a_wait_one_trial_starts_at_most_and_a_run_that_had_something_to_do_has_still(now: Snapshot) -> None:
    asked = replace(now, baseline_known=True)
    whole, found = decide(asked), decide(replace(asked, lost=Outage(probe=True)))
    trials = [one for one in whole if one.verb is Verb.START_TRIAL]
    assert [one for one in found if one.verb is Verb.START_TRIAL] == trials[:1]
    assert bool(found) == bool(whole)
