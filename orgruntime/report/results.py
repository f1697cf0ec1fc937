"""`results.tsv`: the five columns of autoresearch, one row an experiment.

Works on a `RunStory`. Knows nothing of files. Invariant: every row has exactly five cells, whatever text the
roles wrote.

Two things differ from the original, both on purpose. The metric of a crash is empty: the sentinel 0.000000 would
be the best value of every metric that is minimised. And `status` may also be `inconclusive`, because calling an
undecided experiment a discard would be a lie in a table that people mine for negative results.
"""

from __future__ import annotations

from statistics import fmean

from orgruntime.report.story import PointStatus, ProposalStory, RunStory, baseline_points, proposals
from orgruntime.report.wording import plain, short

SHORT_DESCRIPTION = 400
"""Characters. The longest description in the published logs that the format comes from is under 300."""


def results_tsv(story: RunStory) -> str:
    """Header `commit, <metric>, memory_gb, status, description`; then the baseline; then each proposal, oldest first.

    Metrics are means over the proposal's screening trials, at six decimals; memory is the peak in GiB. A certified
    proposal says so at the start of its description.
    """
    certified = {champion.commit for champion in story.champions}
    rows = [("commit", plain(story.objective), "memory_gb", "status", "description")]
    if story.baseline is not None:
        rows.append(_baseline(story, story.baseline))
    rows += [_row(proposal, proposal.commit in certified) for proposal in proposals(story)]
    return "".join("\t".join(row) + "\n" for row in rows)


def _baseline(story: RunStory, baseline: float) -> tuple[str, str, str, str, str]:
    points = baseline_points(story)
    memory = [point.memory_mb for point in points if point.memory_mb]
    text = f"baseline (mean of {len(points)} runs)" if points else "baseline"
    commit = story.baseline_commit or (points[0].commit if points else "")
    return short(commit), _metric(baseline), _gib(fmean(memory) if memory else None), PointStatus.KEEP, text


def _row(proposal: ProposalStory, certified: bool) -> tuple[str, str, str, str, str]:
    words = proposal.hypothesis
    if proposal.status is PointStatus.CRASH and proposal.reason:
        words = f"{words} ({proposal.reason})"
    text = _cell(f"certified: {words}" if certified else words)
    return short(proposal.commit), _metric(proposal.metric), _gib(proposal.memory_mb), proposal.status, text


def _metric(value: float | None) -> str:
    if value is None:
        return ""
    return f"{value:.6f}" if value == 0 or 1e-3 <= abs(value) < 1e9 else f"{value:.9g}"


def _gib(megabytes: float | None) -> str:
    return "" if megabytes is None else f"{megabytes / 1024:.1f}"


def _cell(text: str) -> str:
    """One cell of free text. Double quotes become single ones, since most readers of TSV take an opening one for a
    quoted field that swallows the next rows; a leading `= + - @` is quoted, since spreadsheets compute it."""
    line = plain(text).replace('"', "'")[:SHORT_DESCRIPTION]
    return f"'{line}" if line[:1] in ("=", "+", "-", "@") and line else line
