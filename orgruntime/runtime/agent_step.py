"""A step of an agent role: ask its desk, check what comes back, write it down as a payload.

Works on one inquiry at one desk. Does not know species: whatever answers, its reply is checked here, at the border.
Invariant: a proposal exists in the ledger before anything is spent on it, and never without its commit.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from orgruntime.ledger.transaction import Transaction
from orgruntime.model.ids import CommitId, IdeaId, PayloadId, ProposalId, RoleSlug
from orgruntime.model.manifest import Role
from orgruntime.model.payload import Payload, PayloadType
from orgruntime.model.research import IdeaState, Proposal
from orgruntime.model.step import PastTrial, Scene, StepReply, StepRequest
from orgruntime.runtime.events import EventKind
from orgruntime.runtime.lab import Lab
from orgruntime.runtime.payloads import choice_words, faults
from orgruntime.runtime.ports import Handed, StepAddress, StepError, WorkspaceError

PAST_WINDOW = 200
"""Past proposals that a desk is shown: enough to learn from, and a bounded message."""
_FORGETFUL = ("control/", "digest/")
"""Species that learn nothing from single trials, and are not sent them."""
_WORDLESS = ("control/", "search/")
"""Species that read no words."""
TRIES = 3


@dataclass(frozen=True)
class Call:
    """One step to be taken: where, by whom, on what."""

    address: StepAddress
    role: Role
    desk: int
    inbox: Payload | None
    idea: IdeaId
    text: str
    """The idea's words; empty for the standing invitation."""
    leave: Callable[[], None]
    """Gives the desk back. A desk whose answer was accepted does not wait until that is written down."""


class DeskPool:
    """Which desks of each role are free. A desk serves one step at a time, and desks take turns, so that every
    species of a panel is asked equally often. Desks with nothing left to propose are passed over."""

    def __init__(self, idle: set[str]) -> None:
        self._idle = idle
        self._free: dict[RoleSlug, deque[int]] = {}
        self._waiting: dict[RoleSlug, deque[asyncio.Future[None]]] = {}

    async def take(self, role: Role) -> int:
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
        for _ in range(len(free)):
            if f"{role.slug}#{free[0]}" not in self._idle:
                break
            free.rotate(-1)
        return free.popleft()

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
    """Asks until an acceptable reply comes, at most three times; then the inquiry ends with the reason."""
    name = f"{call.role.slug}#{call.desk}"
    lab.doing[name] = f"thinking about {call.text!r}" if call.text else "thinking"
    try:
        reason = ""
        for attempt in range(TRIES):
            request = _request(lab, call, attempt)
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
    finally:
        call.leave()


def _request(lab: Lab, call: Call, attempt: int) -> StepRequest:
    lead = lab.ledger.lead()
    base = lead.commit if lead is not None else lab.base.id
    species = _species(lab, call)
    return StepRequest(
        role=call.role.slug,
        desk=call.desk,
        species=species,
        inquiry=call.address.inquiry,
        produces=produced(lab, call.role),
        idea=call.text,
        inbox={} if call.inbox is None else {"type": call.inbox.type, **call.inbox.body},
        prompt=call.role.prompt,
        base=base,
        files=editable_files(lab, base),
        seed=lab.seed_for("step", call.address.inquiry, call.address.visit, attempt),
        scene=scene(lab),
        past=() if species.startswith(_FORGETFUL) else _past(lab),
        history=() if species.startswith(_WORDLESS) else lab.history,
        digest=lab.ledger.digest(0) if species.startswith("digest/") else None,
    )


def _past(lab: Lab) -> tuple[PastTrial, ...]:
    """What the ledger tells, and after it what is about to be written there, so that no desk proposes it again."""
    unwritten = tuple(lab.unwritten.values())
    return (*lab.ledger.past(max(0, PAST_WINDOW - len(unwritten))), *unwritten)


def _species(lab: Lab, call: Call) -> str:
    names = call.role.species
    return lab.manifest.species_of(names[call.desk % len(names)]).species


def produced(lab: Lab, role: Role) -> tuple[str, ...]:
    """Payload types that the role's handoffs and stand-ups carry."""
    graph = lab.manifest.graph
    kinds = [edge.payload for edge in graph.edges_from(role.slug)]
    kinds += [cadence.payload for cadence in graph.cadences if cadence.role == role.slug]
    return tuple(dict.fromkeys(kinds))


def editable_files(lab: Lab, commit: CommitId) -> dict[str, str]:
    """The editable files of a commit that are UTF-8 text."""
    if commit not in lab.texts:
        # Leads follow each other: whoever asks next asks for the newest one.
        lab.texts = {commit: _texts(lab, commit)}
    return lab.texts[commit]


