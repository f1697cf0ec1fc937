"""A proposal whose base has moved: what it is on the lead of now.

Works on commits and the texts of files. Does not measure, and does not know what a constant means. Invariants: a point
of a search species is measured with exactly the values that its record names, or not at all; a change of constants
alone takes the lead's code and the lead's other constants as they are; two changes of one constant to different values
are a conflict, as two changes of one line are.

Lines are merged for everything else, where two changes of neighbouring lines conflict: a table of constants is all
neighbouring lines.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from orgruntime.model.ids import CommitId
from orgruntime.model.research import Proposal
from orgruntime.runtime.constants import Knobs, read_knobs, same_value
from orgruntime.runtime.lab import Lab
from orgruntime.runtime.ports import Commit, Conflict


@dataclass(frozen=True)
class _Sides:
    base: Knobs
    own: Knobs
    lead: Knobs

    @property
    def changed(self) -> list[str]:
        before, after = self.base.values, self.own.values
        return [name for name in before if name in after and not same_value(before[name], after[name])]


def on_lead(lab: Lab, proposal: Proposal, base: CommitId, commit: CommitId, lead: CommitId) -> Commit | Conflict:
    """The proposal (`commit` on `base`) on `lead`: the lead itself where that holds it already."""
    message = f"{proposal.id} on {lead[:10]}"
    sides = _sides(lab, base, commit, lead)
    if sides is not None and _is_point(lab, proposal, sides):
        moved = _placed(lab, proposal, sides, list(proposal.settings), lead, message)
        return moved or Conflict(paths=tuple(sorted({knob.path for knob in sides.own.all})))
    merged = lab.workspace.merge(base, lead, commit, message=message)
    if isinstance(merged, Commit) or sides is None or proposal.settings:
        return merged
    if clash := _clash(sides):
        return Conflict(paths=tuple(clash))
    return _placed(lab, proposal, sides, sides.changed, lead, message) or merged


def _is_point(lab: Lab, proposal: Proposal, sides: _Sides) -> bool:
    """Whether its settings are all that it is. A constant that an idea asked for is wanted beside whatever else the
    lead has; the others are no part of the hypothesis."""
    named = proposal.settings
    if not named or any(name not in named for name in sides.changed):
        return False
    idea = lab.ledger.idea(proposal.idea)
    return idea is None or not idea.text.strip()


def _placed(
    lab: Lab, proposal: Proposal, sides: _Sides, names: Sequence[str], lead: CommitId, message: str
) -> Commit | None:
    """The lead with the proposal's values of these constants. None where the lead lacks one, or has it in another
    type."""
    ours, theirs = sides.own.values, sides.lead.values
    known = [name for name in names if name in ours]
    if any(name not in theirs or type(theirs[name]) is not type(ours[name]) for name in known):
        return None
    files = sides.lead.with_literals({
        name: sides.own.spelled(name) for name in known if not same_value(theirs[name], ours[name])
    })  # fmt: skip
    if not files:
        return lab.workspace.get(lead)
    author = f"{proposal.role}#{proposal.desk} ({proposal.species})"
    data = {path: text.encode("utf-8", "surrogatepass") for path, text in files.items()}
    return lab.workspace.commit(lead, data, message=message, author=author)


def _sides(lab: Lab, base: CommitId, commit: CommitId, lead: CommitId) -> _Sides | None:
    """The constants of all that either side changed; None where the proposal changes anything but constants."""
    own = lab.workspace.diff(base, commit).files
    paths = sorted({*own, *lab.workspace.diff(base, lead).files})
    before, after, now = (_texts(lab, one, paths) for one in (base, commit, lead))
    if not own or any(path not in texts for texts in (before, after, now) for path in own):
        return None
    known = [path for path in paths if path in before and path in after]
    sides = _Sides(*(read_knobs(texts) for texts in (_only(before, known), _only(after, known), now)))
    return sides if sides.base.around == sides.own.around else None


def _texts(lab: Lab, commit: CommitId, paths: Sequence[str]) -> dict[str, str]:
    """Those of the editable Python files among the paths that the commit has."""
    texts = {}
    for path in paths:
        if path.endswith(".py") and lab.is_editable(path):
            try:
                texts[path] = lab.workspace.read(commit, path).decode("utf-8")
            except (KeyError, UnicodeDecodeError):
                continue
    return texts


def _only(texts: dict[str, str], paths: Sequence[str]) -> dict[str, str]:
    return {path: texts[path] for path in paths}


def _clash(sides: _Sides) -> list[str]:
    """Where a constant has been given two values, or is gone."""
    clashes = []
    for name in sides.changed:
        before, own = sides.base.values[name], sides.own.values[name]
        now = sides.lead.values.get(name)
        if now is None or not (same_value(now, before) or same_value(now, own)):
            clashes.append(f"{name} in {next(knob.path for knob in sides.base.all if knob.name == name)}")
    return clashes
