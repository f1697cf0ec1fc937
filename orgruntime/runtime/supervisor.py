"""The supervisor: one loop in the driver that keeps a run going. load → decide (pure) → write the intent → apply.

Knows the ledger, the board, the ports and the policy; does not know Ray, LangGraph or markdown.
Invariants: nothing is started whose intent is not on disk; one transaction (one fsync) a tick; an outcome is settled
before anyone hears of it; whatever ends the loop, nothing that it started is left running.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Coroutine
from typing import Any

from orgruntime.ledger.rows import TrialState
from orgruntime.ledger.store import LedgerError
from orgruntime.ledger.transaction import Transaction
from orgruntime.model.appetite import Dial
from orgruntime.model.status import RunState
from orgruntime.model.trial import TrialOutcome, TrialSpec
from orgruntime.runtime.agent_step import DeskPool
from orgruntime.runtime.demand import Demand
from orgruntime.runtime.events import EventKind
from orgruntime.runtime.inquiries import Inquiries
from orgruntime.runtime.intents import Applied, write_intents
from orgruntime.runtime.lab import Lab
from orgruntime.runtime.losses import Losses
from orgruntime.runtime.noise_step import measure_noise
from orgruntime.runtime.ports import ExecutorError
from orgruntime.runtime.settlement import Settled, named, settle, write_logs
from orgruntime.runtime.snapshots import Hands, snapshot
from orgruntime.runtime.verifier_step import Certifications
from orgruntime.scheduler.decide import Verb
from orgruntime.scheduler.noise import BaselineError

TICK_S = 0.25
"""Without news the loop looks around this often: requests from other processes, cadences, the clock."""
LONGEST_REST_S = 0.03
SHORTEST_REST_S = 0.005
WINDING_UP_S = 10.0

STANDUP_PATIENCE_S = 10.0
"""How long a run that has nothing else left waits for a stand-up before it is finished."""


class Supervisor:
    """One run, from its ledger's present state to its end, a pause or a stop."""

    def __init__(self, lab: Lab) -> None:
        self._lab = lab
        self._wake = asyncio.Event()
        lab.board.on_change = self._wake.set
        self._asks = Certifications()
        self._inquiries = Inquiries(lab, self._asks, DeskPool(lab.idle))
        self._arrived: list[TrialOutcome] = []
        self._stop_reason = ""
        self._forgiven = 0
        self._counted_s = lab.ports.clock.monotonic()
        self._ended: tuple[RunState, str] | None = None
        self._tick_s = 0.0
        self._cancels: set[asyncio.Task[None]] = set()
        self._losses = Losses(lab.ledger.run().id, lab.ports.clock)
        self._quiet_since: float | None = None
        """Since when nothing but stand-ups is left."""

    def ask_stop(self, reason: str) -> None:
        """From a signal handler or a request: nothing new is started, what runs is ended, the run can be resumed."""
        self._stop_reason = self._stop_reason or reason
        self._wake.set()

    async def run(self) -> tuple[RunState, str]:
        """Returns the state in which the run was left, and why. The executor is started and the ledger is ours.

        Raises ExecutorError when the cluster is gone; the run is stopped then, and can be resumed.
        """
        lab = self._lab
        self._forgiven = self._go_on()
        await lab.ports.engine.open(self._inquiries.step)
        demand = Demand(lab, lambda: self._losses.doing(len(lab.board.started)))
        helpers = [
            asyncio.create_task(work) for work in (self._listen(), self._follow(), demand.follow(), self._begin())
        ]
        try:
            while self._ended is None:
                self._tick()
                for helper in helpers:
                    if helper.done() and not helper.cancelled():
                        helper.result()
                self._inquiries.raise_failure()
                await self._rest()
        except ExecutorError as error:
            self._write_stopped(str(error))
            raise
        finally:
            await self._wind_up(helpers)
        state, reason = self._ended
        with lab.ledger.transaction() as tx:
            tx.add_wall(self._wall_ms())
            if state is RunState.FINISHED:
                self._inquiries.write_ended(tx, reason)
            tx.set_state(state, reason)
        return state, reason

    def _write_stopped(self, reason: str) -> None:
        # A driver that is fenced off has no word in the run any more.
        with contextlib.suppress(LedgerError), self._lab.ledger.transaction() as tx:
            tx.set_state(RunState.STOPPED, reason)

    async def _rest(self) -> None:
        """Until there is news; then for half as long as the last tick took, so that one tick (one fsync) serves a batch
        and the loop spends at most two thirds of its time on ticks. A trial waits for some four of them."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._wake.wait(), TICK_S)
        await asyncio.sleep(min(LONGEST_REST_S, self._tick_s / 2))
        self._wake.clear()

    def _go_on(self) -> int:
        """Resuming a run that a dry spell paused is a person's word to go on: the spell starts anew."""
        ledger = self._lab.ledger
        state, settled = ledger.run().state, ledger.settled_trials()
        pauses = ledger.decisions(1, Verb.PAUSE) if state is RunState.PAUSED else []
        paused = any(row.dial is Dial.DRY_SPELL for row in pauses)
        with ledger.transaction() as tx:
            if paused:
                tx.decide(Dial.DRY_SPELL, "go-on", ledger.run().id, "a person resumed the run", {"settled": settled})
            tx.set_state(RunState.RUNNING, "")
        return max((int(row.numbers["settled"]) for row in ledger.decisions(1, "go-on")), default=0)

    async def _begin(self) -> None:
        """Baseline first; inquiries that an earlier driver left open go on after it."""
        try:
            await measure_noise(self._lab)
        except BaselineError as error:
            self._ended = (RunState.FAILED, str(error))
            self._wake.set()
            return
        self._inquiries.reopen()
        self._wake.set()

    async def _listen(self) -> None:
        while True:
            arrived = [named(self._lab, one) for one in await self._lab.ports.executor.outcomes()]
            try:
                write_logs(self._lab, arrived)
            finally:
                # Also where they have no room on the disk: nobody else has them.
                self._arrived.extend(arrived)
            self._wake.set()

    async def _follow(self) -> None:
        while True:
            for news in await self._lab.ports.executor.progress():
                self._lab.race.hear(news)
            self._wake.set()

    def _spawn(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.create_task(work)
        self._cancels.add(task)
        task.add_done_callback(self._cancels.discard)

    def _tick(self) -> None:
        began = self._lab.ports.clock.monotonic()
        self._tick_once()
        self._tick_s = self._lab.ports.clock.monotonic() - began

    def _tick_once(self) -> None:
        lab, board = self._lab, self._lab.board
        self._take_requests()
        if self._stop_reason and self._ended is None:
            self._ended = (RunState.STOPPED, self._stop_reason)
        writes, board.writes = board.writes, []
        arrived, self._arrived = self._arrived, []
        answers: list[tuple[asyncio.Future[Any], Any]] = []
        settled: list[Settled] = []
        with lab.ledger.transaction() as tx:
            for change, done in writes:
                answers.append((done, change(tx)))
            settled = [settle(lab, tx, one, blameless=self._losses.is_probe(one.attempt)) for one in arrived]
            for outcome, one in zip(arrived, settled, strict=True):
                if one.row is not None:
                    self._losses.note(outcome, given_up=one.row.state is TrialState.FAILED)
            self._inquiries.write_closed(tx)
            applied = self._decide(tx)
            self._add_wall(tx, bool(writes or arrived or applied.specs))
        for done, answer in answers:
            if not done.done():
                done.set_result(answer)
        self._announce(settled)
        self._apply(applied)

    def _decide(self, tx: Transaction) -> Applied:
        if self._ended is not None:
            return Applied()
        certification = self._lab.ledger.open_certification()
        now = snapshot(
            self._lab,
            Hands(
                exploring=self._inquiries.exploring,
                proposers=self._inquiries.proposers(),
                certification_asked=self._asks.is_asked,
                stop_asked=bool(self._stop_reason),
                forgiven=self._forgiven,
                wall_ms=self._wall_ms(),
                certification=certification,
                standups=self._standups_may_end(),
                last_test_taken=self._inquiries.last_test_taken(),
                asked=self._lab.people.asked,
                busy=self._inquiries.busy,
                question=self._lab.people.words(self._lab.ledger),
                thinking=self._inquiries.thinking,
                lost=self._losses.outage,
            ),
        )
        return write_intents(self._lab, tx, now, self._inquiries, self._asks)

    def _standups_may_end(self) -> bool:
        board, now = self._lab.board, self._lab.ports.clock.monotonic()
        if board.started or board.orders or self._inquiries.exploring or not self._inquiries.standups():
            self._quiet_since = None
            return False
        if self._quiet_since is None:
            self._quiet_since = now
        return now - self._quiet_since < STANDUP_PATIENCE_S

    def _apply(self, applied: Applied) -> None:
        lab = self._lab
        for key, reason in applied.dropped:
            lab.board.drop(key, reason)
        specs: list[TrialSpec] = []
        for key, attempt in applied.specs:
            lab.board.start(key)
            order = lab.board.started[key]
            lab.sleeves.start(order)
            if order.rungs:
                lab.race.enter(key, attempt, order.identity.hardware)
            specs.append(lab.spec(order, attempt))
        if specs:
            lab.ports.executor.submit(specs)
            self._losses.started([spec.attempt for spec in specs])
        if applied.ended_early:
            self._spawn(lab.ports.executor.cancel(applied.ended_early))
        self._inquiries.start(applied.inquiries)
        if applied.granted is not None:
            text = f"test {applied.granted.number}: lead {applied.granted.lead[:10]} against the champion"
            lab.tell(EventKind.CERTIFICATION, text, id=applied.granted.id, threshold=applied.granted.threshold)
            self._asks.answer(applied.granted)
        if applied.withdrawn:
            self._asks.answer(applied.withdrawn)
        if applied.ended is not None:
            self._ended = applied.ended

    def _announce(self, settled: list[Settled]) -> None:
        for one in settled:
            if one.row is None:
                continue
            if one.row.number is None:
                self._lab.board.put_back(one.row.key)
            else:
                self._lab.board.settle(one.row)
            self._lab.tell(EventKind.TRIAL, one.text, **one.data)
        for text in self._losses.news(len(self._lab.board.started)):
            self._lab.tell(EventKind.NOTICE, text)

    def _take_requests(self) -> None:
        for kind, body in self._lab.ledger.take_requests():
            if kind == "stop":
                self.ask_stop(str(body.get("reason") or "stopped by a person"))
        self._lab.people.hear(self._lab.ledger)

    def _add_wall(self, tx: Transaction, busy: bool) -> None:
        if busy or self._wall_ms() >= 1000:
            tx.add_wall(self._wall_ms())
            self._counted_s = self._lab.ports.clock.monotonic()

    def _wall_ms(self) -> int:
        return round((self._lab.ports.clock.monotonic() - self._counted_s) * 1000)

    async def _wind_up(self, helpers: list[asyncio.Task[None]]) -> None:
        """Ends what runs and settles it, so that the books are closed when the driver leaves."""
        for helper in helpers:
            helper.cancel()
        await asyncio.gather(*helpers, return_exceptions=True)
        await self._inquiries.close()
        lab = self._lab
        with contextlib.suppress(LedgerError, TimeoutError):
            await asyncio.wait_for(self._settle_calls(), WINDING_UP_S)
        # What cannot be settled now is settled by the next driver.
        with contextlib.suppress(LedgerError, ExecutorError, TimeoutError):
            await self._cancel_running()
        await lab.ports.engine.close()

    async def _settle_calls(self) -> None:
        """Model calls that were cut off are settled by what is known of them, while there is still somebody who
        writes."""
        if self._lab.gateway is None:
            return
        draining = asyncio.ensure_future(self._lab.gateway.drain())
        try:
            while not draining.done():
                self._write_waiting()
                await asyncio.sleep(SHORTEST_REST_S)
            self._write_waiting()
        finally:
            draining.cancel()

    def _write_waiting(self) -> None:
        board = self._lab.board
        writes, board.writes = board.writes, []
        if not writes:
            return
        with self._lab.ledger.transaction() as tx:
            answers = [(done, change(tx)) for change, done in writes]
        for done, answer in answers:
            if not done.done():
                done.set_result(answer)

    async def _cancel_running(self) -> None:
        lab = self._lab
        running = {row.attempt for row in lab.ledger.running_attempts()}
        if running:
            await lab.ports.executor.cancel(sorted(running))
        while running:
            arrived, self._arrived = self._arrived, []
            if not arrived:
                outcomes = await asyncio.wait_for(lab.ports.executor.outcomes(), timeout=10)
                arrived = [named(lab, one) for one in outcomes]
                write_logs(lab, arrived)
            with lab.ledger.transaction() as tx:
                for outcome in arrived:
                    settle(lab, tx, outcome)
            running -= {outcome.attempt for outcome in arrived}