def _texts(lab: Lab, commit: CommitId) -> dict[str, str]:
    texts = {}
    for path in lab.workspace.paths(commit):
        if lab.is_editable(path):
            try:
                texts[path] = lab.workspace.read(commit, path).decode("utf-8")
            except UnicodeDecodeError:
                continue
    return texts


def scene(lab: Lab) -> Scene:
    ledger, objective = lab.ledger, lab.manifest.objective
    noise, lead, champion = ledger.noise(), ledger.lead(), ledger.champion()
    certificate = champion.certificate if champion is not None else None
    bound = lab.manifest.budget.trials
    return Scene(
        metric=objective.metric,
        direction=objective.direction.value,
        baseline=noise.baseline if noise else None,
        noise_sd=noise.sd if noise else None,
        lead=lead.metric if lead else None,
        champion=certificate.champion_metric if certificate else None,
        trials_left=None if bound is None else max(0, bound - ledger.settled_trials()),
    )


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


async def _declined(lab: Lab, call: Call, reason: str) -> Handed:
    if call.text:
        lab.tell(EventKind.IDEA, f"{call.role.slug} declined the idea {call.text!r}: {reason}", idea=call.idea)
    elif call.inbox is not None and call.inbox.type == "result":
        # It gave up one proposal that came back; that says nothing of the next ones.
        lab.tell(EventKind.NOTICE, f"{call.role.slug}#{call.desk} gives up what came back: {reason}")
    else:
        lab.idle.add(f"{call.role.slug}#{call.desk}")
        lab.tell(EventKind.NOTICE, f"{call.role.slug}#{call.desk} has nothing left to propose: {reason}")

    def change(tx: Transaction) -> None:
        _record(tx, call, None, "", ())
        if call.text:
            tx.set_idea(call.idea, IdeaState.DECLINED, reason)

    await lab.board.write(change)
    return Handed(None)


async def _accepted(lab: Lab, call: Call, request: StepRequest, reply: StepReply) -> Handed:
    payload_id = PayloadId(f"{call.address.inquiry}.{call.address.visit}")
    if reply.type == "proposal":
        hypothesis = " ".join(str(reply.body["hypothesis"]).split())
        lab.unwritten[payload_id] = PastTrial(
            settings=reply.settings, metric=None, running=True, species=request.species, text=hypothesis
        )
    try:
        return await _written(lab, call, request, reply, payload_id)
    finally:
        lab.unwritten.pop(payload_id, None)


async def _written(lab: Lab, call: Call, request: StepRequest, reply: StepReply, payload_id: PayloadId) -> Handed:
    if reply.type == "proposal":
        proposal = await _proposal(lab, call, request, reply)
        if isinstance(proposal, str):
            return await _declined(lab, call, proposal)
        body = {
            "proposal": proposal.id,
            "commit": proposal.commit,
            "hypothesis": proposal.hypothesis,
            "settings": proposal.settings,
        }
        words: Sequence[str] = ()
    else:
        proposal, body = None, dict(reply.body)
        words = choice_words(payload_type(lab, reply.type), body)
    payload = Payload(id=payload_id, type=reply.type, body=body, source=call.role.slug)

    def change(tx: Transaction) -> bool:
        if not _record(tx, call, payload, reply.type, tuple(words), reply):
            return False
        if proposal is not None:
            tx.add_proposal(proposal)
        if reply.type == "memo":
            tx.add_memo(call.role.slug, str(body["text"]), call.address.inquiry, lab.ledger.settled_trials())
        return True

    written = await lab.board.write(change)
    if written and proposal is not None:
        lab.note_proposal(proposal)
    if reply.type == "memo":
        lab.tell(EventKind.MEMO, f"memo from {call.role.slug}", memo=body["text"])
    return Handed(payload_id, reply.type, tuple(words))


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
    return tx.record_step(
        address.inquiry, address.visit, address.role, payload.id if payload else None, kind, words, spent
    )


async def _proposal(lab: Lab, call: Call, request: StepRequest, reply: StepReply) -> Proposal | str:
    """The proposal with its commit, or why there can be none."""
    hypothesis = " ".join(str(reply.body["hypothesis"]).split())[:500]
    author = f"{call.role.slug}#{call.desk} ({request.species})"
    files = {path: text.encode() for path, text in reply.files.items()}
    try:
        commit = lab.workspace.commit(request.base, files, message=hypothesis, author=author)
    except WorkspaceError as error:
        return str(error)
    await lab.commits_on_disk()
    number = f"{call.address.inquiry}.{call.address.visit}"
    return Proposal(
        id=ProposalId(f"p{number}"),
        inquiry=call.address.inquiry,
        idea=call.idea,
        role=call.role.slug,
        desk=call.desk,
        species=request.species,
        base=request.base,
        commit=commit.id,
        tree=commit.tree,
        hypothesis=hypothesis,
        settings=reply.settings,
    )
