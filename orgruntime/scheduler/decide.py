"""The policy: what a run does next, from a snapshot of where it stands.

Works on counts, costs and the numbers of the appetite. Does not know ledgers, Ray, threads or time of day.
Invariants: pure (same snapshot, same decisions); every decision names the dial that made it; what is started together
fits the free slots and what is left of every bound at worst case.

Nobody starves. Verification goes first and is capped. At the front of its queue (`waiting.Queue`) an affordable trial
of the climb is overtaken by at most max(64, slots) later arrivals, plus those of one tick: then it is next, and while
its places are not free nothing else of the climb is started, so that what a gang needs falls free. This holds for a
`Waiting` that is kept from tick to tick, and for the places only of shapes whose `places` are known.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from orgruntime.model.appetite import Dial
from orgruntime.model.ids import TrialKey
from orgruntime.model.manifest import Direction
from orgruntime.model.numbers import Numbers
from orgruntime.model.research import RiskClass
from orgruntime.model.trial import Purpose
from orgruntime.scheduler.decision import Decision as Decision
from orgruntime.scheduler.decision import Verb as Verb
from orgruntime.scheduler.halving import survives
from orgruntime.scheduler.numbers import fewest_of_a_test, lap_of_a_test
from orgruntime.scheduler.outage import Outage, allowed
from orgruntime.scheduler.room import CLIMB as CLIMB
from orgruntime.scheduler.room import Room, fits, within_stake
from orgruntime.scheduler.sleeves import Sleeves, share_of_long_shots, turn, wanted_next
from orgruntime.scheduler.waiting import Line, Queue, Waiting
from orgruntime.scheduler.waiting import Wanted as Wanted

SLOTS_A_LOOKAHEAD = 8
"""Slots for which one inquiry beyond them is open, so that a proposal is ready when one falls free. At least one."""
MOST_OVERTAKEN = 64
"""Or as many as there are slots, if that is more: every slot is dealt once more at most."""
MOST_ASKED = 8
"""Inquiries that wait for people; as many hold up new ones, since nobody reads a longer list."""


@dataclass(frozen=True)
class Racing:
    """A running candidate that has reached a rung."""

    key: TrialKey
    rung: float
    """Share of its budget, in (0, 1)."""
    value: float
    """Its metric there."""
    others: tuple[float, ...]
    """What those before it had there."""


@dataclass(frozen=True)
class Snapshot:
    """Where a run stands. `left` and `used` speak of bounded units only (units of `Amounts`, and `wall_ms`)."""

    numbers: Numbers
    wanted: Collection[Wanted]
    """In order of arrival. A `Waiting` that is kept from tick to tick is read at the heads of its queues only."""
    running: int
    free: Mapping[str, int]
    """Free slots a shape."""
    slots: int
    """Trials that the fleet can run at once."""
    left: Mapping[str, int]
    """Bound − spent − reserved."""
    used: Mapping[str, float]
    """(Spent + reserved) / bound, in [0, 1]."""
    baseline_known: bool
    exploring: int
    """Open inquiries that are waiting neither for a certification nor for a person."""
    proposers: int
    """Desks whose species still have something to propose, and whose step does not wait for a person."""
    certification_asked: bool
    certification_running: bool
    tests_used: int
    since_champion: float
    """Share of the budget used since the last champion, or since the start, or since a person said to go on."""
    target_reached: bool = False
    stop_asked: bool = False
    screen: Wanted | None = None
    """What one more screen would cost at worst, whether or not one is wanted now. None: not known, taken as free."""
    verification_left: int | None = None
    """Trials that certifications and laps may still take. None: as many as the budget pays for."""
    champion_is_base: bool = True
    certified: int = 0
    """Tests passed so far."""
    lead_hopes: bool = False
    """The lead looks better than the champion by more than δ, the smallest win, and was not tested yet."""
    last_test_taken: bool = False
    """A last test was asked for since the last trial."""
    standups: bool = False
    """A stand-up is due or under way, and may still end before the run does."""
    racing: tuple[Racing, ...] = ()
    direction: Direction = Direction.MINIMIZE
    sleeves: Sleeves = Sleeves()
    since_kept: int = 0
    """Settled proposals since the last one that moved the lead."""
    asked: int = 0
    """Inquiries, stand-ups included, that wait for a person's answer."""
    busy: int = 0
    """Open inquiries, stand-ups included, that can go on by themselves: they wait neither for a person nor for a
    certification."""
    question: str = ""
    """What is asked, in words, where something is."""
    lost: Outage | None = None
    """Set where the cluster loses whatever it is given."""
    thinking: int = 0
    """Of `exploring`: those at the desk of a language model, which may be long in coming to a proposal."""
    held_up: int = 0
    """Of `exploring`: those that have measured their own and wait for the lead's trial, as long as it takes."""
    lead_promises: bool = True
    """The lead looks better than the champion by the trigger, now: a test that ended meanwhile may have reset it."""
    places: Mapping[str, int] = field(default_factory=dict)
    """Trials of a shape that the fleet as it is now would hold if it were empty."""

    @property
    def in_hand(self) -> int:
        """Inquiries that go on by themselves and may want another trial."""
        return min(self.exploring, self.busy) if self.asked else self.exploring


