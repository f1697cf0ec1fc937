"""What was tried before that is near to something: by the lines that it changes, and by its words.

Works on the newest proposals and their diffs. Does not judge. Invariants: the cost is that of a window of proposals,
however long the run; a proposal's diff is read once.
"""

from __future__ import annotations

import asyncio
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from orgruntime.ledger.tried import Tried
from orgruntime.model.ids import CommitId, ProposalId
from orgruntime.model.manifest import Role
from orgruntime.model.research import Proposal
from orgruntime.runtime.lab import Lab

WINDOW = 400
"""Newest proposals that are looked at."""
KEPT = 2000
"""Signatures in memory."""
LEAST = 0.1
"""Likeness below which nothing is near."""
LINES = 4000
"""Changed lines of one proposal that are compared."""

_NUMBER = re.compile(r"[-+]?\d[\d_]*(?:\.\d*)?(?:[eE][-+]?\d+)?|\.\d+")
_WORD = re.compile(r"[A-Za-z_][A-Za-z_0-9]{2,}")


class Near(NamedTuple):
    tried: Tried
    likeness: float
    """In [0, 1]; 1 is the same change, or the same words."""
    same_change: bool


async def neighbours(
    lab: Lab, role: Role, *, text: str = "", changes: frozenset[str] = frozenset(), limit: int = 5
) -> list[Near]:
    """The nearest of the newest proposals that the role is shown, nearest first, and of equally near ones the newer.

    `changes`: a signature, as `signature_of_files` makes it. Likeness is that of the lines or of the words, whichever
    is greater.
    """
    window = lab.ledger.newest_tried(WINDOW, role.recalls) if role.recalls is not None else []
    words = words_of(text)
    signatures = await _signatures(lab, [one.proposal for one in window]) if changes else {}
    found = []
    for one in window:
        lines = signatures.get(one.proposal.id, frozenset())
        likeness = max(_alike(changes, lines), _alike(words, words_of(one.proposal.hypothesis)) if words else 0.0)
        if likeness >= LEAST:
            found.append(Near(one, likeness, bool(changes) and changes == lines))
    return sorted(found, key=lambda near: -near.likeness)[:limit]


def signature_of_files(lab: Lab, base: CommitId, files: Mapping[str, str]) -> frozenset[str]:
    """Of files as they stand, against a commit."""
    changed: list[str] = []
    for path, text in files.items():
        old, new = Counter(_lines(_text(lab, base, path))), Counter(_lines(text))
        changed += [f"+{line}" for line in (new - old)] + [f"-{line}" for line in (old - new)]
    return _signature(changed)


def signature_of_diff(text: str) -> frozenset[str]:
    """Of a unified diff."""
    return _signature(
        f"{line[0]}{_stripped(line[1:])}"
        for line in text.splitlines()
        if line[:1] in ("+", "-") and not line.startswith(("+++ ", "--- "))
    )


def words_of(text: str) -> frozenset[str]:
    return frozenset(word.casefold() for word in _WORD.findall(text))


async def _signatures(lab: Lab, proposals: list[Proposal]) -> dict[ProposalId, frozenset[str]]:
    """Read beside the event loop: a cold window is hundreds of diffs."""
    known = lab.signatures
    fresh = [one for one in proposals if one.id not in known]
    workspace = lab.workspace

    def read() -> dict[ProposalId, frozenset[str]]:
        return {one.id: signature_of_diff(workspace.diff(one.base, one.commit).text) for one in fresh}

    known.update(await asyncio.to_thread(read) if fresh else {})
    found = {one.id: known[one.id] for one in proposals}
    while len(known) > KEPT:
        known.popitem(last=False)
    return found


def _signature(changed: Iterable[str]) -> frozenset[str]:
    """The lines, and the lines with every number as `#`: another value of the same constant is near, and not the same.
    Lines without a letter or digit are left out: everything changes braces."""
    lines = [line for line in changed if any(c.isalnum() for c in line)][:LINES]
    return frozenset(lines) | {_NUMBER.sub("#", line) for line in lines}


def _alike(a: frozenset[str], b: frozenset[str]) -> float:
    """Dice: shared, of what both have on average."""
    return 2 * len(a & b) / (len(a) + len(b)) if a and b else 0.0


def _lines(text: str) -> Iterable[str]:
    return (_stripped(line) for line in text.splitlines())


def _stripped(line: str) -> str:
    return " ".join(line.split())


def _text(lab: Lab, commit: CommitId, path: str) -> str:
    try:
        return lab.workspace.read(commit, path).decode("utf-8", "replace")
    except KeyError:
        return ""
