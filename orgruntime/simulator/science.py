"""The ways of a simulated run: the noise floor, an inquiry, a certification, each a generator that says what it waits
for. The statistics are the scheduler's own; the truth is the world's.

Does not know time, slots or money. Invariant: what decides is what was measured; the truth is read for the score only.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator
from dataclasses import dataclass, field
from random import Random

from orgruntime.model.numbers import Numbers
from orgruntime.model.research import EvidenceState, Noise, RiskClass
from orgruntime.model.trial import Purpose
from orgruntime.scheduler import noise
from orgruntime.scheduler.evidence import LARGEST_STAKE, Evidence, bet, judge, lap_summary, threshold
from orgruntime.scheduler.screen import Screening, believed_gain, screen
from orgruntime.simulator.worlds import World

RESCREENS = 3


@dataclass(frozen=True)
class Code:
    """A version of the program: its true level in run spreads; `crashes` whenever it is run."""

    name: str
    level: float
    crashes: bool = False


@dataclass(frozen=True)
class Wait:
    seconds: float


@dataclass(frozen=True)
class Measure:
    """One run of each arm on its seed. Answered by a list of metrics, None for a crash."""

    arms: tuple[tuple[Code, str], ...]
    purpose: Purpose
    sleeve: RiskClass = RiskClass.EXPLOIT


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
    lead: Code = Code("base", 0.0)
    champion: Code = Code("base", 0.0)
    estimate: float = 0.0
    tests: int = 0
    certified: int = 0
    false: int = 0
    reported: float = 0.0
    since_kept: int = 0
    verification_trials: int = 0
    champion_at: int = 0
    just_certified: bool = False
    tested: set[str] = field(default_factory=set)
    moves: int = 0

    def __post_init__(self) -> None:
        self._luck: dict[str, float] = {}
        self.floor = Noise(sd=1.0, pairs=0, correlation=0.0, deterministic=False, baseline=0.0)

    def measured(self, code: Code, seed: str) -> float | None:
        """One run. The luck of a seed is the same for every code."""
        if code.crashes:
            return None
        if seed not in self._luck:
            self._luck[seed] = self.world.noise(self.random)
        return self.world.run(code.level, self._luck[seed], self.random)

    def forget(self, seeds: Iterator[str]) -> None:
        for seed in seeds:
            self._luck.pop(seed, None)

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
    crashes = random.random() < world.crash
    sleeve = RiskClass.EXPLORE if long_shot else RiskClass.EXPLOIT
    for attempt in range(RESCREENS):
        lead = science.lead
        candidate = Code(f"{name}.{attempt}", lead.level + effect, crashes)
        gains: list[float] = []
        while (state := screen(gains, science.floor.sd)) is Screening.MORE:
            seed = f"{lead.name}/{len(gains)}"
            ours, theirs = (yield Measure(((candidate, seed), (lead, seed)), Purpose.SCREEN, sleeve)) or (None, None)
            if ours is None or theirs is None:
                science.since_kept += 1
                return
            gains.append(ours - theirs)
        if state is Screening.FAIL:
            science.since_kept += 1
            return
        if science.lead is lead:
            _keep(science, candidate, gains)
            break
    else:
        science.since_kept += 1
        return
    if science.lead_promises:
        yield Ask()


def _keep(science: Science, candidate: Code, gains: list[float]) -> None:
    science.moves += 1
    science.lead = candidate
    science.estimate += believed_gain(gains)
    science.since_kept = 0


def certify(science: Science, ahead: int) -> Way:
    """Fresh pairs of lead and champion, judged in order, a few of them measured ahead; then the lap."""
    numbers, lead, champion = science.numbers, science.lead, science.champion
    assert numbers.delta is not None
    assert numbers.scale is not None
    science.tests += 1
    science.just_certified = False
    science.tested.add(lead.name)
    bar = threshold(numbers.alpha, numbers.tests_planned, science.certified)
    known, state, drawn = Evidence(), EvidenceState.RUNNING, 0
    while state is EvidenceState.RUNNING:
        count = max(1, min(ahead, _pairs_to_go(known, bar, numbers.max_pairs)))
        arms = tuple(
            (code, f"test {science.tests}/{n}") for n in range(drawn, drawn + count) for code in (champion, lead)
        )
        values = (yield Measure(arms, Purpose.CERTIFY)) or []
        drawn += count
        for old, new in zip(values[::2], values[1::2], strict=True):
            if state is EvidenceState.RUNNING:
                gain = None if new is None else new - (old or 0.0)
                known = bet(known, gain, numbers.delta, numbers.scale)
                state = judge(known, threshold=bar, sd=science.floor.sd, max_pairs=numbers.max_pairs)
    if state is not EvidenceState.PASSED:
        if science.lead is lead:
            science.lead, science.estimate = champion, 0.0
        return
    codes = (champion, lead) if science.certified == 0 else (champion, lead, Code("base", 0.0))
    seeds = [f"lap {science.tests}/{n}" for n in range(numbers.lap_pairs)]
    values = (yield Measure(tuple((code, seed) for seed in seeds for code in codes), Purpose.LAP)) or []
    gains = [(values[n + 1] or 0.0) - (values[n] or 0.0) for n in range(0, len(values), len(codes))]
    _crown(science, lead, lap_summary(gains, science.floor.sd).gain)


def _crown(science: Science, lead: Code, reported: float) -> None:
    delta = science.numbers.delta or 0.0
    science.false += lead.level - science.champion.level <= delta
    science.reported += reported
    science.certified += 1
    science.just_certified = True
    science.champion = lead
    if science.lead is lead:
        science.estimate = 0.0


def _pairs_to_go(known: Evidence, bar: float, most: int) -> int:
    wealth, pairs = known.wealth, 0
    while wealth < bar and known.pairs + pairs < most:
        wealth, pairs = wealth * (1.0 + LARGEST_STAKE), pairs + 1
    return max(1, pairs)
