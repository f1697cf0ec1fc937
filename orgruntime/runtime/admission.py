"""Why a change is not measured at all: frozen files, nothing changed, the same code as before, too much at once.

Works on commits. Does not know who asks: an agent before it hands off, a probe before it is ordered, a screen before
it spends. Invariant: no trial is spent on what is refused here, whoever let it through before.
"""

from __future__ import annotations

from orgruntime.model.ids import TreeId
from orgruntime.model.manifest import Role
from orgruntime.model.research import Proposal
from orgruntime.runtime.lab import Lab
from orgruntime.runtime.ports import Diff


def frozen_files(lab: Lab, diff: Diff) -> str:
    """Empty: it touches none."""
    frozen = sorted(path for path in diff.files if not lab.is_editable(path))
    return f"touches frozen files: {', '.join(frozen[:3])}" if frozen else ""


def earlier_proposal(lab: Lab, tree: TreeId) -> tuple[Proposal, str] | None:
    """The first proposal of the same code, and a sentence with what became of it."""
    earlier = lab.ledger.proposal_by_tree(tree)
    if earlier is None:
        return None
    verdict = lab.ledger.verdict(earlier.id)
    told = f"{verdict.word.value}: {verdict.reason}" if verdict else "still being measured"
    return earlier, f"the same code as {earlier.id} ({told})"


def blast(lab: Lab, role: Role, diff: Diff, author: Role) -> str:
    """`role`: whose resources a trial of it takes. Empty: within the blast radius, the author's own if it has one."""
    radius = author.blast_radius or lab.numbers.blast_radius
    for what, value, bound in (
        ("files", len(diff.files), radius.files),
        ("lines", diff.lines, radius.lines),
        ("GPUs", role.resources.all_gpus, radius.gpus),
    ):
        if value > bound:
            return f"changes more than the blast radius allows without approval: {value:g} {what}, at most {bound:g}"
    return ""
