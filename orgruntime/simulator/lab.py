"""One simulated run: the policy that real runs obey, on a virtual clock.

Works on a world, an appetite, a budget and a virtual cluster. `decide`, `screen`, `judge`, the sleeves and the halving
are the scheduler's own; what is made up here is the cluster (places that hold one trial each) and the truth. Does not
know Ray, ledgers or files.

Invariant: a run is a function of its terms and its seed; nothing is started that `decide` did not start.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from random import Random

from orgruntime.model.amounts import Budget
from orgruntime.model.appetite import Appetite
from orgruntime.model.ids import TrialKey
from orgruntime.model.manifest import Direction, Objective, Resources
from orgruntime.model.simulation import SimulatedRun, Step
from orgruntime.model.trial import Purpose
from orgruntime.scheduler.decide import Decision, Snapshot, Verb, decide
from orgruntime.scheduler.numbers import numbers, pairs_of_a_test, with_noise
from orgruntime.scheduler.sleeves import share_of_long_shots
from orgruntime.scheduler.waiting import Waiting, Wanted
from orgruntime.simulator.books import Books, Held
from orgruntime.simulator.cluster import Cluster
from orgruntime.simulator.patience import Patience
from orgruntime.simulator.science import Ask, Code, Measure, Science, Wait, Way, certify, inquire, measure_floor
from orgruntime.simulator.worlds import World, shown_at

SHAPE = "trial"
OBJECTIVE = Objective(metric="score", direction=Direction.MAXIMIZE)
MANY = 1_000_000
"""Desks: always as many as are of use."""
MOST_STEPS = 400
"""Of a run's curve, the ends aside: more than a picture shows."""


@dataclass(frozen=True)
class Terms:
    """What a run is closed over. `slots`: trials that the cluster holds at once, on nodes of `per_node`."""

    appetite: Appetite
    budget: Budget
    world: World
    slots: int
    resources: Resources = Resources()
    time_limit_s: float = 1200.0
    per_node: int = 8
    tick_s: float = 0.25
    """News of so many seconds share one decision, as in a real driver; what is ended early is gone so long after."""
    patience: bool = True
    """Whether trials show progress, so that patience can act."""
    go_on: bool = False
    """Whether somebody answers every dry spell by going on; else the run ends there."""


@dataclass(eq=False)
class _Thread:
    """The noise floor, an inquiry or a certification on its way: a generator that says what it waits for."""

    way: Way
    end: Callable[[], None]
    """What follows when it has come to its end, or was given up."""
    give_up: Callable[[], None] = lambda: None
    missing: int = 0
    found: list[float | None] = field(default_factory=list)
    gone: bool = False
    held_up: bool = False
    """Its own is measured, the lead's trial is not."""


@dataclass(eq=False)
class _Order:
    """A trial that threads wait for."""

    code: Code
    seed: str
    asked: Measure
    wanted: Wanted
    waits: list[tuple[_Thread, int]] = field(default_factory=list)

    @property
    def key(self) -> TrialKey:
        return self.wanted.key


@dataclass(eq=False)
class _Attempt:
    order: _Order
    node: int
    began: float
    held: Held
    final: float | None