def decide(now: Snapshot) -> list[Decision]:
    """The decisions of one tick, in the order in which they are to be applied."""
    if now.stop_asked:
        return []
    if now.lost is None or not now.baseline_known:
        return _as_ever(now)
    return _hold(now, now.lost.ends) if now.lost.ends else allowed(_as_ever(now), now.lost)


def _as_ever(now: Snapshot) -> list[Decision]:
    """On a cluster that runs what it is given."""
    queues = Waiting.of(now.wanted).queues()
    over = _exploration_over(now, queues)
    dropped, queues = _drop(now, queues, over)
    dropped = [*_end_early(now), *dropped]
    certification = _certification(now, over)
    dry = over is None and _is_dry(now, certification)
    waits = dry or (over is not None and over.waits)
    trials = _start_trials(now, queues, screens=not waits)
    decisions = [*dropped, *trials, *certification]
    if dry:
        return [*decisions, *_pause(now)] if not trials else decisions
    if over is None:
        return [*decisions, *_open_inquiries(now)] or _wait_for_people(now)
    return decisions if decisions else _finish(now, over)


def _hold(now: Snapshot, why: str) -> list[Decision]:
    """What runs is let finish first: if it ends by itself, the run goes on."""
    return _end_early(now) if now.running else [Decision(Verb.PAUSE, Dial.INFRASTRUCTURE, why)]


def _end_early(now: Snapshot) -> list[Decision]:
    """Patience: at each rung the best share of all that have reached it goes on."""
    keep, ended = now.numbers.keep_per_rung, []
    for one in now.racing:
        if not survives(one.value, one.others, keep, now.direction):
            place = 1 + sum(now.direction.gain(one.value, other) > 0 for other in one.others)
            of = len(one.others) + 1
            reason = f"at {one.rung:.3g} of its budget it is number {place} of {of}, and the best {keep:.0%} go on"
            facts: dict[str, float | int | str] = {"rung": one.rung, "value": one.value, "place": place, "of": of}
            ended.append(Decision(Verb.END_EARLY, Dial.PATIENCE, reason, subject=one.key, numbers=facts))
    return ended


def _start_trials(now: Snapshot, queues: Sequence[Queue], *, screens: bool) -> list[Decision]:
    """Noise before certification before screening; within a purpose first come, first served."""
    room = Room(dict(now.free), dict(now.left), now.numbers.largest_stake)
    if not room.is_open:
        return []
    started: list[Decision] = []
    lines = [Line(queue) for queue in queues if queue.head.purpose not in CLIMB]
    while (line := _first(lines, room)) is not None:
        dial, reason = _WHY[line.head.purpose]
        started.append(Decision(Verb.START_TRIAL, dial, reason, subject=line.head.key))
        room.take(line.head)
        line.step()
    climb = [queue for queue in queues if queue.head.purpose in CLIMB] if screens else []
    return [*started, *_climb(now, climb, room)]


def _first(lines: Sequence[Line], room: Room) -> Line | None:
    """Of what fits, the highest purpose and in it the oldest. What does not fit now does not fit later in the tick."""
    for line in lines:
        line.is_open = line.is_open and room.holds(line.head)
    return min((line for line in lines if line.is_open), key=_rank, default=None)


def _rank(line: Line) -> tuple[int, int]:
    return _ORDER[line.head.purpose], line.arrived


