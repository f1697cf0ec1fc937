"""Inquiries: the threads of the graph that are open, and the step that each of them takes next.

Works on tasks of one event loop. Does not schedule: the policy says how many to open. Invariants: an inquiry is in the
ledger before its thread runs; a step that is recorded is answered from the record, never taken twice.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from functools import partial

from orgruntime.ledger.rows import InquiryRow
from orgruntime.ledger.transaction import Transaction
from orgruntime.model.ids import IdeaId, InquiryId, PayloadId, RoleSlug
from orgruntime.model.manifest import Cadence, Role, RoleKind
from orgruntime.model.payload import Payload
from orgruntime.model.research import Idea, IdeaState, RiskClass
from orgruntime.runtime.ablations import ablation_step, is_ablation
from orgruntime.runtime.agent_step import DeskPool, agent_step
from orgruntime.runtime.calls import Call
from orgruntime.runtime.choosing import suits
from orgruntime.runtime.events import EventKind
from orgruntime.runtime.experiment_step import experiment_step
from orgruntime.runtime.human_step import human_step
from orgruntime.runtime.lab import Lab
from orgruntime.runtime.ports import Handed, StepAddress
from orgruntime.runtime.verifier_step import Certifications, verifier_step
from orgruntime.scheduler.decide import Decision

STANDUP = "s"
LAST_TEST = "t"
"""Begins the id of an inquiry that takes a lead below the trigger to the verifier."""
SIBLING = "+"
"""In the id of an inquiry that a ×N handoff opened beside its first: `q7+2`."""


class Inquiries:
    """One a run."""

    def __init__(self, lab: Lab, asks: Certifications, desks: DeskPool) -> None:
        self._lab, self._asks, self._desks = lab, asks, desks
        self._tasks: dict[InquiryId, asyncio.Task[None]] = {}
        self._closing: list[tuple[InquiryId, str]] = []
        self._in_test: set[InquiryId] = set()
        self._failure: BaseException | None = None
        self._opened = 0
        self._turn = 0
        self._spawned: list[InquiryRow] = []
        self._rows: dict[InquiryId, InquiryRow] = {}
        """Of the open threads."""
        self._texts: dict[IdeaId, str] = {}
        self._wishes: dict[InquiryId, RiskClass] = {}
        """Of the inquiries that were opened here and are open: what the policy wanted of each."""
        self._reached: dict[InquiryId, int] = {}
        """The next visit of each thread that was opened here: no step from there on can be recorded yet."""

    @property
    def exploring(self) -> int:
        """Open inquiries but stand-ups and those that stand before the verifier or wait for a person."""
        waiting = self._lab.people.inquiries
        return sum(
            1 for id in self._tasks if not id.startswith(STANDUP) and id not in self._in_test and id not in waiting
        )

    @property
    def thinking(self) -> int:
        """Of `exploring`: those at the desk of a language model."""
        waiting = self._lab.people.inquiries
        return sum(1 for id in self._lab.thinking if not id.startswith(STANDUP) and id not in waiting)

    @property
    def busy(self) -> int:
        """Open inquiries, stand-ups included, that can go on by themselves. Counted where people are waited for."""
        waiting = self._lab.people.inquiries
        if not waiting:
            return len(self._tasks)
        return sum(id not in waiting and id not in self._in_test for id in self._tasks)

    def proposers(self) -> int:
        """Desks at the entries whose species have something left to propose; once none has, ideas that wait for one.
        None either way, once no desk that turns ideas into proposals is left."""
        lab, desks, behind = self._lab, self._entry_desks(), self._desks_behind()
        if behind and lab.idle.issuperset(behind):
            return 0
        free = sum(name not in lab.idle for name in desks)
        return free or len(lab.ledger.queued_ideas(len(desks)))

    def _desks_behind(self) -> list[str]:
        """Desks that propose, where none of them is an entry's."""
        graph = self._lab.manifest.graph
        slugs = {edge.source for edge in graph.handoffs if edge.payload == "proposal"}
        if slugs & set(graph.entries):
            return []
        roles = (self._lab.manifest.role(slug) for slug in slugs)
        return [f"{role.slug}#{desk}" for role in roles for desk in range(role.count)]

    def _entry_desks(self) -> list[str]:
        roles = (self._lab.manifest.role(slug) for slug in self._lab.manifest.graph.entries)
        return [f"{role.slug}#{desk}" for role in roles for desk in range(role.count)]

    def reopen(self) -> None:
        """Goes on with the inquiries that an earlier driver left open."""
        lab = self._lab
        rows = lab.ledger.open_inquiries()
        self._opened = lab.ledger.inquiries_opened()
        self._begin([row for row in rows if row.id not in self._tasks])

    def write_opened(self, tx: Transaction, decision: Decision) -> list[InquiryRow]:
        """The next ideas of the queue, or standing invitations while a desk has something left to propose, become
        inquiries at the entries, in turn."""
        ideas = self._lab.ledger.queued_ideas(decision.count)
        invited = any(name not in self._lab.idle for name in self._entry_desks())
        rows = []
        long_shots = int(decision.numbers.get("long_shots", 0))
        for n in range(decision.count if invited else len(ideas)):
            self._opened += 1
            self._wishes[InquiryId(f"q{self._opened}")] = RiskClass.EXPLORE if n < long_shots else RiskClass.EXPLOIT
            at = self._beginning(ideas[n : n + 1])
            rows.append(self._row(tx, InquiryId(f"q{self._opened}"), self._idea(tx, ideas[n : n + 1]), at))
        if rows:
            names = f"{rows[0].id}..{rows[-1].id}" if len(rows) > 1 else rows[0].id
            tx.decide(
                decision.dial, decision.verb.value, names, decision.reason, {**decision.numbers, "count": len(rows)}
            )
        return rows

    def _beginning(self, ideas: Sequence[Idea]) -> RoleSlug:
        """The entries, in turn. What the runtime carries out itself begins where proposals are made: an entry may hand
        off neither ideas nor proposals."""
        graph = self._lab.manifest.graph
        if ideas and is_ablation(ideas[0].text):
            proposing = [edge.source for edge in graph.handoffs if edge.payload == "proposal"]
            agents = [slug for slug in proposing if self._lab.manifest.role(slug).kind is RoleKind.AGENT]
            if agents:
                return agents[0]
        self._turn += 1
        return graph.entries[(self._turn - 1) % len(graph.entries)]

    def last_test_taken(self) -> bool:
        """Whether a last test was asked for since the last trial was settled. Not looked up while inquiries are open,
        when none is due."""
        return self.exploring > 0 or self._lab.ledger.inquiry(self._last_test()) is not None

    def write_last_test(self, tx: Transaction, decision: Decision) -> list[InquiryRow]:
        """An inquiry that begins at the verifier, which waits there for its test as every other does."""
        id = self._last_test()
        tx.decide(decision.dial, decision.verb.value, id, decision.reason, {})
        return [self._row(tx, id, self._idea(tx, ()), self._lab.verifier.slug)]

    def _last_test(self) -> InquiryId:
        return InquiryId(f"{LAST_TEST}{self._lab.ledger.settled_trials()}")

    def write_standups(self, tx: Transaction) -> list[InquiryRow]:
        """Stand-ups that are due. A role's next one waits for the one that is under way."""
        spawned, self._spawned = self._spawned, []
        return [*spawned, *(self._row(tx, id, self._idea(tx, ()), role) for id, role in self._due_now())]

    def standups(self) -> bool:
        """Whether one is under way or due."""
        return any(id.startswith(STANDUP) for id in self._tasks) or bool(self._due_now())

    def _due_now(self) -> list[tuple[InquiryId, RoleSlug]]:
        due = []
        for cadence in self._lab.manifest.graph.cadences:
            number = self._due(cadence)
            id = InquiryId(f"{STANDUP}{cadence.id}.{number}")
            if number is not None and self._lab.ledger.inquiry(id) is None:
                due.append((id, cadence.role))
        return due

    def start(self, rows: Sequence[InquiryRow]) -> None:
        """Begins the threads of inquiries that were just written."""
        self._reached.update((row.id, 0) for row in rows)
        self._begin(rows)

    def _begin(self, rows: Sequence[InquiryRow]) -> None:
        for row in rows:
            self._rows[row.id] = row
            task = asyncio.create_task(self._lab.ports.engine.run(row.id, row.at, row.payload), name=row.id)
            self._tasks[row.id] = task
            task.add_done_callback(self._finished)

    def write_closed(self, tx: Transaction) -> None:
        """Closes the inquiries whose threads have ended."""
        closing, self._closing = self._closing, []
        for id, reason in closing:
            row = self._rows.pop(id, None) or self._lab.ledger.inquiry(id)
            tx.close_inquiry(id, reason)
            self._reached.pop(id, None)
            self._wishes.pop(id, None)
            if row is not None and SIBLING not in id:
                tx.close_idea(row.idea, reason)
                self._texts.pop(row.idea, None)
        if closing:
            self._forget([id for id, _ in closing])

    def write_ended(self, tx: Transaction, reason: str) -> None:
        """Closes what is still open when the run is over."""
        ended = dict(self._closing)
        for row in self._lab.ledger.open_inquiries():
            if row.id.startswith(STANDUP) and row.id not in ended:
                ended[row.id] = f"cut off, the run had nothing else to wait for: {reason}"
                self._lab.tell(EventKind.NOTICE, f"the stand-up of {row.at} was cut off by the end of the run")
        self._closing = list(({row.id: reason for row in self._lab.ledger.open_inquiries()} | ended).items())
        self.write_closed(tx)
        for question in self._lab.ledger.open_questions():
            tx.withdraw_question(question.id, f"the run is over: {reason}")

    def raise_failure(self) -> None:
        """A step that failed for a reason of ours ends the run: better than losing an inquiry in silence."""
        if self._failure is not None:
            raise self._failure

    async def close(self) -> None:
        """Cancels the threads where they stand; they go on at the next resume."""
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def step(self, address: StepAddress, inbox: PayloadId | None) -> Handed:
        """The engine's callback."""
        if self._reached.get(address.inquiry) != address.visit:
            recorded = self._lab.ledger.step(address.inquiry, address.visit)
            if recorded is not None:
                return Handed(recorded.payload, recorded.type, recorded.words)
        handed = await self._step(address, inbox)
        if address.inquiry in self._reached:
            self._reached[address.inquiry] = address.visit + 1
        return handed

    async def _step(self, address: StepAddress, inbox: PayloadId | None) -> Handed:
        role = self._lab.manifest.role(address.role)
        payload = self._lab.payload(inbox) if inbox is not None else None
        match role.kind:
            case RoleKind.AGENT:
                return await self._agent(role, address, payload)
            case RoleKind.EXPERIMENT:
                assert payload is not None
                return await experiment_step(self._lab, role, address, payload)
            case RoleKind.VERIFIER:
                return await self._verifier(role, address)
            case RoleKind.HUMAN:
                return await human_step(self._lab, role, address, payload, self._rows[address.inquiry].idea)

    async def _agent(self, role: Role, address: StepAddress, inbox: Payload | None) -> Handed:
        row = self._rows[address.inquiry]
        text = self._text(row.idea)
        if is_ablation(text) or (inbox is not None and inbox.type == "idea"):
            idea = self._lab.ledger.idea(row.idea)
            assert idea is not None
            handed = await ablation_step(self._lab, role, address, inbox, idea)
            if handed is not None:
                return handed
        await self._fan_out(role, row)
        # A sibling takes the step of the inquiry that it came of.
        wish = self._wishes.get(InquiryId(row.id.partition(SIBLING)[0]))
        call = Call(address, role, 0, inbox, row.idea, text, wish=wish)
        desk = await self._desks.take(role, partial(suits, self._lab, call), invited=call.invited)
        ticket = [desk]
        leave, come_back = partial(self._leave, role, ticket), partial(self._come_back, role, desk, ticket)
        return await agent_step(self._lab, replace(call, desk=desk, leave=leave, come_back=come_back))

    def _leave(self, role: Role, ticket: list[int]) -> None:
        """`ticket`: the desk, where it is held."""
        if ticket:
            desk = ticket.pop()
            self._lab.doing[f"{role.slug}#{desk}"] = "idle"
            self._desks.give(role, desk)

    async def _come_back(self, role: Role, desk: int, ticket: list[int]) -> int:
        desk = await self._desks.take_back(role, desk)
        ticket.append(desk)
        self._lab.doing[f"{role.slug}#{desk}"] = "thinking"
        return desk

    async def _fan_out(self, role: Role, row: InquiryRow) -> None:
        """×N: N − 1 siblings take the same step of their own, each on its own way from here."""
        width = max((edge.fan_out for edge in self._lab.manifest.graph.edges_from(role.slug)), default=1)
        if width == 1 or SIBLING in row.id or row.id.startswith(STANDUP):
            return
        ids = [InquiryId(f"{row.id}{SIBLING}{n}") for n in range(2, width + 1)]

        def change(tx: Transaction) -> list[InquiryRow]:
            new = [id for id in ids if self._lab.ledger.inquiry(id) is None]
            return [self._row(tx, id, row.idea, role.slug, row.payload) for id in new]

        # Two statements: `+=` would read the list before the wait, and a tick swaps it meanwhile.
        spawned = await self._lab.board.write(change)
        self._spawned.extend(spawned)

    async def _verifier(self, role: Role, address: StepAddress) -> Handed:
        self._in_test.add(address.inquiry)
        try:
            return await verifier_step(self._lab, self._asks, role, address)
        finally:
            self._in_test.discard(address.inquiry)

    def _idea(self, tx: Transaction, queued: Sequence[Idea]) -> IdeaId:
        """The next idea of the queue, or a new one without words, open."""
        if queued:
            tx.set_idea(queued[0].id, IdeaState.OPEN)
            self._texts[queued[0].id] = queued[0].text
            return queued[0].id
        id = tx.add_idea("", "runtime", IdeaState.OPEN)
        self._texts[id] = ""
        return id

    def _text(self, id: IdeaId) -> str:
        if id not in self._texts:
            idea = self._lab.ledger.idea(id)
            self._texts[id] = idea.text if idea is not None else ""
        return self._texts[id]

    def _row(
        self, tx: Transaction, id: InquiryId, idea: IdeaId, at: RoleSlug, payload: PayloadId | None = None
    ) -> InquiryRow:
        tx.open_inquiry(id, idea, at, payload)
        return InquiryRow(id, idea, at, payload, "open", "")

    def _due(self, cadence: Cadence) -> int | None:
        """The number of the stand-up that is due, counted from 1."""
        if any(id.startswith(f"{STANDUP}{cadence.id}.") for id in self._tasks):
            return None
        if cadence.every_trials is not None:
            return self._lab.ledger.settled_trials() // cadence.every_trials or None
        assert cadence.every_s is not None
        return int(self._lab.ledger.run().wall_ms / 1000 / cadence.every_s) or None

    def _finished(self, task: asyncio.Task[None]) -> None:
        id = InquiryId(task.get_name())
        self._tasks.pop(id, None)
        if task.cancelled():
            return
        error = task.exception()
        if error is not None:
            self._failure = error
        else:
            self._closing.append((id, "its way through the workflow ended"))
        self._lab.board.on_change()

    def _forget(self, ids: Sequence[InquiryId]) -> None:
        task = asyncio.ensure_future(self._lab.ports.engine.forget(ids))
        task.add_done_callback(lambda done: done.cancelled() or done.exception())
