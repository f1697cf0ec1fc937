"""Ablations: one part of a proposal measured apart, without a model. Asked for as ideas, `ablate pq3.0 part LR`.

Works on a proposal, its diff and the idea that names it. Does not judge: an ablation is a proposal like any other, and
its verdict is the evidence. Invariants: of a proposal that was kept a part is taken back, so that what is lost is what
the part is worth; of any other the part is tried alone; each part of a proposal is measured apart once.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from orgruntime.ledger.transaction import Transaction
from orgruntime.model.amounts import Amounts
from orgruntime.model.ids import IdeaId, PayloadId, ProposalId
from orgruntime.model.manifest import Role
from orgruntime.model.payload import Payload
from orgruntime.model.research import Idea, IdeaState, Proposal, VerdictWord
from orgruntime.model.tools import ABLATE
from orgruntime.runtime.events import EventKind
from orgruntime.runtime.lab import Lab
from orgruntime.runtime.parts import Part, alone, lines_of, parts_of, without
from orgruntime.runtime.ports import Commit, Handed, StepAddress, WorkspaceError

SPECIES = "runtime/ablation"
"""What an ablation is made by: no model."""
MOST_PARTS = 8
"""Parts of one proposal that are asked for together."""
MOST_AFTER_A_TEST = 6
"""Parts that a referee asks for after one certificate."""

_ASKED = re.compile(r"ablate\s+[`\"']?(p[a-z]{0,2}\d[\w.+]*)[`\"']?(?:\s+part\s+(.+))?", re.IGNORECASE)


class AblationRefused(Exception):
    """Why there is nothing to measure apart, in one sentence."""


class Apart(NamedTuple):
    """One part of a proposal."""

    parent: Proposal
    part: Part


def is_ablation(text: str) -> bool:
    """Whether the words of an idea ask for one."""
    return _ASKED.match(text.strip()) is not None


def parts_asked(lab: Lab, text: str) -> list[Apart]:
    """The part that the words name; without one, all parts that nobody asked for yet. Raises AblationRefused."""
    found = _ASKED.match(text.strip())
    if found is None:
        raise AblationRefused("say `ablate PROPOSAL`, or `ablate PROPOSAL part NAME`")
    parent = lab.proposal(ProposalId(found[1].rstrip(".")))
    if parent is None:
        raise AblationRefused(f"there is no proposal {found[1]!r}")
    parts = parts_of_proposal(lab, parent)
    named = (found[2] or "").strip().strip("`\"'")
    if named:
        return [Apart(parent, _named(parent, parts, named))]
    known = {row.part for row in lab.ledger.ablations(parent.id)}
    fresh = [Apart(parent, part) for part in parts if part.name not in known]
    if not fresh:
        raise AblationRefused(f"each part of {parent.id} was asked for before")
    if len(fresh) > MOST_PARTS:
        names = ", ".join(one.part.name for one in fresh)
        raise AblationRefused(f"{parent.id} changes {len(parts)} things; name one of them: {names}")
    return fresh


def parts_of_proposal(lab: Lab, proposal: Proposal) -> tuple[Part, ...]:
    """Two or more. Raises AblationRefused."""
    diff = lab.workspace.diff(proposal.base, proposal.commit)
    texts = {path: lines_of(_text(lab, proposal, path, new=True)) for path in diff.files}
    parts = parts_of(diff.text, texts)
    if len(parts) < 2:
        raise AblationRefused(f"{proposal.id} changes one thing: there is nothing to measure apart")
    if sum(block.old + block.new for part in parts for block in part.blocks) != diff.lines:
        raise AblationRefused(f"{proposal.id} changes more than can be taken apart")
    return parts


def words_of(one: Apart) -> str:
    """The idea that asks for a part."""
    return f"ablate {one.parent.id} part {one.part.name}"


def write_asked(lab: Lab, tx: Transaction, asked: Sequence[Apart], author: str) -> list[IdeaId]:
    """Puts an idea in the queue for each part; those that were asked for before are passed over."""
    ideas = []
    for one in asked:
        if all(row.part != one.part.name for row in lab.ledger.ablations(one.parent.id)):
            idea = tx.add_idea(words_of(one), author)
            tx.ask_ablation(one.parent.id, one.part.name, idea, author)
            ideas.append(idea)
    return ideas


async def ablation_step(lab: Lab, role: Role, address: StepAddress, inbox: Payload | None, idea: Idea) -> Handed | None:
    """Carries out what the idea, or an `idea` payload that arrived, asks for; or passes it on to who can. None: the
    step is not about an ablation."""
    text = str(inbox.body.get("text", "")) if inbox is not None and inbox.type == "idea" else idea.text
    if not is_ablation(text):
        return None
    if inbox is not None and inbox.type == "result":
        # What became of it is in the ledger; there is nothing to mend about it.
        return await _ended(lab, role, address)
    if inbox is not None and inbox.type != "idea":
        return None
    gives = {edge.payload for edge in lab.manifest.graph.edges_from(role.slug)}
    if "proposal" in gives:
        return await _carried_out(lab, role, address, idea, text)
    if "idea" in gives:
        payload = Payload(id=_id(address), type="idea", body={"text": text}, source=role.slug)
        return await _handed(lab, role, address, payload)
    return None


def after_a_test(lab: Lab, role: Role, proposals: Iterable[ProposalId]) -> list[Apart]:
    """What a referee that may ask asks for once a champion is certified: the parts of what is new in it, largest gain
    first."""
    if ABLATE not in role.tools:
        return []
    champions = [row.certificate.proposals for row in lab.ledger.champion_history() if row.certificate is not None]
    certified = {id for line in champions for id in line}
    fresh = [one for id in proposals if id not in certified and (one := lab.ledger.tried(id)) is not None]
    found: list[Apart] = []
    for one in sorted(fresh, key=lambda one: -(one.gain or 0.0)):
        if one.proposal.parent is None:
            try:
                found += parts_asked(lab, f"ablate {one.proposal.id}")
            except AblationRefused:
                continue
    return found[:MOST_AFTER_A_TEST]


async def _carried_out(lab: Lab, role: Role, address: StepAddress, idea: Idea, text: str) -> Handed:
    try:
        first, *others = parts_asked(lab, text)
        done = next((row for row in lab.ledger.ablations(first.parent.id) if row.part == first.part.name), None)
        if done is not None and done.proposal is not None:
            raise AblationRefused(f"{first.part.name} of {first.parent.id} is measured apart already: {done.proposal}")
        proposal = await _proposal(lab, role, address, idea, first)
    except (AblationRefused, WorkspaceError) as error:
        return await _declined(lab, role, address, idea, str(error))
    body = {
        "proposal": proposal.id,
        "commit": proposal.commit,
        "hypothesis": proposal.hypothesis,
        "settings": proposal.settings,
    }
    payload = Payload(id=_id(address), type="proposal", body=body, source=role.slug)

    def change(tx: Transaction) -> None:
        write_asked(lab, tx, others, idea.author)
        tx.add_proposal(proposal)

    return await _handed(lab, role, address, payload, change)


async def _proposal(lab: Lab, role: Role, address: StepAddress, idea: Idea, one: Apart) -> Proposal:
    """The parent without the part where it was kept, the part alone where it was not. Raises WorkspaceError."""
    parent, part = one.parent, one.part
    verdict = lab.ledger.verdict(parent.id)
    kept = verdict is not None and verdict.word is VerdictWord.KEEP
    hypothesis = (
        f"without {part.name} of {parent.id}: what is lost is what it is worth"
        if kept
        else f"{part.name} of {parent.id} alone: what it gains is what it is worth"
    )
    commit = _commit(lab, one, hypothesis, f"{role.slug} (ablation)", kept=kept)
    await lab.commits_on_disk()
    known = {name: value for name, value in parent.settings.items() if name == part.name and not kept}
    return Proposal(
        id=ProposalId(f"p{_id(address)}"),
        inquiry=address.inquiry,
        idea=idea.id,
        role=role.slug,
        desk=-1,
        species=SPECIES,
        base=parent.commit if kept else parent.base,
        commit=commit.id,
        tree=commit.tree,
        hypothesis=hypothesis,
        settings=known,
        parent=parent.id,
        part=part.name,
    )


def _commit(lab: Lab, one: Apart, message: str, author: str, *, kept: bool) -> Commit:
    """On the parent's base, so that a file that the part alone brought is not there."""
    parent, part = one.parent, one.part
    old, new = (lines_of(_text(lab, parent, part.path, new=side)) for side in (False, True))
    mixed = without(part, old, new) if kept else alone(part, old, new)
    files: dict[str, str] = {}
    if kept:
        changed = lab.workspace.diff(parent.base, parent.commit).files
        files = {path: _text(lab, parent, path, new=True) for path in changed if path != part.path}
    if mixed != old:
        files[part.path] = "".join(mixed)
    data = {path: text.encode() for path, text in files.items()}
    return lab.workspace.commit(parent.base, data, message=message, author=author)