def _climb(now: Snapshot, queues: Sequence[Queue], room: Room) -> list[Decision]:
    """Screens before probes, and between long shots and the rest whose turn it is; a sleeve that has nothing which fits
    leaves its turn to the other."""
    lines = {sleeve: [Line(queue) for queue in queues if queue.head.sleeve is sleeve] for sleeve in RiskClass}
    share, sleeves = share_of_long_shots(now.numbers.exploration, now.since_kept, now.slots), now.sleeves
    started: list[Decision] = []
    for line in _overdue(now, lines, room):
        if not room.holds(line.head):
            return started
        room.take(line.head)
        sleeves = sleeves.given(line.head.sleeve, line.head.device_ms)
        reason = f"it has waited while {line.overtaken} later ones were started"
        started.append(Decision(Verb.START_TRIAL, Dial.CAPACITY, reason, subject=line.head.key))
        line.step()
    while True:
        firsts = {sleeve: first for sleeve, some in lines.items() if (first := _first(some, room)) is not None}
        if not firsts:
            return started
        costs = {sleeve: float(first.head.device_ms) for sleeve, first in firsts.items()}
        sleeve = turn(sleeves, share, costs)
        line = firsts[sleeve]
        room.take(line.head)
        sleeves = sleeves.given(sleeve, line.head.device_ms)
        started.append(_started(line.head, sleeves, share, contested=len(costs) > 1))
        line.step()


def _overdue(now: Snapshot, lines: Mapping[RiskClass, Sequence[Line]], room: Room) -> list[Line]:
    """Who was overtaken too often, oldest first: those that fit, and those whose places will fall free."""
    most = max(MOST_OVERTAKEN, now.slots)
    late = [line for some in lines.values() for line in some if line.overtaken >= most and room.pays(line.head)]
    comes = [line for line in late if room.holds(line.head) or (now.running and now.places.get(line.head.shape, 0))]
    return sorted(comes, key=lambda line: line.arrived)


def _started(wanted: Wanted, sleeves: Sleeves, share: float, *, contested: bool) -> Decision:
    """Names the dial that decided: where both sleeves had a trial, the share of long shots did."""
    dial, reason = _WHY[wanted.purpose]
    if not contested:
        return Decision(Verb.START_TRIAL, dial, reason, subject=wanted.key)
    kind = "long shots" if wanted.sleeve is RiskClass.EXPLORE else "safe bets"
    now = sleeves.explore / sleeves.total if sleeves.total else 0.0
    facts = {"share": round(share, 4), "long_shots": round(now, 4)}
    reason = f"it is the turn of {kind}: long shots are to have {share:.0%} of the device time"
    return Decision(Verb.START_TRIAL, Dial.EXPLORATION, reason, subject=wanted.key, numbers=facts)


def _drop(now: Snapshot, queues: Sequence[Queue], over: Over | None) -> tuple[list[Decision], list[Queue]]:
    """Gives up the trials that will never be started: screens when exploration is over, and what nothing left can pay.
    Also the queues that stay.

    While something runs its worst case is reserved and may be refunded, so only an idle run gives up on money.
    """
    dropped: list[Decision] = []
    kept: list[Queue] = []
    stake = now.numbers.largest_stake
    for queue in queues:
        if over is not None and over.drops and queue.head.purpose in CLIMB:
            dropped += _given_up(queue, over.dial, over.reason)
        elif not now.running and not fits(queue.head, now.left):
            dropped += _given_up(queue, Dial.BUDGET, "its worst case is more than what is left of the budget")
        elif not now.running and queue.head.purpose in CLIMB and not within_stake(queue.head, stake, now.left):
            dropped += _given_up(queue, Dial.STAKE, f"its worst case is more than {stake:.0%} of what is left")
        else:
            kept.append(queue)
    return dropped, kept


def _given_up(queue: Queue, dial: Dial, reason: str) -> list[Decision]:
    return [Decision(Verb.DROP, dial, reason, subject=key) for key in queue.members]


_ORDER = {Purpose.NOISE: 0, Purpose.CERTIFY: 1, Purpose.LAP: 1, Purpose.SCREEN: 2, Purpose.PROBE: 3}
_WHY = {
    Purpose.NOISE: (Dial.BASELINE_FIRST, "the noise floor is measured before anything else"),
    Purpose.CERTIFY: (Dial.PROOF, "a fresh pair for the certification under way"),
    Purpose.LAP: (Dial.PROOF, "a fresh pair after the certification, for the gain that is reported"),
    Purpose.SCREEN: (Dial.STAKE, "its worst case is within the largest stake of what is left"),
    Purpose.PROBE: (Dial.STAKE, "a role asked for it, and its worst case is within the largest stake of what is left"),
}


def _share(now: Snapshot) -> float:
    return max(now.used.values(), default=0.0)


def _certification_share(now: Snapshot) -> float:
    """What one certification costs, as a share of the budget (0 when nothing is bounded)."""
    payable = now.numbers.trials_payable
    return min(1.0, now.numbers.certification_cost / payable) if payable else 0.0