class SimulatedLab:
    """Call `run` once."""

    def __init__(self, terms: Terms, seed: int) -> None:
        self._terms = terms
        self._random = Random(seed)
        figures = numbers(
            terms.appetite, terms.budget, OBJECTIVE, terms.time_limit_s, terms.resources, slots=terms.slots
        )
        self._science = Science(terms.world, self._random, figures)
        self._books = Books(terms.budget, terms.resources, terms.time_limit_s)
        self._cluster = Cluster(terms.slots, terms.per_node)
        self._patience = Patience(figures.keep_per_rung if terms.patience else 1.0)
        self._limit_ms = round(terms.time_limit_s * 1000)
        self._screen = Wanted(TrialKey(""), Purpose.SCREEN, self._books.cap, SHAPE, self._limit_ms)
        self._now = 0.0
        self._events: list[tuple[float, int, Callable[[], None]]] = []
        self._count = 0
        self._orders: dict[TrialKey, _Order] = {}
        self._waiting = Waiting()
        self._running: dict[TrialKey, _Attempt] = {}
        self._known: dict[TrialKey, float | None] = {}
        self._exploring = self._held_up = self._thinking = self._opened = self._settled = self._lost = self._killed = 0
        self._asked = self._testing = self._last_test = self._news = False
        self._forgiven = self._champion_at = 0
        self._busy_s = self._there_s = self._since = 0.0
        self._ended = ""
        self._curve: list[Step] = []

    def run(self) -> SimulatedRun:
        """From the noise floor to the end that the policy decides on."""
        self._resume(_Thread(measure_floor(self._science), self._floor_known), None)
        for node in range(self._cluster.nodes):
            self._node_lives(node)
        while not self._ended:
            decisions = decide(self._snapshot())
            for decision in decisions:
                self._obey(decision)
            if not self._ended:
                self._pass_time(quiet=not decisions)
        return self._outcome()

    def _pass_time(self, *, quiet: bool) -> None:
        """To the next news, and all that comes within a tick of it."""
        if not self._events:
            self._ended = self._ended or ("nothing was left to happen" if quiet else "")
            return
        self._news = False
        until = 0.0
        while self._events and (not self._news or self._events[0][0] <= until):
            self._now, _, happens = heapq.heappop(self._events)
            seen = self._news
            happens()
            if self._news and not seen:
                until = self._now + self._terms.tick_s

    def _snapshot(self) -> Snapshot:
        science, books = self._science, self._books
        books.share_is(share_of_long_shots(science.numbers.exploration, science.since_kept, self._cluster.slots))
        used = books.used(self._now)
        return Snapshot(
            numbers=science.numbers,
            wanted=self._waiting,
            running=len(self._running),
            free={SHAPE: self._cluster.free},
            slots=self._cluster.slots,
            racing=self._patience.due(),
            direction=OBJECTIVE.direction,
            places={SHAPE: self._cluster.slots},
            left=books.left(self._now),
            used=used,
            baseline_known=science.numbers.sd is not None,
            exploring=self._exploring,
            held_up=self._held_up,
            proposers=MANY,
            thinking=self._thinking if self._terms.world.language_models else 0,
            certification_asked=self._asked,
            certification_running=self._testing,
            tests_used=science.tests,
            since_champion=max(used.values(), default=0.0) * self._since_champion(),
            screen=self._screen,
            verification_left=science.verification_left,
            champion_is_base=science.certified == 0,
            certified=science.certified,
            lead_hopes=science.lead_hopes,
            last_test_taken=self._last_test,
            lead_promises=science.lead_promises,
            sleeves=books.sleeves,
            since_kept=science.since_kept,
        )

    def _since_champion(self) -> float:
        """Share of the settled trials that came after the last champion, or after somebody said to go on."""
        since = max(self._champion_at, self._forgiven)
        return 1.0 - since / self._settled if self._settled else 0.0

    # What is decided

    def _obey(self, decision: Decision) -> None:
        match decision.verb:
            case Verb.START_TRIAL:
                self._start(self._out(TrialKey(decision.subject), self._waiting.start))
            case Verb.DROP:
                self._drop(self._out(TrialKey(decision.subject), self._waiting.remove))
            case Verb.END_EARLY if attempt := self._running.get(TrialKey(decision.subject)):
                self._at(self._terms.tick_s, partial(self._end_early, attempt))
            case Verb.OPEN_INQUIRY:
                self._open(decision.count, int(decision.numbers.get("long_shots", 0)))
            case Verb.CERTIFY:
                self._test()
            case Verb.LAST_TEST:
                self._last_test = self._asked = True
            case Verb.WITHDRAW:
                self._asked = False
            case Verb.PAUSE if self._terms.go_on:
                self._forgiven = self._settled
            case Verb.PAUSE | Verb.FINISH:
                self._ended = decision.reason

    def _start(self, order: _Order) -> None:
        world, random = self._terms.world, self._random
        seconds = world.duration(random, self._terms.time_limit_s)
        lost = random.random() < world.lost
        if lost or order.code.crashes:
            seconds *= random.random()
        final = self._science.measured(order.code, order.seed)
        held = self._books.hold(order.asked.purpose, order.asked.sleeve)
        attempt = _Attempt(order, self._cluster.take(), self._now, held, final)
        self._running[order.key] = attempt
        if order.asked.raced == order.code.name and final is not None:
            for rung in self._patience.rungs:
                self._at(seconds * rung, partial(self._reach, attempt, rung))
        self._at(seconds, partial(self._end, attempt, lost=lost))

    def _drop(self, order: _Order) -> None:
        """Whoever waits for the trial ends without it."""
        for thread in {id(thread): thread for thread, _ in order.waits}.values():
            if not thread.gone:
                thread.gone = True
                self._hold(thread, held_up=False)
                thread.give_up()
                thread.end()

    def _end_early(self, attempt: _Attempt) -> None:
        if self._running.get(attempt.order.key) is attempt:
            self._killed += 1
            self._settle(attempt, "killed", None)

    def _open(self, count: int, long_shots: int) -> None:
        for n in range(count):
            self._opened += 1
            self._exploring += 1
            way = inquire(self._science, f"q{self._opened}", long_shot=n < long_shots)
            self._resume(_Thread(way, self._inquiry_over), None)

    def _inquiry_over(self) -> None:
        self._exploring -= 1

    def _test(self) -> None:
        self._asked, self._testing = False, True
        science = self._science
        left = (science.verification_left, self._books.left(self._now).get("trials"))
        most = pairs_of_a_test(science.numbers, science.certified, champion_is_base=not science.certified, left=left)
        way = certify(science, max(1, self._cluster.slots // 2), most)
        self._resume(_Thread(way, partial(self._test_over, science.certified), science.reset), None)

    def _test_over(self, certified: int) -> None:
        self._testing = False
        if self._science.certified > certified:
            self._champion_at = self._settled
        self._curve.append(self._here())

    def _floor_known(self) -> None:
        if self._science.floor is None:
            self._ended = "the budget does not pay for the noise floor"
        else:
            self._science.numbers = with_noise(self._science.numbers, self._science.floor)

    # What happens

    def _end(self, attempt: _Attempt, *, lost: bool) -> None:
        order = attempt.order
        if self._running.get(order.key) is not attempt:
            return
        if lost:
            self._lose(attempt)
            return
        self._settle(attempt, "wasted" if attempt.final is None else _account(order), attempt.final)

    def _reach(self, attempt: _Attempt, rung: float) -> None:
        """A candidate comes to a rung; the policy says whether it goes on."""
        order = attempt.order
        if self._running.get(order.key) is attempt and attempt.final is not None:
            self._news = True
            value = shown_at(attempt.final, order.code.curve, rung, self._random)
            self._patience.reach(order.key, rung, value)

    def _settle(self, attempt: _Attempt, account: str, value: float | None) -> None:
        order = attempt.order
        self._leave(attempt, account, counts=True)
        self._settled += 1
        self._last_test = False
        if order.asked.purpose.is_verification:
            self._science.verification_trials += 1
        self._known[order.key] = value
        for thread, place in order.waits:
            self._give(order, thread, place, value)
        if self._settled >= len(self._curve) * self._step:
            self._curve.append(self._here())

    def _lose(self, attempt: _Attempt) -> None:
        """The cluster lost it: it waits again."""
        self._lost += 1
        self._leave(attempt, "wasted", counts=False)
        self._wait(attempt.order)

    def _leave(self, attempt: _Attempt, account: str, *, counts: bool) -> None:
        self._news = True
        seconds = self._now - attempt.began
        del self._running[attempt.order.key]
        self._cluster.give(attempt.node)
        self._busy_s += seconds
        self._books.settle(attempt.held, seconds, account, counts=counts)

    def _node_lives(self, node: int) -> None:
        life = self._terms.world.node_life_s
        if life < float("inf"):
            self._at(self._random.expovariate(1.0 / life), partial(self._node_lost, node))

    def _node_lost(self, node: int) -> None:
        self._count_places()
        self._cluster.lose(node)
        for attempt in [one for one in self._running.values() if one.node == node]:
            self._lose(attempt)
        self._at(self._terms.world.node_back_s, partial(self._node_back, node))

    def _node_back(self, node: int) -> None:
        self._count_places()
        self._cluster.back(node)
        self._node_lives(node)

    def _count_places(self) -> None:
        """To be called before their number changes."""
        self._news = True
        self._there_s += (self._now - self._since) * self._cluster.slots
        self._since = self._now

    # Threads

    def _give(self, order: _Order, thread: _Thread, place: int, value: float | None) -> None:
        """A candidate that failed does not wait for the lead's run."""
        if thread.gone:
            return
        thread.found[place] = value
        thread.missing -= 1
        if thread.missing == 0 or value is None:
            self._hold(thread, held_up=False)
            self._resume(thread, thread.found)
        elif place == 0 and order.asked.purpose is Purpose.SCREEN:
            self._hold(thread, held_up=True)

    def _hold(self, thread: _Thread, *, held_up: bool) -> None:
        self._held_up += held_up - thread.held_up
        thread.held_up = held_up

    def _resume(self, thread: _Thread, answer: list[float | None] | None) -> None:
        """Runs the thread to the next thing that it waits for."""
        self._news = True
        while True:
            try:
                wanted = thread.way.send(answer)
            except StopIteration:
                thread.gone = True
                thread.end()
                return
            if isinstance(wanted, Wait):
                self._thinking += 1
                self._at(wanted.seconds, partial(self._thought, thread))
                return
            if isinstance(wanted, Ask):
                # It stands before the verifier from now on; only the newest lead is worth testing.
                self._asked = thread.gone = True
                thread.end()
                return
            answer = self._measure(thread, wanted)
            if answer is None:
                return

    def _thought(self, thread: _Thread) -> None:
        self._thinking -= 1
        self._resume(thread, None)

    def _measure(self, thread: _Thread, asked: Measure) -> list[float | None] | None:
        """The values, or None while some of them are not known."""
        thread.found, thread.missing = [None] * len(asked.arms), 0
        for place, (code, seed) in enumerate(asked.arms):
            key = TrialKey(f"{code.name}:{seed}")
            if key in self._known:
                thread.found[place] = self._known[key]
                continue
            thread.missing += 1
            running = self._running.get(key)
            order = running.order if running else self._orders.get(key)
            if order is None:
                wanted = Wanted(key, asked.purpose, self._books.cap, SHAPE, self._limit_ms, asked.sleeve)
                order = _Order(code, seed, asked, wanted)
                self._wait(order)
            order.waits.append((thread, place))
        return None if thread.missing else thread.found

    def _wait(self, order: _Order) -> None:
        self._orders[order.key] = order
        self._waiting.add(order.wanted)

    def _out(self, key: TrialKey, leave: Callable[[TrialKey], None]) -> _Order:
        """It waits no longer."""
        leave(key)
        return self._orders.pop(key)

    def _at(self, seconds: float, happens: Callable[[], None]) -> None:
        self._count += 1
        heapq.heappush(self._events, (self._now + seconds, self._count, happens))

    # What it came to

    @property
    def _step(self) -> int:
        """Trials between two steps of the curve."""
        return max(1, (self._science.numbers.trials_payable or 100_000) // MOST_STEPS)

    def _here(self) -> Step:
        science = self._science
        return Step(trials=self._settled, champion=science.champion.level, lead=science.lead.level)

    def _outcome(self) -> SimulatedRun:
        self._count_places()
        science, books = self._science, self._books
        return SimulatedRun(
            trials=self._settled,
            hours=self._now / 3600,
            device_hours=sum(books.device_ms.values()) / 3_600_000,
            candidates=self._opened - self._exploring,
            kept=science.kept,
            champions=science.certified,
            false_champions=science.false,
            gain=science.champion.level,
            gains=tuple(science.gains),
            tests=science.tests,
            verification_trials=science.verification_trials,
            killed=self._killed,
            lost=self._lost,
            shares=books.shares(),
            exploring_share=books.exploring_share,
            exploring_target=books.exploring_target,
            busy_share=self._busy_s / self._there_s if self._there_s else 0.0,
            largest_bite=books.largest_bite,
            overspent=books.overspent,
            ended=self._ended,
            curve=(*self._curve, self._here()),
        )


def _account(order: _Order) -> str:
    purpose = order.asked.purpose
    if purpose is Purpose.NOISE:
        return "baseline"
    return "verifying" if purpose.is_verification else order.asked.sleeve.value


def simulate(terms: Terms, seed: int) -> SimulatedRun:
    """One run."""
    return SimulatedLab(terms, seed).run()
