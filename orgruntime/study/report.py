"""A difference as plain text for people: one block a topic, one line a change, its effect on authority in the margin.

Works on a difference; colours and control characters are the caller's business. Invariant: one line a change, whatever
the orgs hold.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

from orgruntime.study.changes import Change, Difference, Effect, Kind, Topic

MARKS = {
    Kind.ADDED: "+", Kind.REMOVED: "-", Kind.CHANGED: "~", Kind.RENAMED: "~", Kind.REORDERED: "~", Kind.FOLLOWS: "=",
}  # fmt: skip
_WORDS = {
    Effect.WIDER: "may do more than before",
    Effect.NARROWER: "may do less than before",
    Effect.DIFFERENT: "may do other things than before",
    Effect.SAME: "may do what it could before",
}
WIDEST_SUBJECT = 44


def render(found: Difference) -> list[str]:
    """The changes in lines, without the texts; empty for equal orgs."""
    if found.equal:
        return []
    lines = [summary(found)]
    for topic, changes in groupby(found.changes, key=lambda change: change.topic):
        block = list(changes)
        if topic is Topic.FILES:
            lines += ["", _files(block)]
        else:
            lines += ["", topic.value[:1].upper() + topic.value[1:], *change_lines(block)]
    return lines


def summary(found: Difference) -> str:
    """`7 changes; the org may do more than before: 3 wider, 1 narrower`. Files with other bytes count for none."""
    written = sum(change.kind is not Kind.FOLLOWS and change.topic is not Topic.FILES for change in found.changes)
    if not written:
        return "the same in meaning, from files with other bytes"
    counts = [f"{n} {effect.value}" for effect in (Effect.WIDER, Effect.DIFFERENT, Effect.NARROWER)
              if (n := found.count(effect))]  # fmt: skip
    tail = f": {', '.join(counts)}" if counts else ""
    return f"{written} change{'s' * (written != 1)}; the org {_WORDS[found.effect]}{tail}"


def change_lines(changes: Sequence[Change]) -> list[str]:
    """One line a change, with its effect; none of them of files."""
    width = min(WIDEST_SUBJECT, max(len(change.subject) for change in changes))
    lines = []
    for change in changes:
        effect = f"  [{change.effect.value}]" if change.effect is not Effect.SAME else ""
        lines.append(_one_line(f"  {MARKS[change.kind]} {change.subject.ljust(width)}  {change.said}{effect}"))
    return lines


def _files(changes: Sequence[Change]) -> str:
    """All on one line: what is in them was said above."""
    return _one_line(f"Files: {', '.join(f'{MARKS[change.kind]} {change.subject}' for change in changes)}")


def _one_line(text: str) -> str:
    return " ".join(text.splitlines())