@dataclass(frozen=True)
class Over:
    """Why no further inquiry is opened. `drops`: screens that still wait are given up. `waits`: they are kept waiting,
    because what runs may give back enough of its worst case."""

    dial: Dial
    reason: str
    drops: bool = True
    waits: bool = False


def _exploration_over(now: Snapshot, queues: Sequence[Queue]) -> Over | None:
    found = next(_ends(now, queues), None) if now.baseline_known else None
    if found is not None and found.dial in (Dial.BUDGET, Dial.STAKE) and now.running:
        return replace(found, drops=False, waits=True)
    return found


def _ends(now: Snapshot, queues: Sequence[Queue]) -> Iterator[Over]:
    """What ends exploration now, the strongest reason first."""
    numbers = now.numbers
    if now.target_reached:
        yield Over(Dial.SMALLEST_WIN, "the target is reached by a certified champion")
    # The last test under way counts: what is found from here on could not be certified any more.
    if now.tests_used >= numbers.tests_planned:
        yield Over(Dial.PROOF, f"all {numbers.tests_planned} planned certifications are used")
    if not now.certification_running and not _cap_allows(now):
        yield Over(Dial.PROOF, _cap_reason(now))
    if 1.0 - _share(now) <= _certification_share(now):
        yield Over(Dial.BUDGET, "what is left of the budget is kept for a last certification")
    if not _affords_screen(now):
        yield Over(Dial.BUDGET, "one more trial could cost more than what is left of the budget")
    if not _stake_allows(now, queues):
        yield Over(Dial.STAKE, f"one more trial could cost more than {numbers.largest_stake:.0%} of what is left")
    if now.proposers == 0 and not now.asked:
        yield Over(Dial.EXPLORATION, "no role has anything left to propose", drops=False)


def _affords_screen(now: Snapshot) -> bool:
    """While something runs its worst case is reserved and may be refunded, so only an idle run is out of means."""
    return now.screen is None or now.running > 0 or fits(now.screen, now.left)


def _stake_allows(now: Snapshot, queues: Sequence[Queue]) -> bool:
    """A single trial is indivisible: counted in trials, a stake of one is always allowed.

    The next screen counts even when none is wanted: ideas whose trials could never start are not worth an agent's time.
    """
    screens = [queue.head for queue in queues if queue.head.purpose in CLIMB]
    if now.screen is not None:
        screens.append(now.screen)
    return all(within_stake(wanted, now.numbers.largest_stake, now.left) for wanted in screens)


def _certification(now: Snapshot, over: Over | None) -> list[Decision]:
    """Grants, holds or withdraws the certification that is asked for.

    Certify rarely and in big steps: the T tests are paced evenly over the budget, the last one at its end; a dry spell
    brings the next one forward.
    """
    if not now.certification_asked or now.certification_running:
        return []
    if (never := _never_granted(now, over)) is not None:
        return [never]
    tests = now.numbers.tests_planned
    used, cost = _share(now), _certification_share(now)
    due = (now.tests_used + 1) / tests - cost
    reasons = (
        (over is not None and not now.in_hand, Dial.PROOF, "exploration is over; the lead is put to the test"),
        (
            over is None and used >= due,
            Dial.SMALLEST_WIN,
            f"the lead passed the trigger and test {now.tests_used + 1} of {tests} is due",
        ),
        (
            over is None and now.since_champion >= now.numbers.dry_spell,
            Dial.DRY_SPELL,
            "the lead passed the trigger, and without a test the dry spell would pause the run",
        ),
        (
            over is None and _waits_for_people(now),
            Dial.PEOPLE,
            "the lead passed the trigger, and nothing else can be done until a person answers",
        ),
    )
    facts = {"used": round(used, 4), "due": round(due, 4)}
    return [Decision(Verb.CERTIFY, dial, reason, numbers=facts) for holds, dial, reason in reasons if holds][:1]


def _never_granted(now: Snapshot, over: Over | None) -> Decision | None:
    """Why the certification that is asked for can never be granted, if so.

    Once exploration is over, waiting can make the lead no better, and a test that stands to lose costs nothing: then
    the trigger is no bar.
    """
    tests = now.numbers.tests_planned
    used_up = f"all {tests} planned certifications are used; a person can raise the budget"
    reset = "the lead that was to be tested is reset or certified since; what is left of it is below the trigger"
    reasons = (
        (now.tests_used >= tests, Dial.PROOF, used_up),
        (not _cap_allows(now), Dial.PROOF, _cap_reason(now)),
        (now.target_reached, Dial.SMALLEST_WIN, "a certified champion has reached the target"),
        (not now.lead_promises and not (over is not None and now.lead_hopes), Dial.SMALLEST_WIN, reset),
        (not _can_pay(now), Dial.BUDGET, "what is left of the budget cannot pay a certification"),
    )
    return next((Decision(Verb.WITHDRAW, dial, reason) for holds, dial, reason in reasons if holds), None)


