"""The sections of the page, each a function from the story to finished HTML.

Works on a `RunStory`. Knows nothing of pictures or of the page around. Invariant: certified numbers and screened ones
are never in one column, and every screened number is called so.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from orgruntime.model.status import Credit
from orgruntime.report.markup import Safe, join, prose, table, tag
from orgruntime.report.story import (
    BudgetRow,
    Champion,
    PointStatus,
    ProposalStory,
    RunStory,
    SpendRow,
    baseline_points,
    proposals,
)
from orgruntime.report.wording import clip, count, duration, e_value, interval, number, percent, plain, short, signed

TOP = 30
"""Rows of the leaderboard. What is not shown is counted."""
FEW = 8
"""Reasons or gains in a list."""


def headline(story: RunStory) -> Safe:
    """What the run is worth, in two sentences, and how anybody can check it."""
    champion = story.champion
    return _without(story) if champion is None else _with(story, champion)


def _with(story: RunStory, champion: Champion) -> Safe:
    low, middle, high = (f"{number(value, 3)} %" for value in story.certified_percent(champion))
    if not story.baseline:  # There is no percentage of nothing.
        low, high = (number(value) for value in champion.total_interval)
        middle = number(champion.total_gain)
    target = ""
    if story.target is not None:
        reached = story.sign * (champion.metric - story.target) >= 0
        target = f" The target of {number(story.target)} is {'reached' if reached else 'not reached'}."
    evidence = f"e-value {e_value(champion.e_value)}{_threshold(champion)}"
    check = plain(story.verify_command) or f"orgrun verify {plain(champion.certificate)}"
    return tag(
        "div",
        tag("p", f"{plain(story.objective)} is {middle} {story.better} than the baseline, certified.", class_="big"),
        tag("p", f"95 % interval {low} to {high}, from fresh pairs after the certification; {evidence}.{target}"),
        tag("p", "Champion ", tag("code", short(champion.commit)), ". Check it: ", tag("code", check)),
        class_="headline won",
    )


def _without(story: RunStory) -> Safe:
    lines = ["Nothing in this run passed its verification, so nothing is claimed."]
    steps = [step for step in story.lead if step.metric is not None]
    gain = story.percent_over_baseline(steps[-1].metric) if steps else None
    if gain:
        lines.append(
            f"The lead looks {percent(gain)} better than the baseline, by screened trials: a hint, not a result."
        )
    if story.reason:
        lines.append(f"{plain(story.state).capitalize() or 'State'}: {plain(story.reason)}.")
    return tag(
        "div", tag("p", "No certified champion.", class_="big"), *(tag("p", line) for line in lines), class_="headline"
    )


def _threshold(champion: Champion) -> str:
    parts = [f"threshold {e_value(champion.threshold)}"] if champion.threshold else []
    if champion.pairs:
        parts.append(f"{champion.wins} of {count(champion.pairs, 'pair')} won")
    return f" ({', '.join(parts)})" if parts else ""


def tiles(story: RunStory) -> Safe:
    """The run in numbers."""
    used, tried = story.spend, proposals(story)
    kept, crashed = (sum(p.status is word for p in tried) for word in (PointStatus.KEEP, PointStatus.CRASH))
    items = [
        (f"{story.counts.total or len(story.points):,}", "trials"),
        (f"{kept:,}", f"kept of {count(len(tried), 'proposal')}"),
        (f"{crashed:,}", "crashed"),
        (f"{len(story.champions):,}", "certified champions" if len(story.champions) != 1 else "certified champion"),
        (
            duration(used.gpu_seconds) if used.gpu_seconds else duration(used.cpu_seconds),
            "GPU time" if used.gpu_seconds else "CPU time",
        ),
        (duration(used.wall_seconds), "wall clock"),
        (f"${used.usd:,.2f}", count(used.tokens, "token")),
        (plain(story.isolation) or "–", "isolation of trials"),
    ]
    return tag(
        "div", *(tag("div", tag("b", value), tag("span", name), class_="tile") for value, name in items), class_="tiles"
    )


def certificates(story: RunStory) -> Safe:
    if not story.champions:
        return Safe("")
    rows = []
    for i, champion in enumerate(story.champions, 1):
        low, high = champion.interval
        total = story.certified_percent(champion)
        rows.append(
            (
                str(i), str(champion.trial), tag("code", short(champion.commit)), number(champion.metric),
                interval(low, champion.gain, high),
                f"{percent(total[1])} ({percent(total[0])} to {percent(total[2])})",
                f"{e_value(champion.e_value)}{_threshold(champion)}",
                join((tag("code", champion.certificate), _made_of(champion))),
            )
        )  # fmt: skip
    head = (
        "",
        "at trial",
        "commit",
        plain(story.objective),
        "gain over the one before",
        "gain over the baseline",
        "e-value",
        "certificate",
    )
    note = (
        "Gains are positive when better, with 95 % intervals, and come from pairs that ran after the test was won: "
        "selection does not inflate them."
    )
    return _section("Certificates", table(head, rows, numeric=(1, 3)), note=note)


def _made_of(champion: Champion) -> Safe:
    """Idea, role, model and spend of each proposal that the champion is made of."""
    if not champion.made_of:
        return Safe("")
    return tag("div", *(tag("div", _credit(one)) for one in champion.made_of), class_="faint words")


def _credit(one: Credit) -> str:
    idea = f", on the idea {clip(one.idea, 80)!r} of {clip(one.author, 40)}" if one.idea else ""
    used = [f"${one.usd:,.2f}"] if one.usd else []
    used += [f"{duration(one.gpu_seconds)} of GPU"] if one.gpu_seconds else []
    used += [f"{duration(one.cpu_seconds)} of CPU"] if one.cpu_seconds else []
    by = f"{clip(one.role, 40)} · {clip(one.species, 60)}"
    return f"{clip(one.hypothesis, 160)} ({by}{idea}{', for ' + ' and '.join(used) if used else ''})"


def gained(story: RunStory) -> Safe:
    kept = [p for p in proposals(story) if p.status is PointStatus.KEEP]
    if not kept:
        return _section("What gained", tag("p", "No proposal passed the screen."))
    kept.sort(key=lambda p: p.gain if p.gain is not None else 0.0, reverse=True)
    items = [
        tag("li", _gain_words(p), clip(p.hypothesis, 240), tag("span", f" ({_who(p)})", class_="faint"))
        for p in kept[:FEW]
    ]
    return _section(
        "What gained", tag("ul", *items, class_="words"), _rest(len(kept) - FEW, "more gain"), note=_SCREENED
    )


def _gain_words(p: ProposalStory) -> Safe:
    return tag("b", f"{signed(p.gain)} ") if p.gain is not None else Safe("")


def failed(story: RunStory) -> Safe:
    """Discards and crashes by their reason, most frequent first, each with its newest example."""
    lost = [p for p in proposals(story) if p.status in (PointStatus.DISCARD, PointStatus.CRASH)]
    if not lost:
        return Safe("")
    reasons = Counter((p.status, clip(p.reason, 120) or "no reason recorded") for p in lost)
    rows = []
    for (status, reason), times in reasons.most_common(FEW):
        newest = next(
            p for p in reversed(lost) if p.status is status and (clip(p.reason, 120) or "no reason recorded") == reason
        )
        rows.append((str(times), _status(status), reason, clip(newest.hypothesis, 160)))
    body = table(("times", "verdict", "reason", "for example"), rows, numeric=(0,))
    return _section("What failed", body, _rest(len(reasons) - FEW, "more reason"))


def leaderboard(story: RunStory) -> Safe:
    """Proposals by their screened metric. Base and commit are written as `git diff` takes them."""
    tried = [p for p in proposals(story) if p.metric is not None]
    if not tried:
        return Safe("")
    tried.sort(key=lambda p: story.sign * (p.metric if p.metric is not None else 0.0), reverse=True)
    certified = {champion.commit for champion in story.champions}
    rows = []
    for p in tried[:TOP]:
        diff = f"{short(p.base)}..{short(p.commit)}" if p.base else short(p.commit)
        status = tag("span", "certified", class_="certified") if p.commit in certified else _status(p.status)
        change = percent(_moved(story, p.metric))
        rows.append(
            (number(p.metric), change, str(p.trials), status, tag("code", diff), _who(p), clip(p.hypothesis, 240))
        )
    head = (plain(story.objective), "against baseline", "trials", "verdict", "git diff", "by", "hypothesis")
    where = f" The commits are in {plain(story.folder)}/workspace.git." if story.folder else ""
    body = table(head, rows, numeric=(0, 1, 2))
    return _section("Proposals, best first", body, _rest(len(tried) - TOP, "more proposal"), note=_SCREENED + where)


_SCREENED = (
    "Means over one or two seeds, picked because they looked good: they overstate. Only certificates are claims."
)


def _moved(story: RunStory, metric: float | None) -> float | None:
    """In percent, as the metric moved."""
    gain = story.percent_over_baseline(metric)
    return None if gain is None else story.sign * gain


def spend(story: RunStory) -> Safe:
    if not story.spend_rows:
        return Safe("")
    rows = sorted(
        story.spend_rows, key=lambda row: (row.spend.usd, row.spend.gpu_seconds, row.spend.cpu_seconds), reverse=True
    )
    head = ("role", "species", "trials", "kept", "screened gain", "GPU time", "CPU time", "tokens", "dollars")
    return _section("Where the money went", table(head, [_spend_row(row) for row in rows], numeric=range(2, 9)))


def _spend_row(row: SpendRow) -> Sequence[str]:
    used, kept = row.spend, "–" if row.kept is None else f"{row.kept:,}"
    return (
        clip(row.role, 40), clip(row.species, 60) or "–", f"{row.trials:,}", kept,
        signed(row.gain) if row.gain else "–", duration(used.gpu_seconds) if used.gpu_seconds else "–",
        duration(used.cpu_seconds), f"{used.tokens:,}", f"{used.usd:,.2f}",
    )  # fmt: skip


def decisions(story: RunStory) -> Safe:
    if not story.decisions:
        return Safe("")
    rows = [(plain(d.dial), plain(d.verb), f"{d.count:,}", clip(d.example, 240)) for d in story.decisions]
    body = table(("dial", "decision", "times", "the newest one's reason"), rows, numeric=(2,))
    return _section("Decisions, by the dial that made them", body)


def noise_floor(story: RunStory) -> Safe:
    noise = story.noise
    if noise is None:
        return _section("Noise floor", tag("p", "Not measured: the run ended before its baseline was known."))
    runs = count(len(baseline_points(story)), "run")
    words = (
        f"The baseline is {number(noise.baseline)} (mean of {runs}). The difference of two runs of the same code has a "
        f"standard deviation of {number(noise.sd, 3)}, from {count(noise.pairs, 'pair')}. "
    )
    if noise.deterministic:
        words += "A run is deterministic for its seed."
    else:
        words += f"A shared seed removes {percent(100 * noise.correlation, sign=False)} of the spread."
    rows = [(plain(row.name), number(row.metric), percent(_moved(story, row.metric))) for row in story.honest]
    extra = (
        table(("reference of the workspace", plain(story.objective), "against baseline"), rows, (1, 2))
        if rows
        else Safe("")
    )
    held_out = "The verifier measures by a command of its own, on data that no proposer saw." if story.held_out else ""
    return _section("Noise floor", tag("p", words), tag("p", held_out) if held_out else Safe(""), extra)


def budget(story: RunStory) -> Safe:
    if not story.budget:
        return Safe("")
    rows = []
    for row in story.budget:
        share = min(1.0, max(0.0, row.used / row.bound)) if row.bound else 1.0
        bar = tag("div", tag("i", style=f"width:{100 * share:.1f}%"), class_="bar")
        rows.append((plain(row.name).replace("_", " "), _used(row), bar))
    return _section("Budget", table(("", "used", ""), rows, numeric=(1,)))


def _used(row: BudgetRow) -> str:
    if row.unit == "s":
        return f"{duration(row.used)} of {duration(row.bound)}"
    if row.used == int(row.used) and row.bound == int(row.bound):
        return f"{row.used:,.0f} of {row.bound:,.0f} {plain(row.unit)}".rstrip()
    return f"{number(row.used, 3)} of {number(row.bound, 3)} {plain(row.unit)}".rstrip()


def memos(story: RunStory) -> Safe:
    """Newest first."""
    if not story.memos:
        return Safe("")
    shown = [
        tag(
            "div",
            tag("p", f"{clip(m.role, 40)}, after {count(m.trial, 'trial')}", class_="faint"),
            prose(m.text),
            class_="memo",
        )
        for m in reversed(story.memos)
    ]
    return _section("Memos", *shown)


def _section(title: str, *children: str, note: str = "") -> Safe:
    return tag("section", tag("h2", title), tag("p", note, class_="faint") if note else Safe(""), *children)


def _status(status: PointStatus) -> Safe:
    return tag("span", status.value, class_=status.value)


def _who(p: ProposalStory) -> str:
    return clip(" · ".join(part for part in (p.role, p.species) if part), 60) or "–"


def _rest(left: int, word: str) -> Safe:
    return tag("p", f"and {count(left, word)}", class_="faint") if left > 0 else Safe("")
