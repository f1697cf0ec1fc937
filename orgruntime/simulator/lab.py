"""One simulated run: the policy that real runs obey, on a virtual clock.

Works on a world, an appetite, a budget and a number of slots. `decide`, `screen`, `judge` and the sleeves are the
scheduler's own; what is made up here is the cluster (slots that hold one trial each) and the truth. Does not know Ray,
ledgers or files.

Invariant: a run is a function of its terms and its seed; nothing is started that `decide` did not start.
"""

from __future__ import annotations

import heapq
from collections.abc import Generator
from dataclasses import dataclass, field
from random import Random

from orgruntime.model.amounts import UNITS, Amounts, Budget
from orgruntime.model.appetite import Appetite
from orgruntime.model.ids import TrialKey
from orgruntime.model.manifest import Direction, Objective, Resources
from orgruntime.model.research import RiskClass
from orgruntime.model.trial import Purpose
from orgruntime.scheduler.decide import Decision, Snapshot, Verb, Wanted, decide
from orgruntime.scheduler.numbers import numbers, with_noise
from orgruntime.scheduler.sleeves import Sleeves
from orgruntime.simulator.outcome import SimulatedRun, Step
from orgruntime.simulator.science import Ask, Code, Measure, Science, Wait, certify, inquire, measure_floor
from orgruntime.simulator.worlds import World

SHAPE = "trial"
OBJECTIVE = Objective(metric="score", direction=Direction.MAXIMIZE)


@dataclass(frozen=True)
class Terms:
    """What a run is closed over. `slots`: trials that the cluster holds at once."""

    appetite: Appetite
    budget: Budget
    world: World
    slots: int
    resources: Resources = Resources()
    time_limit_s: float = 1200.0
    tick_s: float = 0.25
    """News of so many seconds share one decision, as in a real driver."""
    go_on: bool = False
    """Whether somebody answers every dry spell by going on; else the run ends there."""


@dataclass
class _Thread:
    """An inquiry, the noise floor or a certification on its way: a generator that says what it waits for."""

    name: str
    steps: Generator[Wait | Measure | Ask, list[float | None] | None, None]
    missing: int = 0
    found: list[float | None] = field(default_factory=list)
    gone: bool = False


@dataclass
class _Order:
    code: Code
    seed: str
    purpose: Purpose
    sleeve: RiskClass
    wanted: Wanted
    waits: list[tuple[_Thread, int]]


