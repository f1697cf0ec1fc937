"""The ways of a simulated run: the noise floor, an inquiry, a certification, each a generator that says what it waits
for. The statistics are the scheduler's own; the truth is the world's.

Does not know time, slots or money. Invariant: what decides is what was measured; the truth is read for the score only.
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass, field
from random import Random

from orgruntime.model.numbers import Numbers
from orgruntime.model.research import EvidenceState, Noise, RiskClass
from orgruntime.model.trial import Purpose
from orgruntime.scheduler import noise
from orgruntime.scheduler.evidence import LARGEST_STAKE, Evidence, bet, judge, lap_summary, threshold
from orgruntime.scheduler.screen import Screening, believed_gain, screen
from orgruntime.simulator.worlds import World, curve_shape

RESCREENS = 3
"""Leads that one candidate is measured against, as in a real run."""


@dataclass(frozen=True)
class Code:
    """A version of the program: its true level in run spreads; `crashes` whenever it is run; learns along `curve`."""

    name: str
    level: float
    crashes: bool = False
    curve: tuple[float, float] = (1.0, 0.4)


BASE = Code("base", 0.0)


@dataclass(frozen=True)
class Wait:
    seconds: float


@dataclass(frozen=True)
class Measure:
    """One run of each arm on its seed. Answered by a list of metrics, None for a run that crashed or was ended early.

    `raced`: the code whose run patience may end.
    """

    arms: tuple[tuple[Code, str], ...]
    purpose: Purpose
    sleeve: RiskClass = RiskClass.EXPLOIT
    raced: str = ""


@dataclass(frozen=True)
class Ask:
    """The lead looks good enough to be tested."""


Way = Generator[Wait | Measure | Ask, list[float | None] | None, None]


@dataclass
class Science:
    """What a run believes, beside what is true."""

    world: World
    random: Random
    numbers: Numbers
    lead: Code = BASE
    champion: Code = BASE
    estimate: float = 0.0
    """By how much the lead looks better than the champion."""
    tests: int = 0
    certified: int = 0
    false: int = 0
    """Certified although the true gain is at most δ."""
    gains: list[tuple[float, float]] = field(default_factory=list)
    """(true, reported) of each champion over the one before."""
    since_kept: int = 0
    kept: int = 0
    verification_trials: int = 0
    tested: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self._luck: dict[str, float] = {}
        self.floor: Noise | None = None

    def measured(self, code: Code, seed: str) -> float | None:
        """One run. The luck of a seed is the same for every code."""
        if code.crashes:
            return None
        if seed not in self._luck:
            self._luck[seed] = self.world.noise(self.random)
        return self.world.run(code.level, self._luck[seed], self.random)

    @property
    def sd(self) -> float:
        assert self.floor is not None
        return self.floor.sd

    @property
    def verification_left(self) -> int | None:
        cap = self.numbers.verification_trials
        return None if cap is None else max(0, cap - self.verification_trials)

    @property
    def lead_promises(self) -> bool:
        return self.numbers.trigger is not None and self.estimate >= self.numbers.trigger

    @property
    def lead_hopes(self) -> bool:
        delta = self.numbers.delta
        fresh = self.lead.name not in self.tested and self.lead != self.champion
        return delta is not None and fresh and self.estimate > delta

    def reset(self) -> None:
        """A test that did not pass: back to the champion."""
        self.lead, self.estimate = self.champion, 0.0

    def keep(self, candidate: Code, gains: list[float]) -> None:
        self.kept += 1
        self.lead = candidate
        self.estimate += believed_gain(gains)
        self.since_kept = 0

    def crown(self, lead: Code, estimate: float, reported: float) -> None:
        """`estimate`: what the lead was believed to have gained when it was tested."""
        gain = lead.level - self.champion.level
        self.false += gain <= (self.numbers.delta or 0.0)
        self.gains.append((gain, reported))
        self.certified += 1
        self.champion = lead
        self.estimate = max(0.0, self.estimate - estimate)


def measure_floor(science: Science) -> Way:
    """The base commit against itself, as often as the scheduler asks."""
    measured: dict[int, list[float | None]] = {}
    while wanted := noise.noise_runs(measured):
        # Replicates of one seed share its luck and nothing else: each is a version of the same code.
        arms = tuple((Code(f"base.{replicate}", 0.0), f"noise {seed}") for seed, replicate in wanted)
        values = yield Measure(arms, Purpose.NOISE)
        for (seed, _), value in zip(wanted, values or (), strict=True):
            measured.setdefault(seed, []).append(value)
    science.floor = noise.floor(list(measured.values()))


def inquire(science: Science, name: str, *, long_shot: bool) -> Way:
    """One idea: thought, screened against the lead of the moment, perhaps kept, perhaps brought before the verifier."""
    world, random = science.world, science.random
    yield Wait(world.think_s * (0.5 + random.random()))
    effect = world.ideas.effect(random, long_shot=long_shot)
    crashes, curve = random.random() < world.crash, curve_shape(random)
    sleeve = RiskClass.EXPLORE if long_shot else RiskClass.EXPLOIT
    for attempt in range(RESCREENS):
        lead = science.lead
        candidate = Code(f"{name}.{attempt}", lead.level + effect, crashes, curve)
        gains: list[float] = []
        while (state := screen(gains, science.sd)) is Screening.MORE:
            seed = f"{lead.name}/{len(gains)}"
            arms = ((candidate, seed), (lead, seed))
            # A candidate that has won its first pair is no longer raced.
            raced = "" if gains else candidate.name
            ours, theirs = (yield Measure(arms, Purpose.SCREEN, sleeve, raced)) or (None, None)
            if ours is None or theirs is None:
                # One that was ended early has not met the lead, and says nothing of where it stands.
                science.since_kept += crashes or bool(gains)
                return
            gains.append(ours - theirs)
            if gains[-1] > 0 and science.lead is not lead:
                break
        if state is Screening.FAIL:
            break
        if science.lead is lead and state is Screening.PASS:
            science.keep(candidate, gains)
            if science.lead_promises:
                yield Ask()
            return
    science.since_kept += 1


def certify(science: Science, ahead: int, most: int) -> Way:
    """Fresh pairs of lead and champion, judged in order, up to `ahead` of them measured at once, at most `most` in all;
    then the lap."""
    numbers, lead, champion, estimate = science.numbers, science.lead, science.champion, science.estimate
    assert numbers.delta is not None
    assert numbers.scale is not None
    science.tests += 1
    science.tested.add(lead.name)
    bar = threshold(numbers.alpha, numbers.tests_planned, science.certified)
    known, state, drawn = Evidence(), EvidenceState.RUNNING, 0
    while state is EvidenceState.RUNNING:
        count = max(1, min(ahead, _pairs_to_go(known, bar, most)))
        values = yield Measure(_pairs(f"test {science.tests}", drawn, count, (champion, lead)), Purpose.CERTIFY)
        assert values is not None
        drawn += count
        for old, new in zip(values[::2], values[1::2], strict=True):
            if state is EvidenceState.RUNNING:
                gain = None if new is None or old is None else new - old
                known = bet(known, gain, numbers.delta, numbers.scale)
                state = judge(known, threshold=bar, sd=science.sd, max_pairs=most)
    if state is not EvidenceState.PASSED:
        science.reset()
        return
    codes = (champion, lead) if science.certified == 0 else (champion, lead, BASE)
    values = yield Measure(_pairs(f"lap {science.tests}", 0, numbers.lap_pairs, codes), Purpose.LAP)
    assert values is not None
    gains = [(values[n + 1] or 0.0) - (values[n] or 0.0) for n in range(0, len(values), len(codes))]
    science.crown(lead, estimate, lap_summary(gains, science.sd).gain)


def _pairs(name: str, first: int, count: int, codes: tuple[Code, ...]) -> tuple[tuple[Code, str], ...]:
    """Every code on each of `count` fresh seeds."""
    return tuple((code, f"{name}/{n}") for n in range(first, first + count) for code in codes)


def _pairs_to_go(known: Evidence, bar: float, most: int) -> int:
    """The fewest further pairs that any outcome could decide on the passing side."""
    wealth, pairs = known.wealth, 0
    while wealth < bar and known.pairs + pairs < most:
        wealth, pairs = wealth * (1.0 + LARGEST_STAKE), pairs + 1
    return max(1, pairs)
