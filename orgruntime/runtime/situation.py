"""Where a run stands as one role at one desk has to know it before it acts: read from the ledger, bounded.

Works on one step. Does not write words for a model (`runtime.briefing` does) and decides nothing. Invariant: every
list here has a bound, so a brief is as long at the thousandth trial as at the hundredth.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from orgruntime.ledger.rows import MemoRow
from orgruntime.ledger.tried import HandedOff, Tried
from orgruntime.model.amounts import UNITS, Budget
from orgruntime.model.ids import CommitId, InquiryId, ProposalId, RoleSlug
from orgruntime.model.manifest import Role
from orgruntime.model.payload import Payload
from orgruntime.model.research import Idea, RiskClass
from orgruntime.model.step import Digest, Scene
from orgruntime.runtime.calls import Call
from orgruntime.runtime.handoffs import inbox_proposal
from orgruntime.runtime.lab import Lab
from orgruntime.runtime.neighbours import neighbours
from orgruntime.runtime.toolset import produced

OWN, RECENT, RUNNING, NEAR, QUEUE, HISTORY = 8, 10, 8, 4, 10, 20
LOOKED_AT = 100
"""Newest proposals of all roles of which these are taken."""
SIBLING = re.compile(r"\+(\d+)$")


@dataclass(frozen=True)
class Situation:
    role: Role
    desk: int
    inquiry: InquiryId
    idea: str
    author: str
    arrived: Payload | None
    asked: Payload | None
    """What the role had asked by, where what arrived is the answer."""
    answerer: str
    """Name of who was asked."""
    before: Payload | None
    """What the role was at when it asked."""
    caller: str
    """Name of the role that asked and waits; empty: none does."""
    patch: str
    """Of the proposal that arrived, as itself or in its result."""
    carried: tuple[str, ...]
    """Files that the worktree holds beyond the base commit: the change that arrived."""
    base: CommitId
    scene: Scene
    left: tuple[str, ...]
    files: tuple[tuple[str, int], ...]
    """(path, lines) of the editable text files in the worktree."""
    own: tuple[Tried, ...]
    handed: tuple[HandedOff, ...]
    """What the role handed off beside proposals, newest first."""
    near: tuple[Tried, ...]
    running: tuple[Tried, ...]
    recent: tuple[Tried, ...]
    queue: tuple[Idea, ...]
    history: tuple[str, ...]
    memo: MemoRow | None
    digest: Digest | None
    standup: bool
    wish: RiskClass | None = None
    sibling: int = 1
    siblings: int = 1
    """Desks that take this very step side by side."""


async def situation(lab: Lab, call: Call, scene: Scene, files: dict[str, str], carried: Sequence[str]) -> Situation:
    """`files`: the editable text files as the worktree begins; `carried`: those that differ from the base commit."""
    assert call.base is not None, "a step of a language model has begun on a commit"
    whose, slug = call.role.recalls, call.role.slug
    newest = lab.ledger.newest_tried(LOOKED_AT, whose) if whose is not None else []
    own = lab.ledger.newest_tried(OWN, slug) if whose is not None else []
    asked = _asked(call)
    near = await neighbours(lab, call.role, text=asked, limit=NEAR) if asked else []
    idea = lab.ledger.idea(call.idea)
    # Memos, facts and logs are of everybody's proposals.
    memos = lab.ledger.memos() if whose == "" else []
    writes_memos = whose == "" and "memo" in produced(lab.manifest, call.role)
    standup = call.invited and call.role.slug not in lab.manifest.graph.entries
    return Situation(
        role=call.role,
        desk=call.desk,
        inquiry=call.address.inquiry,
        idea=call.text,
        author=idea.author if idea is not None else "",
        arrived=call.inbox,
        asked=call.asked,
        answerer=_answerer(lab, call),
        before=call.before,
        caller=lab.manifest.role(call.past.callers[-1]).name if call.past.callers else "",
        patch=_patch(lab, call),
        carried=tuple(carried),
        base=call.base,
        scene=scene,
        left=budget_left(lab, call.role),
        files=tuple((path, text.count("\n")) for path, text in sorted(files.items())),
        own=tuple(own),
        handed=tuple(lab.ledger.handed_off(OWN, slug)) if whose is not None else (),
        near=tuple(one.tried for one in near),
        running=tuple(one for one in newest if one.word is None)[:RUNNING],
        recent=tuple(one for one in newest if one.word is not None and one.proposal.role != slug)[:RECENT],
        queue=tuple(lab.ledger.queued_ideas(QUEUE)),
        history=lab.history[:HISTORY] if whose == "" else (),
        memo=memos[-1] if memos else None,
        digest=lab.ledger.digest(memos[-1].upto_trials if memos else 0) if writes_memos else None,
        standup=standup,
        wish=call.wish,
        **_siblings(lab, call),
    )


def budget_left(lab: Lab, role: Role) -> tuple[str, ...]:
    """Of the run, and of the role where it has a budget of its own."""
    from_run = lab.ledger.amounts()
    taken = {unit: getattr(from_run.spent, unit) + getattr(from_run.reserved, unit) for unit in UNITS}
    lines = _left_of(lab.manifest.budget, taken)
    wall = lab.manifest.budget.wall_ms
    if wall is not None:
        lines.append(f"{max(0, wall - lab.ledger.run().wall_ms) / 60_000:,.4g} of {wall / 60_000:,.4g} minutes")
    if role.budget is not None:
        purse = lab.ledger.purse(role.slug)
        used = {unit: getattr(purse.spent, unit) + getattr(purse.reserved, unit) for unit in UNITS}
        lines += [f"of your role's own: {line}" for line in _left_of(role.budget, used)]
    return tuple(lines)


def _left_of(budget: Budget, taken: dict[str, int]) -> list[str]:
    return [
        f"{amount(unit, max(0, bound - taken[unit]))} of {amount(unit, bound)}"
        for unit, bound in budget.bounds().items()
    ]


def amount(unit: str, value: int) -> str:
    """A bound, or what is left of one, in words."""
    if unit == "usd_micro":
        return f"${value / 1e6:,.2f}"
    name, scale = {"gpu_ms": ("GPU hours", 3.6e6), "cpu_ms": ("CPU hours", 3.6e6)}.get(unit, (unit, 1.0))
    return f"{value / scale:,.4g} {name}" if scale > 1 else f"{value:,} {name}"


def _patch(lab: Lab, call: Call) -> str:
    id = inbox_proposal(call)
    proposal = lab.proposal(ProposalId(id)) if id else None
    return lab.workspace.diff(proposal.base, proposal.commit).text if proposal is not None else ""


def _answerer(lab: Lab, call: Call) -> str:
    """Who had the last word, where nobody answered."""
    if call.asked is None:
        return ""
    last = lab.ledger.steps(call.address.inquiry)[call.address.visit - 1]
    return lab.manifest.role(RoleSlug(last.role)).name


def _asked(call: Call) -> str:
    words = [str(one.body.get(name, "")) for one in call.arrived for name in ("text", "hypothesis")]
    return " ".join([call.text, *words]).strip()


def _siblings(lab: Lab, call: Call) -> dict[str, int]:
    width = max((edge.fan_out for edge in lab.manifest.graph.edges_from(call.role.slug)), default=1)
    found = SIBLING.search(call.address.inquiry)
    return {"sibling": int(found[1]) if found else 1, "siblings": width}
