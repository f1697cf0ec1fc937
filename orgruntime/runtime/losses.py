"""What the cluster loses: how many trials in a row came to nothing through it, and what people are told of that.

Works on outcomes in the order in which one driver settles them, so a resumed run counts anew. Does not decide and ends
nothing. Invariant: an attempt that ended by itself shows that the cluster still runs trials, and the count begins anew;
one that never started or was cancelled shows nothing.
"""

from __future__ import annotations

import re

from orgruntime.ledger.rows import AttemptState
from orgruntime.ledger.trial_writes import MAX_LOST
from orgruntime.model.ids import RunId
from orgruntime.model.trial import TrialOutcome

MOST_GIVEN_UP = 5
"""Trials given up in a row; then no more are started. A node that dies costs each of its trials one attempt of three,
and an idea that takes its nodes down is one trial."""
MOST_TOLD = 20
"""Kinds of losses that are told by a notice of their own, lest details that never repeat fill the screen."""
DETAIL_CHARS = 180
"""So that the remedy behind it is within what a view shows of an event."""

_VARIES = re.compile(r"[0-9a-f]*[0-9][0-9a-f]*")
"""Numbers and parts of keys: they tell two losses of one kind apart."""


class Losses:
    """One a driver."""

    def __init__(self, run: RunId) -> None:
        self._run = run
        self._given_up = 0
        self._detail = ""
        self._told: set[tuple[str, str]] = set()
        self._news: list[str] = []
        self._said = False

    def note(self, outcome: TrialOutcome, *, given_up: bool) -> None:
        """An attempt that was settled just now. `given_up`: its trial is not tried again."""
        state = AttemptState.after(outcome.ending)
        if state in (AttemptState.VOID, AttemptState.CANCELLED):
            return
        if state is AttemptState.DONE:
            self._given_up, self._said = 0, False
            return
        self._detail = " ".join(outcome.detail.split())[:DETAIL_CHARS] or "no reason is known"
        self._given_up += given_up
        kind = (outcome.node, _VARIES.sub("#", self._detail))
        if kind not in self._told and len(self._told) < MOST_TOLD:
            self._told.add(kind)
            where = f" on {outcome.node}" if outcome.node else ""
            self._news.append(
                f"the cluster lost a trial{where}: {self._detail}; a trial is tried {MAX_LOST} times, and no idea is"
                " blamed for it"
            )

    @property
    def words(self) -> str:
        """Why nothing is started any more, and the remedy. Empty: there is no reason."""
        if self._given_up < MOST_GIVEN_UP:
            return ""
        return (
            f"{self._given_up} trials in a row were given up: the cluster lost each of them {MAX_LOST} times, and no"
            f" attempt ended by itself in between; the last one was lost so: {self._detail}; fix that, then"
            f" `orgrun resume {self._run}`"
        )

    def news(self, running: int) -> list[str]:
        """What people have not been told yet. `running`: attempts that still run."""
        news, self._news = self._news, []
        if self._given_up >= MOST_GIVEN_UP and running and not self._said:
            self._said = True
            news.append(
                f"{self._given_up} trials in a row were lost and given up, so nothing is started until one of the"
                f" {running} that run has ended by itself"
            )
        return news
