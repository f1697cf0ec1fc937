"""A step of a language model: brief it, let its desk work, serve what the desk asks, return what it came to.

Works on one call. Does not check payloads again and writes no payload (`agent_step` does). Invariants: a step that was
begun is begun the same way by the next driver, whatever moved meanwhile: its request stands first in its record; what
it hands off is what the border accepted.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from orgruntime.model.call_limits import limits_for
from orgruntime.model.ids import CommitId, ProposalId, TreeId
from orgruntime.model.step import Bench, StepReply, StepRequest
from orgruntime.runtime.border import Border
from orgruntime.runtime.briefing import brief, system_blocks
from orgruntime.runtime.calls import Call
from orgruntime.runtime.handoffs import inbox_proposal
from orgruntime.runtime.lab import Lab
from orgruntime.runtime.notebook import notebook_text
from orgruntime.runtime.people import Waits
from orgruntime.runtime.ports import StepError
from orgruntime.runtime.scenes import editable_files, scene
from orgruntime.runtime.services.registry import SERVICES
from orgruntime.runtime.situation import situation
from orgruntime.runtime.toolset import STATED, Toolset, produced, toolset
from orgruntime.runtime.transcripts import Journal

DESKS_LOST = 2
"""Times that a step is begun anew by this driver after its desk failed."""
MENDABLE = "crashed"
"""The result after which a step goes on from the change itself and not from the lead."""


@dataclass(frozen=True)
class Ground:
    """What a desk's worktree begins as."""

    base: CommitId
    """What a proposal of this step stands on."""
    tree: TreeId
    carried: Mapping[str, str]
    """Files of `tree` that differ from the base: a change that arrived, to be reviewed or mended."""


async def model_step(lab: Lab, call: Call, model: str) -> tuple[Call, StepRequest, StepReply]:
    """The call as it was begun, the request, and the reply: a handoff that the border accepted, or `declined`, or
    `failed`."""
    assert lab.transcripts is not None, "a run with language models keeps their transcripts"
    journal = lab.transcripts.open(call.address.inquiry, call.address.visit)
    lab.thinking.add(call.address.inquiry)
    try:
        begun = journal.line("begin")
        if begun is None:
            request, carried = await _request(lab, call, model)
            said = request.model_dump(mode="json")
            await journal.add(
                "begin", role=call.role.slug, desk=call.desk, model=model, request=said, carried=dict(carried)
            )
        else:
            request, carried = StepRequest.model_validate(begun["request"]), begun["carried"]
        call = replace(call, base=request.base, species=request.species)
        call, reply = await _served(lab, call, request, carried, journal)
        how = "failed" if reply.failed else "declined" if reply.declined else reply.type
        await journal.add("end", how=how, why=reply.failed or reply.declined, answered=list(reply.answered))
        return call, request, reply
    finally:
        lab.thinking.discard(call.address.inquiry)
        journal.close()


def ground(lab: Lab, call: Call) -> Ground:
    """The lead; or, for who reviews a proposal or mends one that crashed, that proposal."""
    lead = lab.ledger.lead()
    base = lead.commit if lead is not None else lab.base.id
    reviewed = any(one.type == STATED.name or one.body.get("outcome") == MENDABLE for one in call.arrived)
    proposal = lab.proposal(ProposalId(inbox_proposal(call))) if reviewed else None
    if proposal is None:
        return Ground(base, lab.workspace.get(base).tree, {})
    before, after = editable_files(lab, proposal.base), editable_files(lab, proposal.commit)
    carried = {path: text for path, text in after.items() if before.get(path) != text}
    return Ground(proposal.base, proposal.tree, carried)


def tools_of(lab: Lab, call: Call) -> Toolset:
    servers = lab.ports.servers
    return toolset(lab.manifest, call.role, SERVICES, servers.specs if servers is not None else ())


async def _request(lab: Lab, call: Call, model: str) -> tuple[StepRequest, Mapping[str, str]]:
    spec, start, tools = lab.manifest.species_of(model), ground(lab, call), tools_of(lab, call)
    call = replace(call, base=start.base, species=spec.species)
    files = {**editable_files(lab, start.base), **start.carried}
    now = scene(lab)
    bench = Bench(
        model=model,
        tree=start.tree,
        editable=lab.manifest.workspace.editable,
        system=system_blocks(lab.manifest, lab.numbers, call.role, notebook_text(lab, call.role)),
        brief=brief(lab.manifest, await situation(lab, call, now, files, tuple(start.carried))),
        tools=tools.specs,
        handoffs=tuple(tools.handoffs),
        limits=limits_for(spec),
    )
    request = StepRequest(
        role=call.role.slug,
        desk=call.desk,
        species=spec.species,
        inquiry=call.address.inquiry,
        produces=produced(lab.manifest, call.role),
        idea=call.text,
        inbox={} if call.inbox is None else {"type": call.inbox.type, **call.inbox.body},
        prompt=call.role.prompt,
        base=start.base,
        files=files,
        seed=lab.seed_for("step", call.address.inquiry, call.address.visit, 0),
        scene=now,
        bench=bench,
    )
    return request, start.carried


async def _served(
    lab: Lab, call: Call, request: StepRequest, carried: Mapping[str, str], journal: Journal
) -> tuple[Call, StepReply]:
    """The call at the desk at which it ended, and the reply."""
    assert request.bench is not None
    border = Border(lab, call, request.bench, tools_of(lab, call), journal, carried)
    try:
        failed = await _at_desk(lab, request, border)
    finally:
        await border.close()
    said: dict[str, Any] = {"spent": border.spent, "answered": border.answered, "refusals": border.refusals}
    if failed or border.accepted is None:
        return border.call, StepReply(type="", failed=failed or "it ended without a handoff", **said)
    accepted = border.accepted
    if not accepted.type:
        return border.call, StepReply(type="", declined=str(accepted.body["reason"]), **said)
    return border.call, StepReply(type=accepted.type, body=accepted.body, files=accepted.files, **said)


async def _at_desk(lab: Lab, request: StepRequest, border: Border) -> str:
    """Lets the desk work to its end; returns why it came to none. A step that waits for a person leaves its desk to
    others, and is begun anew from its record once there is an answer."""
    lost = 0
    while True:
        try:
            # One that was begun by an earlier driver, or at a desk that others took meanwhile, may be at another now.
            reply = await lab.ports.desks.step(request.model_copy(update={"desk": border.call.desk}), border.serve)
        except Waits as waits:
            border.call.leave()
            await lab.people.wait(waits.question)
            border.call = replace(border.call, desk=await border.call.come_back())
        except StepError as error:
            lost += 1
            if not error.retry or lost == DESKS_LOST:
                return str(error)
        else:
            return border.over or ("" if border.accepted is not None else reply.failed or reply.declined)
