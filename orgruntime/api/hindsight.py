"""What an appetite would have meant on the last run of its org: each dial held against that run's ledger.

Works on a ledger and a workspace that are only read. Replays no search: another dial would have led to other proposals,
so each sentence speaks of what that run did. Invariant: figures are counted from rows, none is estimated.
"""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Callable, Sequence
from itertools import pairwise
from pathlib import Path

from orgruntime.api.errors import UserError
from orgruntime.api.folders import RunFolder, list_runs
from orgruntime.ledger.rows import TrialRow
from orgruntime.ledger.store import Ledger
from orgruntime.model.appetite import Dial
from orgruntime.model.ids import ProposalId
from orgruntime.model.manifest import Choice, Direction, Manifest, RoleKind
from orgruntime.model.numbers import Numbers
from orgruntime.model.research import EvidenceState, Proposal, RiskClass, VerdictWord
from orgruntime.model.trial import Score
from orgruntime.plan.plan import Plan
from orgruntime.runtime.ports import WorkspaceError
from orgruntime.scheduler.halving import WINDOW, survives, value_at
from orgruntime.scheduler.numbers import with_noise
from orgruntime.scheduler.room import CLIMB

UNIT_NAMES = {"gpu_ms": "GPU time", "cpu_ms": "CPU time"}
NEWEST = 1000
"""Proposals whose size is looked at."""


def with_hindsight(plan: Plan, manifest: Manifest, figures: Numbers, runs: Path) -> Plan:
    """The plan with a sentence a dial, where there was a run of the org that measured something."""
    folder = _last_run(runs, manifest.org)
    if folder is None:
        return plan
    with folder.ledger() as ledger:
        said = _said(ledger, folder, manifest, figures)
        about = f"{folder.id} ({ledger.settled_trials()} trials)"
    dials = (dial.model_copy(update={"hindsight": said.get(Dial(dial.dial), "")}) for dial in plan.dials)
    return plan.model_copy(update={"dials": tuple(dials), "last_run": about})


def _last_run(runs: Path, org: str) -> RunFolder | None:
    for folder in reversed(list_runs(runs)):
        try:
            with folder.ledger() as ledger:
                if ledger.run().org == org and ledger.noise() is not None:
                    return folder
        except UserError:
            continue
    return None


def _said(ledger: Ledger, folder: RunFolder, manifest: Manifest, figures: Numbers) -> dict[Dial, str]:
    noise = ledger.noise()
    assert noise is not None
    figures = with_noise(figures, noise)
    proposals = {one.id: one for one in ledger.proposals()}
    trials = ledger.trials()
    screens = [row for row in trials if row.purpose in CLIMB and row.proposal in proposals]
    return {
        Dial.PROOF: _proof(ledger, figures),
        Dial.SMALLEST_WIN: _smallest_win(ledger, figures),
        Dial.EXPLORATION: _exploration(screens, proposals.__getitem__),
        Dial.OPTIMISM: _optimism(ledger, manifest),
        Dial.PATIENCE: _patience(ledger, screens, figures, manifest.objective.direction),
        Dial.STAKE: _stake(ledger, manifest, figures),
        Dial.DRY_SPELL: _dry_spell(ledger, figures),
        Dial.BLAST_RADIUS: _blast_radius(folder, list(proposals.values()), figures),
    }


def _proof(ledger: Ledger, figures: Numbers) -> str:
    tests = [row for row in ledger.certifications() if row.e_value is not None and row.state is not EvidenceState.VOID]
    if not tests:
        return "no lead was put to a test"
    passed, short = 0, 0
    for row in tests:
        bar = figures.first_threshold / (passed + 1)
        if (row.e_value or 0.0) >= bar:
            passed += 1
        elif row.state is EvidenceState.PASSED:
            short += 1
    reached = ", ".join(f"{row.e_value:.3g}" for row in tests)
    open_ = f"; {short} more ended at a lower bar of that run" if short else ""
    return f"{_some(len(tests), 'test')} reached e {reached}: {_some(passed, 'champion')} at this bar{open_}"


def _smallest_win(ledger: Ledger, figures: Numbers) -> str:
    leads = ledger.lead_history()
    best = max((row.estimate for row in leads), default=0.0)
    assert figures.trigger is not None
    assert figures.delta is not None
    word = "would have been put to a test" if best >= figures.trigger else "would not have been put to a test"
    moves = _some(max(0, len(leads)), "move")
    return f"δ {figures.delta:.4g}: the lead looked {best:.4g} better at most, after {moves}, and {word}"


def _exploration(screens: Sequence[TrialRow], proposals: Callable[[ProposalId], Proposal]) -> str:
    spent: dict[RiskClass, float] = defaultdict(float)
    for row in screens:
        assert row.proposal is not None
        spent[proposals(row.proposal).risk] += row.wall_s
    total = sum(spent.values())
    return f"long shots took {spent[RiskClass.EXPLORE] / total:.0%} of the climb's time" if total else "nothing climbed"