class SimulatedLab:
    """Call `run` once."""

    def __init__(self, terms: Terms, seed: int) -> None:
        self._terms = terms
        self._random = Random(seed)
        self._science = Science(
            terms.world, self._random, numbers(
                terms.appetite, terms.budget, OBJECTIVE, terms.time_limit_s, terms.resources, slots=terms.slots
            ),
        )  # fmt: skip
        self._cap = terms.resources.cost(terms.time_limit_s)
        self._now = 0.0
        self._events: list[tuple[float, int, object]] = []
        self._count = 0
        self._orders: dict[TrialKey, _Order] = {}
        self._running: dict[TrialKey, tuple[_Order, float]] = {}
        self._known: dict[TrialKey, float | None] = {}
        self._spent = Amounts()
        self._device_ms: dict[str, float] = {}
        self._sleeves = Sleeves()
        self._exploring = 0
        self._asked: _Thread | None = None
        self._testing: _Thread | None = None
        self._last_test = False
        self._forgiven = 0
        self._opened = 0
        self._settled = 0
        self._busy_ms = 0.0
        self._ended = ""
        self._curve: list[Step] = []

    def run(self) -> SimulatedRun:
        """From the noise floor to the end that the policy decides on."""
        self._resume(_Thread("noise", measure_floor(self._science)), None)
        while not self._ended:
            decisions = decide(self._snapshot())
            self._obey(decisions)
            if not self._ended and self._events:
                until = self._events[0][0] + self._terms.tick_s
                while self._events and self._events[0][0] <= until:
                    self._now, _, event = heapq.heappop(self._events)
                    self._happen(event)
            elif not decisions:
                break
        return self._outcome()

    def _snapshot(self) -> Snapshot:
        science, terms = self._science, self._terms
        left, used = self._money()
        return Snapshot(
            numbers=science.numbers,
            wanted=tuple(order.wanted for order in self._orders.values()),
            running=len(self._running),
            free={SHAPE: terms.slots - len(self._running)},
            slots=terms.slots,
            left=left,
            used=used,
            baseline_known=science.numbers.sd is not None,
            exploring=self._exploring,
            proposers=1,
            certification_asked=self._asked is not None,
            certification_running=self._testing is not None,
            tests_used=science.tests,
            since_champion=max(used.values(), default=0.0) * self._since_champion(),
            screen=Wanted(TrialKey(""), Purpose.SCREEN, self._cap, SHAPE, round(terms.time_limit_s * 1000)),
            verification_left=science.verification_left,
            champion_is_base=science.certified == 0,
            certified=science.certified,
            lead_hopes=science.lead_hopes,
            last_test_taken=self._last_test,
            lead_promises=science.lead_promises,
            sleeves=self._sleeves,
            since_kept=science.since_kept,
        )

    def _wanted(self, key: TrialKey, asked: Measure) -> Wanted:
        return Wanted(key, asked.purpose, self._cap, SHAPE, round(self._terms.time_limit_s * 1000), asked.sleeve)

    def _money(self) -> tuple[dict[str, int], dict[str, float]]:
        bounds = {unit: bound for unit, bound in self._terms.budget.bounds().items() if bound > 0}
        held = len(self._running)
        taken = {unit: getattr(self._spent, unit) + held * getattr(self._cap, unit) for unit in UNITS}
        if self._terms.budget.wall_ms is not None:
            bounds["wall_ms"] = self._terms.budget.wall_ms
            taken["wall_ms"] = round(self._now * 1000)
        left = {unit: max(0, bound - taken[unit]) for unit, bound in bounds.items()}
        return left, {unit: min(1.0, taken[unit] / bound) for unit, bound in bounds.items()}

    def _since_champion(self) -> float:
        """Share of the settled trials that came after the last champion, or after somebody said to go on."""
        since = max(self._science.champion_at, self._forgiven)
        return 1.0 - since / self._settled if self._settled else 0.0

    def _obey(self, decisions: list[Decision]) -> None:
        for decision in decisions:
            match decision.verb:
                case Verb.START_TRIAL:
                    self._start(TrialKey(decision.subject))
                case Verb.DROP:
                    self._drop(TrialKey(decision.subject))
                case Verb.OPEN_INQUIRY:
                    self._open(decision.count, int(decision.numbers.get("long_shots", 0)))
                case Verb.CERTIFY:
                    self._test()
                case Verb.LAST_TEST:
                    self._last_test = True
                    self._asked = _Thread("last test", iter_nothing())
                case Verb.WITHDRAW:
                    self._asked = None
                case Verb.PAUSE if self._terms.go_on:
                    self._forgiven = self._settled
                case Verb.PAUSE | Verb.FINISH:
                    self._ended = decision.reason

    def _drop(self, key: TrialKey) -> None:
        """Whoever waits for the trial ends without it."""
        order = self._orders.pop(key, None)
        for thread in {id(thread): thread for thread, _ in order.waits}.values() if order else ():
            if not thread.gone:
                thread.gone = True
                self._leave(thread)

    def _start(self, key: TrialKey) -> None:
        order = self._orders.pop(key)
        seconds = self._terms.world.duration(self._random, self._terms.time_limit_s)
        lost = self._random.random() < self._terms.world.lost
        if lost:
            seconds *= self._random.random()
        self._running[key] = (order, self._now)
        self._sleeves = self._dealt(order, self._worst_ms)
        self._at(seconds, (key, lost))

    @property
    def _worst_ms(self) -> float:
        return float(self._cap.gpu_ms or self._cap.cpu_ms)

    def _dealt(self, order: _Order, cost: float) -> Sleeves:
        if order.purpose not in (Purpose.SCREEN, Purpose.PROBE):
            return self._sleeves
        return self._sleeves.given(order.sleeve, cost)

    def _open(self, count: int, long_shots: int) -> None:
        for n in range(count):
            self._opened += 1
            self._exploring += 1
            thread = _Thread(f"q{self._opened}", inquire(self._science, f"q{self._opened}", long_shot=n < long_shots))
            self._resume(thread, None)

    def _test(self) -> None:
        asked, self._asked = self._asked, None
        assert asked is not None
        self._testing = _Thread("test", certify(self._science, max(1, self._terms.slots // 2)))
        self._resume(self._testing, None)

    def _happen(self, event: object) -> None:
        if isinstance(event, _Thread):
            self._resume(event, None)
            return
        assert isinstance(event, tuple)
        key, lost = event
        order, began = self._running.pop(key)
        used = self._terms.resources.cost(self._now - began)
        device = float(used.gpu_ms or used.cpu_ms)
        self._busy_ms += (self._now - began) * 1000
        self._sleeves = self._dealt(order, device - self._worst_ms)
        if lost:
            self._spend(used.model_copy(update={"trials": 0}), "wasted", device)
            self._orders[key] = order
            return
        value = self._science.measured(order.code, order.seed)
        self._spend(used, "wasted" if value is None else _account(order), device)
        self._settled += 1
        self._last_test = False
        if order.purpose.is_verification:
            self._science.verification_trials += 1
        self._known[key] = value
        for thread, place in order.waits:
            self._give(thread, place, value)

    def _spend(self, used: Amounts, account: str, device_ms: float) -> None:
        self._spent += used
        self._device_ms[account] = self._device_ms.get(account, 0.0) + device_ms

    def _give(self, thread: _Thread, place: int, value: float | None) -> None:
        if thread.gone:
            return
        thread.found[place] = value
        thread.missing -= 1
        if thread.missing == 0:
            self._resume(thread, thread.found)

    def _resume(self, thread: _Thread, answer: list[float | None] | None) -> None:
        """Runs the thread to the next thing that it waits for."""
        while True:
            try:
                wanted = thread.steps.send(answer)
            except StopIteration:
                self._leave(thread)
                return
            if isinstance(wanted, Wait):
                self._at(wanted.seconds, thread)
                return
            if isinstance(wanted, Ask):
                # It stands before the verifier from now on; only the newest lead is worth testing.
                self._exploring -= 1
                self._asked = thread
                return
            found = self._measure(thread, wanted)
            if found is None:
                return
            answer = found

    def _measure(self, thread: _Thread, wanted: Measure) -> list[float | None] | None:
        """The values, or None while some of them are not known."""
        thread.found, thread.missing = [None] * len(wanted.arms), 0
        for place, (code, seed) in enumerate(wanted.arms):
            key = TrialKey(f"{code.name}:{seed}")
            if key in self._known:
                thread.found[place] = self._known[key]
                continue
            thread.missing += 1
            running = self._running.get(key)
            order = running[0] if running else self._orders.get(key)
            if order is None:
                order = self._orders[key] = _Order(
                    code, seed, wanted.purpose, wanted.sleeve, self._wanted(key, wanted), []
                )
            order.waits.append((thread, place))
        return None if thread.missing else thread.found

    def _leave(self, thread: _Thread) -> None:
        if thread is self._testing:
            self._testing = None
            self._science.champion_at = self._settled if self._science.just_certified else self._science.champion_at
            self._curve.append(self._here())
        elif thread.name.startswith("q"):
            self._exploring -= 1
        else:
            self._science.numbers = with_noise(self._science.numbers, self._science.floor)

    def _here(self) -> Step:
        science = self._science
        return Step(hours=self._now / 3600, champion=science.champion.level, lead=science.lead.level)

    def _at(self, seconds: float, event: object) -> None:
        self._count += 1
        heapq.heappush(self._events, (self._now + seconds, self._count, event))

    def _outcome(self) -> SimulatedRun:
        science, spent = self._science, sum(self._device_ms.values()) or 1.0
        climb = sum(self._device_ms.get(sleeve.value, 0.0) for sleeve in RiskClass) or 1.0
        return SimulatedRun(
            trials=self._settled,
            hours=self._now / 3600,
            champions=science.certified,
            false_champions=science.false,
            gain=science.champion.level,
            reported_gain=science.reported,
            lead=science.lead.level,
            tests=science.tests,
            wasted_share=self._device_ms.get("wasted", 0.0) / spent,
            verifying_share=self._device_ms.get("verifying", 0.0) / spent,
            exploring_share=self._device_ms.get(RiskClass.EXPLORE.value, 0.0) / climb,
            busy_share=self._busy_ms / (self._now * 1000 * self._terms.slots) if self._now else 0.0,
            ended=self._ended or "nothing was left to happen",
            curve=(*self._curve, self._here()),
        )


def iter_nothing() -> Generator[Wait | Measure | Ask, list[float | None] | None, None]:
    """A thread that only stands before the verifier."""
    yield Ask()


def _account(order: _Order) -> str:
    return "verifying" if order.purpose.is_verification else order.sleeve.value


def simulate(terms: Terms, seed: int) -> SimulatedRun:
    """One run."""
    return SimulatedLab(terms, seed).run()
