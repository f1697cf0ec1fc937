"""The section on what was tried before the run, from a log that somebody kept.

Works on rows of untrusted text. Invariant: nothing of it is drawn among the run's own trials, and it is called hearsay.
"""

from __future__ import annotations

from orgruntime.model.history import counted, telling
from orgruntime.report.markup import Safe, table, tag
from orgruntime.report.story import RunStory
from orgruntime.report.wording import clip, number, plain


def before(story: RunStory) -> Safe:
    """Empty where no log was taken in."""
    if not story.history:
        return Safe("")
    rows = [
        (clip(row.status or row.word, 40), number(row.metric), clip(row.note or row.commit, 240))
        for row in telling(story.history, story.direction)
    ]
    note = (
        f"{plain(counted(story.history))}. As somebody wrote it down: nothing of it was measured in this run, and "
        "nothing here rests on it."
    )
    columns = ("status", plain(story.objective), "what was tried")
    heading, faint = tag("h2", "Before this run"), tag("p", note, class_="faint")
    return tag("section", heading, faint, table(columns, rows, numeric=(1,)))