def _patience(ledger: Ledger, screens: Sequence[TrialRow], figures: Numbers, direction: Direction) -> str:
    """In the order in which they were settled; of a candidate that was ended, what it showed until then."""
    had: dict[tuple[str, float], deque[float]] = defaultdict(lambda: deque(maxlen=WINDOW))
    seen: set[str] = set()
    ended, lost, saved, total = 0, 0, 0.0, 0.0
    for row in screens:
        total += row.wall_s
        assert row.proposal is not None
        if row.proposal in seen or not row.progress:
            continue
        seen.add(row.proposal)
        cut = _cut(row, figures, had, direction)
        if cut is None:
            continue
        ended += 1
        saved += max(0.0, 1.0 - cut / row.progress[-1][0]) * row.wall_s
        verdict = ledger.verdict(row.proposal)
        lost += verdict is not None and verdict.word is VerdictWord.KEEP
    if not seen:
        return "no candidate printed `progress` lines"
    stopped = sum(row.score is Score.ENDED_EARLY for row in screens)
    kept = f", {lost} of them kept in that run" if lost else ""
    time = f" and saved {saved / total:.0%} of the climb's time" if saved else ""
    return f"would have ended {ended} of {len(seen)} candidates early{kept}{time}; that run ended {stopped}"


def _cut(
    row: TrialRow, figures: Numbers, had: dict[tuple[str, float], deque[float]], direction: Direction
) -> float | None:
    """The rung at which the candidate would have been ended."""
    for rung in figures.rungs:
        value = value_at(row.progress, rung)
        if value is None:
            return None
        others = had[row.identity.hardware, rung]
        going_on = survives(value, others, figures.keep_per_rung, direction)
        others.append(value)
        if not going_on:
            return rung
    return None


def _optimism(ledger: Ledger, manifest: Manifest) -> str:
    said = []
    for role in manifest.roles:
        if role.choice is Choice.RESULTS:
            counts = ledger.choice_counts(role.slug, role.species)
            said.append(f"{role.slug}: " + ", ".join(f"{model} {_some(n, 'step')}" for model, n in counts.items()))
    return "; ".join(said) or "no panel chooses by results"


def _stake(ledger: Ledger, manifest: Manifest, figures: Numbers) -> str:
    """Of what was left at the end, when a trial is the largest part of it."""
    role = next(role for role in manifest.roles if role.kind is RoleKind.EXPERIMENT)
    limit_s = manifest.workspace.time_limit_s if role.minutes is None else role.minutes * 60
    cap, spent = role.resources.cost(limit_s), ledger.amounts().spent
    shares = {
        unit: getattr(cap, unit) / max(1, bound - getattr(spent, unit))
        for unit, bound in ledger.run().budget.bounds().items()
        if unit != "trials" and bound > 0 and getattr(cap, unit)
    }
    if not shares:
        return "bounded in trials alone, of which one more is always allowed"
    unit, part = max(shares.items(), key=lambda one: one[1])
    word = "more than it allows" if part > figures.largest_stake else "which it allows"
    return f"one trial more could have cost {part:.0%} of the {UNIT_NAMES[unit]} left at the end, {word}"


def _dry_spell(ledger: Ledger, figures: Numbers) -> str:
    settled = ledger.settled_trials()
    marks = [0, *(row.at_trial for row in ledger.champion_history() if row.certificate is not None), settled]
    longest = max(b - a for a, b in pairwise(marks))
    allowed = figures.dry_spell_trials
    bound = "" if allowed is None else f"; {allowed} pause it" + (" and would have" if longest >= allowed else "")
    return f"{_some(longest, 'trial')} in a row without a new champion at most{bound}"


def _blast_radius(folder: RunFolder, proposals: Sequence[Proposal], figures: Numbers) -> str:
    from orgruntime.backends.git_workspace import GitWorkspace

    if not proposals:
        return "nothing was proposed"
    radius = figures.blast_radius
    try:
        workspace = GitWorkspace.open(folder.git_dir)
        diffs = [workspace.diff(one.base, one.commit) for one in proposals[-NEWEST:]]
    except (WorkspaceError, KeyError):
        return "the code of that run is not there any more"
    sizes = [(len(diff.files), diff.lines) for diff in diffs]
    refused = sum(files > radius.files or lines > radius.lines for files, lines in sizes)
    files, lines = (max(column) for column in zip(*sizes, strict=True))
    largest = f"the largest changed {_some(files, 'file')}, or {_some(lines, 'line')}"
    return f"would have refused {refused} of {_some(len(sizes), 'proposal')}; {largest}"


def _some(count: int, what: str) -> str:
    return f"{count} {what}{'s' * (count != 1)}"
