"""A step of a human role: a note goes to the person; where the role hands something off, the inquiry waits for it.

Works on one inquiry. Does not hold up others. Invariants: what a person hands off is checked like everybody's payload;
an approval passes on what was approved, unchanged.
"""

from __future__ import annotations

from typing import Any

from orgruntime.ledger.transaction import Transaction
from orgruntime.model.amounts import Amounts
from orgruntime.model.ids import IdeaId, PayloadId, ProposalId
from orgruntime.model.manifest import Role
from orgruntime.model.payload import Payload
from orgruntime.model.people import APPROVE, DECLINE, QuestionKind, QuestionState, Wish
from orgruntime.model.research import IdeaState, Verdict, VerdictWord
from orgruntime.runtime.asking import ask_people
from orgruntime.runtime.events import EventKind
from orgruntime.runtime.lab import Lab
from orgruntime.runtime.payloads import choice_words, written
from orgruntime.runtime.ports import Handed, StepAddress
from orgruntime.runtime.readings import plain
from orgruntime.runtime.routing import NOTE
from orgruntime.runtime.whereabouts import past_of

_SHOWN = 1500
"""Characters of what arrived."""


async def human_step(lab: Lab, role: Role, address: StepAddress, inbox: Payload | None, idea: IdeaId) -> Handed:
    """Hands off what the person approves or writes; nothing, where the role only takes notes."""
    gives = tuple(dict.fromkeys(edge.payload for edge in lab.manifest.graph.edges_from(role.slug)))
    if not gives and past_of(lab, address).callers:
        # What a person is asked by a role is answered in words; a proposal is approved.
        if inbox is not None and inbox.type == "proposal":
            return await _approval(lab, role, address, inbox, idea)
        return await _answer(lab, role, address, inbox, NOTE)
    if not gives:
        lab.tell(EventKind.NOTICE, f"for {role.name}: {_words(inbox)}", role=role.slug)
        return await _handed(lab, role, address, None)
    if inbox is not None and inbox.type in gives:
        return await _approval(lab, role, address, inbox, idea)
    return await _answer(lab, role, address, inbox, gives[0])


async def _approval(lab: Lab, role: Role, address: StepAddress, inbox: Payload, idea: IdeaId) -> Handed:
    """Approved, it goes on as it came. Declined, it ends here with the reason."""
    text = f"{inbox.source} hands off this {inbox.type}: {_words(inbox)}. May it go on?"
    wish = _wish(role, address, QuestionKind.APPROVAL, text)
    said = await ask_people(lab, wish.model_copy(update={"choices": (APPROVE, DECLINE)}))
    if said.chosen == APPROVE:
        payload = Payload(id=_id(address), type=inbox.type, body=inbox.body, source=role.slug)
        return await _handed(lab, role, address, payload, _selecting(lab, payload))
    reason = f"{said.person} declined it: {said.answer}" if said.person else "nobody approved it"

    def change(tx: Transaction) -> None:
        tx.record_step(address.inquiry, address.visit, role.slug, None, "", (), Amounts())
        known = lab.ledger.idea(idea)
        if known is not None and known.text:
            tx.set_idea(idea, IdeaState.DECLINED, reason)
        if inbox.type == "proposal":
            proposal = ProposalId(str(inbox.body["proposal"]))
            tx.set_verdict(Verdict(proposal=proposal, word=VerdictWord.DISCARD, reason=reason))

    await lab.board.write(change)
    return Handed(None)


async def _answer(lab: Lab, role: Role, address: StepAddress, inbox: Payload | None, wants: str) -> Handed:
    """What the person writes becomes the payload; what cannot is asked for again, with the reason."""
    kind = next(payload for payload in lab.manifest.payloads if payload.name == wants)
    text, number = f"{_words(inbox)} (your answer becomes a `{wants}`)", 0
    while True:
        wish = _wish(role, address, QuestionKind.HANDOFF, text, number)
        said = await ask_people(lab, wish.model_copy(update={"wants": wants}))
        if said.state is QuestionState.WITHDRAWN:
            return await _handed(lab, role, address, None)
        body = written(kind, said.answer)
        if isinstance(body, dict):
            payload = Payload(id=_id(address), type=wants, body=body, source=role.slug)
            return await _handed(lab, role, address, payload, choice_words(kind, body))
        text, number = f"{'; '.join(body)}. {text}", number + 1


async def _handed(
    lab: Lab, role: Role, address: StepAddress, payload: Payload | None, words: tuple[str, ...] = ()
) -> Handed:
    kind = payload.type if payload is not None else ""

    def change(tx: Transaction) -> None:
        if payload is not None:
            tx.add_payload(payload, address.inquiry)
        tx.record_step(
            address.inquiry, address.visit, role.slug, payload.id if payload else None, kind, words, Amounts()
        )

    await lab.board.write(change)
    return Handed(payload.id if payload is not None else None, kind, words)


def _selecting(lab: Lab, payload: Payload) -> tuple[str, ...]:
    """The words by which edges select a payload that was passed on, as its author's step had them."""
    body = payload.body
    if payload.type == "result":
        outcome = str(body.get("outcome", ""))
        return (outcome, "kept") if outcome == "promising" else (outcome,)
    if payload.type == "verdict":
        word = {"keep": "certified", "discard": "discarded", "crash": "crashed"}.get(str(body.get("verdict")))
        return (word or "inconclusive",)
    kind = next(one for one in lab.manifest.payloads if one.name == payload.type)
    return choice_words(kind, body)


def _words(payload: Payload | None) -> str:
    """What arrived, for a person. Untrusted."""
    if payload is None:
        return "please hand something off"
    body: dict[str, Any] = payload.body
    said = body.get("text") or body.get("hypothesis") or body.get("reason")
    told = str(said) if said else ", ".join(f"{name}: {value}" for name, value in body.items()) or payload.type
    return " ".join(plain(told).split())[:_SHOWN]


def _wish(role: Role, address: StepAddress, kind: QuestionKind, text: str, number: int = 0) -> Wish:
    asked = f"{address.inquiry}.{address.visit}.{number}"
    return Wish(asked=asked, inquiry=address.inquiry, role=role.slug, kind=kind, text=text)


def _id(address: StepAddress) -> PayloadId:
    return PayloadId(f"{address.inquiry}.{address.visit}")
