"""The sections on what the org has found: its notebook, and the parts of proposals that were measured apart.

Works on rows whose words are untrusted. Invariant: a finding without evidence is called a hunch.
"""

from __future__ import annotations

from orgruntime.model.memory import Finding, FindingState
from orgruntime.report.markup import Safe, join, table, tag
from orgruntime.report.story import RunStory
from orgruntime.report.wording import clip, count, plain, signed

MOST_PARTS = 30


def notebook(story: RunStory) -> Safe:
    """What is active, oldest first; how much was closed. Empty where nothing was ever written."""
    if not story.findings:
        return Safe("")
    active = [one for one in story.findings if one.state is FindingState.ACTIVE]
    rows = [(one.id, clip(one.text, 600), _rests(one), clip(one.role, 40)) for one in active]
    gone = len(story.findings) - len(active)
    note = "What roles wrote down for each other, with what it rests on. Claims are made by certificates alone."
    rest = tag("p", f"{count(gone, 'finding')} superseded or pruned since", class_="faint") if gone else Safe("")
    body = join((tag("h2", "Notebook"), tag("p", note, class_="faint")))
    return tag("section", body, table(("", "finding", "evidence", "by"), rows) if rows else Safe(""), rest)


def parts(story: RunStory) -> Safe:
    """Which part of a proposal brought what. Empty where nothing was measured apart."""
    if not story.parts:
        return Safe("")
    rows = [
        (
            plain(row.parent),
            clip(row.part, 80),
            "taken back" if row.taken_back else "alone",
            signed(row.worth) if row.worth is not None else "not measured",
            clip(row.asked_by, 40),
        )
        for row in story.parts[:MOST_PARTS]
    ]
    note = "By one or two pairs of trials each: a hint of what helped, in the metric's unit; positive is better."
    body = join((tag("h2", "Parts, measured apart"), tag("p", note, class_="faint")))
    return tag("section", body, table(("proposal", "part", "measured", "it brought", "asked by"), rows, numeric=(3,)))


def _rests(finding: Finding) -> str:
    return clip(", ".join(finding.evidence), 200) or "a hunch"