def _cap_allows(now: Snapshot) -> bool:
    """Whether one more test fits under the verification cap. A first test is granted in the smallest budget too."""
    lap = lap_of_a_test(now.numbers, champion_is_base=now.champion_is_base)
    cost = 2 * fewest_of_a_test(now.numbers, now.certified) + lap
    return now.tests_used == 0 or now.verification_left is None or cost <= now.verification_left


def _cap_reason(now: Snapshot) -> str:
    return f"certifications have taken what they may of the budget, {now.numbers.verification_cap:.0%}"


def _can_pay(now: Snapshot) -> bool:
    """Whether the clear-win case can be paid: fewer pairs than that can certify nothing."""
    need = 2 * now.numbers.n_min
    return now.left.get("trials", need) >= need


def _is_dry(now: Snapshot, certification: list[Decision]) -> bool:
    testing = now.certification_running or any(d.verb is Verb.CERTIFY for d in certification)
    return now.baseline_known and not testing and now.since_champion >= now.numbers.dry_spell


def _pause(now: Snapshot) -> list[Decision]:
    """What runs is let finish first; what waits goes on waiting for a person."""
    if now.running:
        return []
    spell = now.numbers.dry_spell
    reason = f"{now.since_champion:.0%} of the budget brought no new champion; the appetite allows {spell:.0%}"
    return [Decision(Verb.PAUSE, Dial.DRY_SPELL, reason)]


def _open_inquiries(now: Snapshot) -> list[Decision]:
    if not now.baseline_known:
        return []
    room = _room(now)
    if room <= 0 or not now.proposers or now.asked >= MOST_ASKED:
        return []
    share = share_of_long_shots(now.numbers.exploration, now.since_kept, now.slots)
    cost = 1.0 if now.screen is None else float(max(1, now.screen.device_ms))
    explore = wanted_next(now.sleeves, share, cost, room)
    facts = {"share": round(share, 4), "long_shots": explore}
    reason = "a slot will fall free"
    return [Decision(Verb.OPEN_INQUIRY, Dial.CAPACITY, reason, count=room, numbers=facts)]


def _room(now: Snapshot) -> int:
    """Inquiries to open. While a slot stays empty, whatever waits, two kinds hold back nobody: those that wait for the
    lead's trial, which may be slow, or lost and made again, and those at the desks of language models, as long as
    somebody is free to think too."""
    room = now.slots + max(1, now.slots // SLOTS_A_LOOKAHEAD) - now.exploring
    if len(now.wanted) >= now.slots - now.running:
        return room
    room += min(now.held_up, now.slots)
    return max(room, min(room + now.thinking, now.proposers - now.exploring)) if now.thinking else room


def _wait_for_people(now: Snapshot) -> list[Decision]:
    """With nothing else left to do the run pauses, so that no cluster is held for a person who sleeps. Once exploration
    is over an answer could lead to nothing any more, and the run ends without it."""
    if not _waits_for_people(now) or now.certification_running:
        return []
    return [Decision(Verb.PAUSE, Dial.PEOPLE, f"nothing is left to do but to wait for an answer: {now.question}")]


def _waits_for_people(now: Snapshot) -> bool:
    going = now.busy or now.running or now.wanted or _open_inquiries(now)
    return bool(now.asked and now.baseline_known and not going)


def _finish(now: Snapshot, over: Over) -> list[Decision]:
    """The run is over when nothing runs, nothing is in hand, no certification is under way and none is worth asking
    for."""
    if now.running or now.wanted or now.in_hand or now.certification_running or now.certification_asked:
        return []
    if _last_test_is_due(now):
        reason = "exploration is over: the lead is below the trigger, and α and the budget pay for a last test"
        return [Decision(Verb.LAST_TEST, Dial.PROOF, reason)]
    if now.standups and now.left.get("wall_ms", 1) > 0:
        return []
    return [Decision(Verb.FINISH, over.dial, over.reason)]


def _last_test_is_due(now: Snapshot) -> bool:
    allowed = now.tests_used < now.numbers.tests_planned and _cap_allows(now) and _can_pay(now)
    return now.lead_hopes and not now.last_test_taken and not now.target_reached and allowed
