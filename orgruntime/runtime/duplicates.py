"""What a step is told before it spends, where something was tried that is nearly the same.

Works on the change and the words of one step that is about to propose, or to ask for a trial. Refuses nothing: what is
the same code is refused elsewhere (`runtime.admission`). Invariant: the cost is that of one window of proposals.
"""

from __future__ import annotations

from collections.abc import Mapping

from orgruntime.model.ids import ProposalId
from orgruntime.runtime.calls import Call
from orgruntime.runtime.handoffs import inbox_proposal
from orgruntime.runtime.lab import Lab
from orgruntime.runtime.neighbours import Near, neighbours, signature_of_files, words_of
from orgruntime.runtime.redaction import one_line

ALIKE = 0.8
"""Likeness from which something is nearly the same. Another value of the same constants alone has 0.75."""
LEAST_WORDS = 4
"""Of a hypothesis; fewer are alike by chance."""
LOOKED_AT = 10
"""Nearest proposals among which is one that the step does not know already."""


async def near_duplicate(lab: Lab, call: Call, files: Mapping[str, str], hypothesis: str = "") -> str:
    """One sentence on the nearest earlier proposal of another inquiry that the role is shown; empty where nothing is
    nearly the same.

    `files`: all that differs from the base commit.
    """
    assert call.base is not None, "a step of a language model has begun on a commit"
    text = hypothesis if len(words_of(hypothesis)) >= LEAST_WORDS else ""
    changes = signature_of_files(lab, call.base, files)
    known = ProposalId(inbox_proposal(call))
    for near in await neighbours(lab, call.role, text=text, changes=changes, limit=LOOKED_AT):
        proposal = near.tried.proposal
        if near.likeness < ALIKE:
            break
        if proposal.inquiry != call.address.inquiry and proposal.id != known:
            return _told(near)
    return ""


def _told(near: Near) -> str:
    tried = near.tried
    word = tried.word.value if tried.word is not None else "no verdict yet"
    effect = f", effect {tried.gain:+.3g}" if tried.gain is not None else ""
    alike = "the same change" if near.same_change else f"{near.likeness:.0%} alike"
    return f"near to {tried.proposal.id} ({word}{effect}; {alike}): {one_line(tried.proposal.hypothesis, 240)}"
