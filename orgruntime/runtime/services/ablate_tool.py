"""The tool `Ablate`: asks that the parts of a proposal be measured apart. Costs trials, and no model's time.

Works on one proposal. Does not measure: it puts ideas in the queue, which the runtime carries out. Invariant: each part
is asked for once, however often the tool is used.
"""

from __future__ import annotations

from orgruntime.ledger.transaction import Transaction
from orgruntime.model.ids import ProposalId
from orgruntime.model.step import Ask
from orgruntime.model.tools import ABLATE
from orgruntime.runtime.ablations import (
    AblationRefused,
    parts_asked,
    parts_of_proposal,
    words_of,
    write_asked,
)
from orgruntime.runtime.calls import Call
from orgruntime.runtime.lab import Lab
from orgruntime.runtime.parts import Part
from orgruntime.runtime.services.inputs import Fields, Refused, service
from orgruntime.runtime.services.ledger_tool import line_of


async def _answer(lab: Lab, call: Call, fields: Fields, ask: Ask) -> str:
    id, part = fields.text("proposal", 80), fields.text("part", 300)
    proposal = lab.proposal(ProposalId(id))
    if proposal is None:
        raise Refused(f"there is no proposal {id!r}; the ids are those of the ledger, such as `pq3.0`")
    try:
        parts = parts_of_proposal(lab, proposal)
        if fields.flag("list"):
            return "\n".join(_told(lab, proposal.id, parts))
        known = {row.part for row in lab.ledger.ablations(proposal.id)}
        if not part and known.issuperset(one.name for one in parts):
            return "\n".join(("Each of its parts was asked for before:", *_told(lab, proposal.id, parts)))
        asked = parts_asked(lab, f"ablate {id} part {part}" if part else f"ablate {id}")
    except AblationRefused as error:
        raise Refused(str(error)) from error

    def change(tx: Transaction) -> int:
        return len(write_asked(lab, tx, asked, call.role.slug))

    fresh = await lab.board.write(change)
    told = "; ".join(words_of(one) for one in asked)
    return f"In the queue: {told}." if fresh else f"It was asked for before: {told}."


def _told(lab: Lab, proposal: ProposalId, parts: tuple[Part, ...]) -> list[str]:
    """Each part, and what is known of it."""
    rows = {row.part: row for row in lab.ledger.ablations(proposal)}
    lines = []
    for part in parts:
        row = rows.get(part.name)
        done = lab.ledger.tried(row.proposal) if row is not None and row.proposal else None
        state = line_of(done) if done is not None else "asked for, not measured yet" if row else "not asked for"
        lines.append(f"{part.name}: {state}")
    return lines


TOOL = service(
    ABLATE,
    "When a proposal changes several things, find out which of them helped: each part is measured apart, as a proposal"
    " of its own that no model has to write. Of a proposal that was kept the part is taken back, and what is lost is"
    " what it is worth; of another the part is tried alone. It costs one or two trials a part, so ask where the answer"
    " would change what is tried next. `list: true` names the parts and what is known of them, and asks for nothing.",
    {
        "proposal": {"type": "string", "description": "Id of the proposal, such as `pq3.0`."},
        "part": {"type": "string", "description": "One part; left out, all of them."},
        "list": {"type": "boolean", "description": "Only name the parts."},
    },
    ("proposal",),
    _answer,
)
