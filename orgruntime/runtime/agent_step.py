"""A step of an agent role: ask its desk, check what comes back, write it down as a payload.

Works on one inquiry at one desk. Does not know species: whatever answers, its reply is checked here, at the border.
Invariant: a proposal exists in the ledger before anything is spent on it, and never without its commit.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from orgruntime.ledger.transaction import Transaction
from orgruntime.model.ids import PayloadId, ProposalId, RoleSlug
from orgruntime.model.manifest import Choice, Memory, Role
from orgruntime.model.payload import Payload, PayloadType
from orgruntime.model.research import IdeaState, Proposal, RiskClass
from orgruntime.model.species import is_language_model, reads_no_words
from orgruntime.model.step import PastTrial, StepReply, StepRequest
from orgruntime.runtime.calls import Call
from orgruntime.runtime.choosing import chosen, retire, told_settings
from orgruntime.runtime.events import EventKind
from orgruntime.runtime.handoffs import committed, inbox_proposal, shortened
from orgruntime.runtime.lab import Lab
from orgruntime.runtime.model_step import model_step
from orgruntime.runtime.payloads import choice_words, faults
from orgruntime.runtime.ports import Handed, StepError, WorkspaceError
from orgruntime.runtime.scenes import editable_files, scene
from orgruntime.runtime.toolset import produced
from orgruntime.runtime.whereabouts import located
from orgruntime.scheduler.choice import in_turn

PAST_WINDOW = 200
"""Past proposals that a desk is shown: enough to learn from, and a bounded message."""
_FORGETFUL = ("control/", "digest/")
"""Species that learn nothing from single trials, and are not sent them."""
TRIES = 3
FAILURES = 5
"""Steps in a row in which a language model failed, or declined though it was free to do anything."""
STATED_TOO = ("expected_gain", "risk", "cost", "summary")
"""What an author says of a proposal beside its hypothesis."""


def _any(_desk: int) -> bool:
    return True


class DeskPool:
    """Which desks of each role are free. A desk serves one step at a time, and desks take turns, so that every
    species of a panel is asked equally often. Desks with nothing left to propose are passed over."""

    def __init__(self, idle: set[str]) -> None:
        self._idle = idle
        self._free: dict[RoleSlug, deque[int]] = {}
        self._waiting: dict[RoleSlug, deque[asyncio.Future[None]]] = {}

    async def take(self, role: Role, suits: Callable[[int], bool] = _any) -> int:
        """A free desk, one that suits if there is any; waits where none is free."""
        free = self._free.setdefault(role.slug, deque(range(role.count)))
        while not free:
            turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._waiting.setdefault(role.slug, deque()).append(turn)
            try:
                await turn
            except asyncio.CancelledError:
                if not turn.cancelled():
                    # It was called and cannot come: the next one's turn.
                    self._call_next(role)
                raise
        awake = [desk for desk in free if f"{role.slug}#{desk}" not in self._idle] if self._idle else list(free)
        desk = next((desk for desk in awake if suits(desk)), awake[0] if awake else free[0])
        free.remove(desk)
        return desk

    def waiting(self, role: RoleSlug) -> int:
        """Steps that wait for a desk of the role."""
        return sum(not turn.done() for turn in self._waiting.get(role, ()))

    def give(self, role: Role, desk: int) -> None:
        self._free[role.slug].append(desk)
        self._call_next(role)

    def _call_next(self, role: Role) -> None:
        waiting = self._waiting.get(role.slug)
        while waiting:
            turn = waiting.popleft()
            if not turn.done():
                turn.set_result(None)
                return


async def agent_step(lab: Lab, call: Call) -> Handed:
    """One step, whoever thinks. What comes to nothing ends the inquiry, with the reason on record."""
    lab.doing[call.name] = f"thinking about {call.text!r}" if call.text else "thinking"
    try:
        call = located(lab, call)
        model = await chosen(lab, call)
        if is_language_model(lab.manifest.species_of(model).species):
            return await _thought(lab, call, model)
        return await _computed(lab, call, model)
    finally:
        call.leave()


async def _thought(lab: Lab, call: Call, model: str) -> Handed:
    """A step of a language model: the border has checked its handoff while it could still be mended."""
    call, request, reply = await model_step(lab, call, model)
    if reply.declined:
        return await _declined(lab, call, reply.declined, reply, model)
    problems = [reply.failed] if reply.failed else _problems(lab, call, request, reply)
    if problems:
        return await _failed(lab, call, model, "; ".join(problems), reply)
    _note_step(lab, call, model, "")
    call.leave()
    return await _accepted(lab, call, request, reply)


async def _computed(lab: Lab, call: Call, model: str) -> Handed:
    """A step of a species without a key: asked until an acceptable reply comes, at most three times."""
    reason = ""
    for attempt in range(TRIES):
        request = _request(lab, call, attempt, model)
        try:
            reply = await lab.ports.desks.step(request)
        except StepError as error:
            reason = str(error)
            if not error.retry:
                break
            continue
        if reply.declined:
            return await _declined(lab, call, reply.declined)
        problems = _problems(lab, call, request, reply)
        if not problems:
            call.leave()
            return await _accepted(lab, call, request, reply)
        reason = "; ".join(problems)
    return await _declined(lab, call, f"no usable answer: {reason}")


def _request(lab: Lab, call: Call, attempt: int, model: str) -> StepRequest:
    lead = lab.ledger.lead()
    base = lead.commit if lead is not None else lab.base.id
    species = lab.manifest.species_of(model).species
    return StepRequest(
        role=call.role.slug,
        desk=call.desk,
        species=species,
        inquiry=call.address.inquiry,
        produces=produced(lab.manifest, call.role),
        idea=told_settings(call) or call.text,
        inbox={} if call.inbox is None else {"type": call.inbox.type, **call.inbox.body},
        prompt=call.role.prompt,
        base=base,
        files=editable_files(lab, base),
        seed=lab.seed_for("step", call.address.inquiry, call.address.visit, attempt),
        scene=scene(lab),
        past=() if species.startswith(_FORGETFUL) else _past(lab, call.role),
        history=() if reads_no_words(species) or call.role.memory is not Memory.ORG else lab.history,
        digest=lab.ledger.digest(0) if species.startswith("digest/") else None,
    )


def _past(lab: Lab, role: Role) -> tuple[PastTrial, ...]:
    """What the ledger tells, and after it what is about to be written there, so that no desk proposes it again: of all
    roles, of this one, or nothing, as the role may remember."""
    if role.memory is Memory.NONE:
        return ()
    whose = role.slug if role.memory is Memory.OWN else None
    unwritten = tuple(past for author, past in lab.unwritten.values() if whose in (None, author))
    return (*lab.ledger.past(max(0, PAST_WINDOW - len(unwritten)), whose), *unwritten)


def _problems(lab: Lab, call: Call, request: StepRequest, reply: StepReply) -> list[str]:
    if reply.type not in request.produces:
        wanted = " or ".join(f"`{kind}`" for kind in request.produces) or "nothing"
        return [f"{call.role.slug} handed off `{reply.type}`, and its handoffs carry {wanted}"]
    if reply.type == "proposal":
        if not reply.files:
            return ["the proposal changes no file"]
        if not str(reply.body.get("hypothesis", "")).strip():
            return ["the proposal states no hypothesis"]
        return []
    return faults(payload_type(lab, reply.type), reply.body)


def payload_type(lab: Lab, name: str) -> PayloadType:
    return next(payload for payload in lab.manifest.payloads if payload.name == name)


async def _declined(lab: Lab, call: Call, reason: str, reply: StepReply | None = None, model: str = "") -> Handed:
    """`reply` and `model`: of a language model, whose other steps may bring something all the same."""
    if call.past.callers:
        lab.tell(EventKind.NOTICE, f"{call.name} gives {call.past.callers[-1]} no answer: {reason}")
    elif call.text:
        lab.tell(EventKind.IDEA, f"{call.role.slug} declined the idea {call.text!r}: {reason}", idea=call.idea)
    elif call.inbox is not None and call.inbox.type == "result":
        # It gave up one proposal that came back; that says nothing of the next ones.
        lab.tell(EventKind.NOTICE, f"{call.name} gives up what came back: {reason}")
    elif told := told_settings(call):
        lab.tell(EventKind.NOTICE, f"{call.name} does not set {told!r}: {reason}")
    elif reply is not None:
        lab.tell(EventKind.NOTICE, f"{call.name} declined: {reason}")
        _note_step(lab, call, model, reason)
    else:
        retire(lab, call, reason)

    def change(tx: Transaction) -> None:
        _record(tx, call, None, "", (), reply)
        # Who was asked ends its own part only.
        if call.text and not call.past.callers:
            tx.set_idea(call.idea, IdeaState.DECLINED, reason)

    await lab.board.write(change)
    return Handed(None)


def _note_step(lab: Lab, call: Call, model: str, empty: str) -> None:
    """A language model whose steps brought nothing so often in a row is passed over. `empty`: why this one did."""
    tied = call.role.choice is Choice.TURNS or len(call.role.species) == 1
    if tied and model != in_turn(call.role.species, call.desk):
        # It stood in at a desk of a species that could not read what arrived.
        return
    who = call.name if tied else f"{call.role.slug}: {model}"
    if lab.empty_steps(who, empty=bool(empty)) == FAILURES:
        retire(lab, call, f"{FAILURES} steps in a row brought nothing, the last one: {empty}")


async def _failed(lab: Lab, call: Call, model: str, reason: str, reply: StepReply) -> Handed:
    """A failed decision is recorded as one; the inquiry ends, and nothing is invented in its place."""
    lab.tell(EventKind.NOTICE, f"{call.name} ({model}) came to no end: {reason}")
    _note_step(lab, call, model, reason)

    def change(tx: Transaction) -> None:
        if _record(tx, call, None, "", (), reply):
            tx.fail_step(call.address.inquiry, call.address.visit, call.name, model, reason)
        if call.text and not call.past.callers:
            tx.set_idea(call.idea, IdeaState.DECLINED, f"failed: {reason}")

    await lab.board.write(change)
    return Handed(None)


async def _accepted(lab: Lab, call: Call, request: StepRequest, reply: StepReply) -> Handed:
    payload_id = PayloadId(f"{call.address.inquiry}.{call.address.visit}")
    if reply.type == "proposal":
        said = shortened(str(reply.body["hypothesis"]))
        past = PastTrial(settings=reply.settings, metric=None, running=True, species=request.species, text=said)
        lab.unwritten[payload_id] = (call.role.slug, past)
    try:
        return await _written(lab, call, request, reply, payload_id)
    finally:
        lab.unwritten.pop(payload_id, None)


async def _written(lab: Lab, call: Call, request: StepRequest, reply: StepReply, payload_id: PayloadId) -> Handed:
    proposal: Proposal | None = None
    words: Sequence[str] = ()
    if reply.type == "proposal":
        found = await _proposal(lab, call, request, reply)
        if isinstance(found, str):
            return await _declined(lab, call, found)
        proposal, body = found, _proposal_body(found, reply)
    else:
        body = dict(reply.body)
        words = choice_words(payload_type(lab, reply.type), body)
    payload = Payload(id=payload_id, type=reply.type, body=body, source=call.role.slug)

    def change(tx: Transaction) -> bool:
        if not _record(tx, call, payload, reply.type, tuple(words), reply):
            return False
        if proposal is not None and proposal.id == _proposal_id(call):
            tx.add_proposal(proposal)
        if reply.type == "memo":
            tx.add_memo(call.role.slug, str(body["text"]), call.address.inquiry, lab.ledger.settled_trials())
        return True

    written = await lab.board.write(change)
    if written:
        lab.note_payload(payload)
        if proposal is not None:
            lab.note_proposal(proposal)
    if reply.type == "memo":
        lab.tell(EventKind.MEMO, f"memo from {call.role.slug}", memo=body["text"])
    return Handed(payload_id, reply.type, tuple(words))


def _proposal_body(proposal: Proposal, reply: StepReply) -> dict[str, Any]:
    said = {name: reply.body[name] for name in STATED_TOO if name in reply.body}
    return {
        **said,
        "proposal": proposal.id,
        "commit": proposal.commit,
        "hypothesis": proposal.hypothesis,
        "settings": proposal.settings,
    }


def _record(
    tx: Transaction,
    call: Call,
    payload: Payload | None,
    kind: str,
    words: tuple[str, ...],
    reply: StepReply | None = None,
) -> bool:
    address = call.address
    spent = reply.spent if reply is not None else StepReply(type="").spent
    if payload is not None:
        tx.add_payload(payload, address.inquiry)
    fresh = tx.record_step(
        address.inquiry, address.visit, address.role, payload.id if payload else None, kind, words, spent
    )
    if fresh and reply is not None and reply.refusals:
        more = f"{reply.refusals} more uses of tools were refused; the transcript has them"
        tx.refuse_tool(address.inquiry, address.visit, address.role, "", more)
    return fresh


def _answered(lab: Lab, request: StepRequest, reply: StepReply) -> str:
    """The species whose proposal it is: of the model that said the last word, which may have stood in for another."""
    return lab.manifest.species_of(reply.answered[-1]).species if reply.answered else request.species


def _proposal_id(call: Call) -> ProposalId:
    return ProposalId(f"p{call.address.inquiry}.{call.address.visit}")


async def _proposal(lab: Lab, call: Call, request: StepRequest, reply: StepReply) -> Proposal | str:
    """The proposal with its commit, or why there can be none. What a reviewer hands on as it was stays what it was."""
    hypothesis = shortened(str(reply.body["hypothesis"]))
    call = replace(call, species=request.species)
    try:
        commit = committed(lab, call, request.base, reply.files, hypothesis)
    except WorkspaceError as error:
        return str(error)
    arrived = lab.proposal(ProposalId(inbox_proposal(call)))
    if arrived is not None and arrived.tree == commit.tree:
        return arrived
    await lab.commits_on_disk()
    risk = str(reply.body.get("risk", RiskClass.EXPLOIT.value))
    return Proposal(
        id=_proposal_id(call),
        inquiry=call.address.inquiry,
        idea=call.idea,
        role=call.role.slug,
        desk=call.desk,
        species=_answered(lab, request, reply),
        base=request.base,
        commit=commit.id,
        tree=commit.tree,
        hypothesis=hypothesis,
        risk=RiskClass(risk) if risk in set(RiskClass) else RiskClass.EXPLOIT,
        settings=reply.settings,
        expected_gain=reply.body.get("expected_gain"),
    )
