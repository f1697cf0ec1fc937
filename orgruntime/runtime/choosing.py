"""Which model of a role's panel takes a step, and what happens when one has nothing left to say.

Works on one step at a time. Does not decide: the policy does (`scheduler.choice`). Invariants: a step is given to one
model, on disk before it is asked; a step that is taken again finds the model that it was given to; where desks are
served in turn nothing is read and nothing written.
"""

from __future__ import annotations

from collections.abc import Sequence

from orgruntime.ledger.panels import Outcome
from orgruntime.ledger.transaction import Transaction
from orgruntime.model.assignments import assignments
from orgruntime.model.manifest import Choice, Role
from orgruntime.model.payload import Payload
from orgruntime.model.research import RiskClass
from orgruntime.model.species import nature, reads_no_words
from orgruntime.runtime.calls import Call
from orgruntime.runtime.events import EventKind
from orgruntime.runtime.lab import Lab
from orgruntime.scheduler.choice import Pick, Record, by_results, by_shares, in_turn

RESULTS = 200
"""Newest steps of a role by which its models are judged: what they can do for the lead as it is now."""
_FIGURES = ("proposal", "result", "verdict")
"""Payloads that are read by their figures and settings."""


async def chosen(lab: Lab, call: Call) -> str:
    """A name of the role's panel."""
    role, address = call.role, call.address
    if role.choice is Choice.TURNS:
        tied = in_turn(role.species, call.desk)
        able = _able(lab, role.species, call)
        return tied if tied in able else in_turn(able, call.desk)
    if len(role.species) == 1:
        return role.species[0]
    recorded = lab.ledger.choice(address.inquiry, address.visit)
    if recorded is not None:
        return recorded

    def change(tx: Transaction) -> str:
        # Inside the transaction: what was chosen earlier in the same tick counts.
        pick = _pick(lab, call)
        tx.choose_model(address.inquiry, address.visit, role.slug, pick.name, pick.reason, dict(pick.numbers))
        return pick.name

    return await lab.board.write(change)


def suits(lab: Lab, call: Call, desk: int) -> bool:
    """Whether what serves a desk in turn makes proposals of the wanted kind, and can read what arrived."""
    role = call.role
    if len(role.species) < 2 or role.choice is not Choice.TURNS:
        return True
    name = in_turn(role.species, desk)
    return name in _able(lab, role.species, call) and nature(lab.manifest.species_of(name).species) in _kinds(call)


def told_settings(call: Call) -> str:
    """Words that arrived and say which constants to set; empty where there are none."""
    words = call.text or (_words(call.inbox) if call.inbox is not None and call.inbox.type == "idea" else "")
    return words if words and assignments(words) is not None else ""


def retire(lab: Lab, call: Call, reason: str) -> None:
    """A step declined the invitation to propose: its desk is idle from now on. Where a desk is not tied to one model,
    that model is passed over, and the role's desks are idle once none is left."""
    role, desk = call.role, f"{call.role.slug}#{call.desk}"
    if role.choice is Choice.TURNS or len(role.species) == 1:
        lab.idle.add(desk)
        lab.tell(EventKind.NOTICE, f"{desk} has nothing left to propose: {reason}")
        return
    model = lab.ledger.choice(call.address.inquiry, call.address.visit)
    retired = lab.retired.setdefault(role.slug, set())
    if model is not None:
        retired.add(model)
    lab.tell(EventKind.NOTICE, f"{model} of {role.slug} has nothing left to propose: {reason}")
    if retired.issuperset(role.species):
        lab.idle.update(f"{role.slug}#{n}" for n in range(role.count))


def _pick(lab: Lab, call: Call) -> Pick:
    role, retired = call.role, lab.retired.get(call.role.slug, set())
    able = _able(lab, role.species, call)
    names = [name for name in able if name not in retired] or able
    counts = lab.ledger.choice_counts(role.slug, names)
    if role.choice is Choice.SHARES:
        shares = dict(zip(role.species, role.shares, strict=True))
        return by_shares({name: shares[name] for name in names}, counts)
    outcomes = lab.ledger.outcomes(role.slug, RESULTS)
    names = [name for name in names if nature(lab.manifest.species_of(name).species) in _kinds(call)] or names
    return by_results([_record(lab, role, name, counts[name], outcomes) for name in names], lab.numbers.optimism)


def _able(lab: Lab, names: Sequence[str], call: Call) -> list[str]:
    """Those that can read what arrived: of prose, species that read no words make nothing. All, where none can."""
    prose = _is_prose(call)
    return [name for name in names if not (prose and reads_no_words(lab.manifest.species_of(name).species))] or list(
        names
    )


def _is_prose(call: Call) -> bool:
    """Whether there is something to read in what arrived. A result is read by every species, as figures."""
    arrived = [_words(one) for one in call.arrived if one.type not in _FIGURES]
    return any(words.strip() and assignments(words) is None for words in (call.text, *arrived))


def _words(payload: Payload) -> str:
    """What a payload says; one of other fields than `text` says something as well."""
    return str(payload.body.get("text", payload.body))


def _kinds(call: Call) -> Sequence[RiskClass | None]:
    return (None, call.wish) if call.wish is not None else (None, *RiskClass)


def _record(lab: Lab, role: Role, name: str, steps: int, outcomes: list[Outcome]) -> Record:
    own = [outcome for outcome in outcomes if outcome.model == name]
    used = lab.ledger.used_by_choice(role.slug, name)
    # A program without noise has no unit; the scale of the gains then is of no consequence.
    unit = lab.noise.sd or 1.0
    return Record(
        name,
        steps=steps,
        pending=sum(not outcome.over for outcome in own),
        gains=tuple((outcome.gain or 0.0) / unit for outcome in own if outcome.over),
        usd=used.usd_micro / 1e6,
        gpu_s=used.gpu_ms / 1000,
        cpu_s=used.cpu_ms / 1000,
    )