def _named(parent: Proposal, parts: Sequence[Part], named: str) -> Part:
    """The part whose name the words begin with; what follows it is a reason."""
    fits = [part for part in parts if named == part.name or re.match(re.escape(part.name) + r"[\s,;:.`]", named)]
    if not fits:
        names = ", ".join(part.name for part in parts)
        raise AblationRefused(f"{parent.id} has no part {named[:80]!r}; its parts are {names}")
    return max(fits, key=lambda part: len(part.name))


def _text(lab: Lab, proposal: Proposal, path: str, *, new: bool) -> str:
    try:
        return lab.workspace.read(proposal.commit if new else proposal.base, path).decode("utf-8")
    except KeyError:
        return ""
    except UnicodeDecodeError as error:
        raise AblationRefused(f"{path} of {proposal.id} is no text") from error


async def _declined(lab: Lab, role: Role, address: StepAddress, idea: Idea, reason: str) -> Handed:
    lab.tell(EventKind.IDEA, f"the idea {idea.text[:200]!r} is not carried out: {reason}", idea=idea.id)

    def change(tx: Transaction) -> None:
        if idea.text:
            tx.set_idea(idea.id, IdeaState.DECLINED, reason)

    return await _handed(lab, role, address, None, change)


async def _ended(lab: Lab, role: Role, address: StepAddress) -> Handed:
    return await _handed(lab, role, address, None)


async def _handed(
    lab: Lab,
    role: Role,
    address: StepAddress,
    payload: Payload | None,
    besides: object = None,
) -> Handed:
    kind = payload.type if payload is not None else ""

    def change(tx: Transaction) -> None:
        if payload is not None:
            tx.add_payload(payload, address.inquiry)
        id = payload.id if payload is not None else None
        if tx.record_step(address.inquiry, address.visit, role.slug, id, kind, (), Amounts()) and callable(besides):
            besides(tx)

    await lab.board.write(change)
    return Handed(payload.id if payload is not None else None, kind, ())


def _id(address: StepAddress) -> PayloadId:
    return PayloadId(f"{address.inquiry}.{address.visit}")
