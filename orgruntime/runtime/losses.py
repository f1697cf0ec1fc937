"""What the cluster loses: how many trials in a row came to nothing through it, how long the run waits for it then, and
what people are told of that.

Works on outcomes in the order in which one driver settles them, so a resumed run counts anew. Does not decide and ends
nothing. Invariant: an attempt that ended by itself shows that the cluster still runs trials, and the count and the
waits begin anew; one that never started or was cancelled shows nothing.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import UTC, datetime

from orgruntime.ledger.rows import AttemptState
from orgruntime.ledger.trial_writes import MAX_LOST
from orgruntime.model.ids import AttemptId, RunId
from orgruntime.model.trial import TrialOutcome
from orgruntime.runtime.ports import Clock
from orgruntime.scheduler.outage import Outage

MOST_GIVEN_UP = 5
"""Trials given up in a row; then the run waits for the cluster. A node that dies costs each of its trials one attempt
of three, and an idea that takes its nodes down is one trial."""
FIRST_WAIT_S = 15.0
MOST_WAITS = 6
"""Each twice as long as the one before, a quarter of an hour in all: longer than a head, a network or a node takes to
come back by itself. Then a person is needed."""
MOST_TOLD = 20
"""Kinds of losses that are told by a notice of their own, lest details that never repeat fill the screen."""
DETAIL_CHARS = 180
"""So that the remedy behind it is within what a view shows of an event."""

_VARIES = re.compile(r"[0-9a-f]*[0-9][0-9a-f]*")
"""Numbers and parts of keys: they tell two losses of one kind apart."""


@dataclass
class _Outage:
    """From the last trial of `MOST_GIVEN_UP` to the first attempt that ends by itself."""

    since_s: float
    waits: int = 0
    """Begun since then. More than `MOST_WAITS`: the run has waited for long enough."""
    until_s: float = 0.0
    until: str = ""
    """The same as a time of day."""
    waited_s: float = 0.0
    """From its beginning to the last loss of a probe."""
    probes: dict[AttemptId, int] = field(default_factory=dict)
    """Started since then: after which wait."""
    told: bool = False
    """Of the last wait."""

    @property
    def ends(self) -> bool:
        return self.waits > MOST_WAITS

    @property
    def wait_s(self) -> float:
        return FIRST_WAIT_S * 2.0 ** (self.waits - 1)

    @property
    def nth(self) -> str:
        return f"(wait {self.waits} of {MOST_WAITS})"


class Losses:
    """One a driver."""

    def __init__(self, run: RunId, clock: Clock) -> None:
        self._run, self._clock = run, clock
        self._given_up = 0
        self._outage: _Outage | None = None
        self._detail = ""
        self._told: set[tuple[str, str]] = set()
        self._news: list[str] = []

    def note(self, outcome: TrialOutcome, *, given_up: bool) -> None:
        """An attempt that was settled just now. `given_up`: its trial is not tried again."""
        state, outage = AttemptState.after(outcome.ending), self._outage
        is_news = outage is not None and outage.probes.get(outcome.attempt) == outage.waits
        if state is AttemptState.DONE:
            if outage is not None:
                self._news.append("the cluster runs trials again: an attempt ended by itself, and the run goes on")
            self._given_up, self._outage = 0, None
        elif state is AttemptState.LOST:
            self._given_up += given_up
            self._tell_kind(outcome)
            if is_news or (outage is None and self._given_up >= MOST_GIVEN_UP):
                self._wait()
        elif outage is not None:
            outage.probes.pop(outcome.attempt, None)

    def started(self, attempts: Collection[AttemptId]) -> None:
        """What the cluster was given just now. In an outage these are probes: the first that is lost makes the run wait
        twice as long, and a trial whose probe is lost is none the nearer to being given up.

        A trial may run for hours, so a probe that runs for as long as the wait before it is followed by another.
        """
        if self._outage is not None and attempts:
            self._outage.probes.update(dict.fromkeys(attempts, self._outage.waits))
            self._rest(self._outage)

    def is_probe(self, attempt: AttemptId) -> bool:
        return self._outage is not None and attempt in self._outage.probes

    @property
    def outage(self) -> Outage | None:
        """As the policy sees it. None: the cluster runs trials, as far as is known."""
        return None if self._outage is None else Outage(probe=self._is_over(self._outage), ends=self.words)

    @property
    def words(self) -> str:
        """Why nothing is started any more, and the remedy. Empty: there is no reason."""
        outage = self._outage
        if outage is None or not outage.ends:
            return ""
        tried = f"in {outage.waited_s / 60:.0f} min of waiting for the cluster {len(outage.probes)} more tries"
        return (
            f"{self._given_up} trials in a row were given up, each lost {MAX_LOST} times; {tried} were lost too; the"
            f" last loss: {self._detail}; fix that, then `orgrun resume {self._run}`"
        )

    def doing(self, running: int) -> str:
        """What the run waits for, for `status`. Empty: for nothing that is known here. `running`: attempts that still
        run."""
        outage = self._outage
        if outage is None:
            return ""
        if outage.ends:
            until = f" until {_one_of(running)} has ended by itself" if running else ""
            return f"the cluster loses trials: nothing is started{until}"
        if outage.waits in outage.probes.values():
            return f"the cluster loses trials: one was started to see whether it still does {outage.nth}"
        if self._is_over(outage):
            return ""
        return f"the cluster loses trials: nothing is started until {outage.until}, then one to see {outage.nth}"

    def news(self, running: int) -> list[str]:
        """What people have not been told yet. `running`: attempts that still run."""
        news, self._news = self._news, []
        outage = self._outage
        if outage is None or outage.told or (outage.ends and not running):
            return news
        outage.told = True
        count = f"{self._given_up} trials in a row were lost and given up"
        if outage.ends:
            return [*news, f"{count}, so nothing is started until {_one_of(running)} has ended by itself"]
        what = count if outage.waits == 1 else "what was started to see was lost too"
        wait = f"the run waits for the cluster until {outage.until}, then starts one trial to see {outage.nth}"
        unless = f"; it goes on as before once {_one_of(running)} has ended by itself" if running else ""
        return [*news, f"{what}: {wait}{unless}"]

    def _tell_kind(self, outcome: TrialOutcome) -> None:
        self._detail = " ".join(outcome.detail.split())[:DETAIL_CHARS] or "no reason is known"
        kind = (outcome.node, _VARIES.sub("#", self._detail))
        if kind not in self._told and len(self._told) < MOST_TOLD:
            self._told.add(kind)
            where = f" on {outcome.node}" if outcome.node else ""
            self._news.append(
                f"the cluster lost a trial{where}: {self._detail}; a trial is tried {MAX_LOST} times, and no idea is"
                " blamed for it"
            )

    def _wait(self) -> None:
        now = self._clock.monotonic()
        outage = self._outage = self._outage or _Outage(since_s=now)
        outage.waits += 1
        outage.waited_s = now - outage.since_s
        outage.told = False
        self._rest(outage)

    def _rest(self, outage: _Outage) -> None:
        outage.until_s = self._clock.monotonic() + outage.wait_s
        at = datetime.fromtimestamp(self._clock.now() + outage.wait_s, UTC)
        outage.until = at.astimezone().strftime("%H:%M:%S")

    def _is_over(self, outage: _Outage) -> bool:
        """Its wait: one trial may be started."""
        return self._clock.monotonic() >= outage.until_s


def _one_of(running: int) -> str:
    return "the one that runs" if running == 1 else f"one of the {running} that run"
