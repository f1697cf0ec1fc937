"""A whole run in a toy world, with the package's own statistics: noise floor, screened lead, certified champion, lap.

Also the negative control: the rule "keep what scores best" on the same worlds.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from worlds import Lab

from orgruntime.model.amounts import Budget
from orgruntime.model.appetite import PRESETS, Preset
from orgruntime.model.manifest import Direction, Objective, Resources
from orgruntime.model.numbers import Numbers
from orgruntime.model.research import EvidenceState
from orgruntime.scheduler import evidence, noise
from orgruntime.scheduler.numbers import numbers
from orgruntime.scheduler.screen import Screening, believed_gain, screen


@dataclass
class Story:
    """What became of a run; levels and gains are true values in run spreads unless they say otherwise."""

    champion: float = 0.0
    runs: int = 0
    verification_runs: int = 0
    tests: int = 0
    gains: list[float] = field(default_factory=list)
    """True gain of every certified champion over the one before."""
    false: int = 0
    """Champions whose true gain is at most δ (for the greedy rule: at most 0)."""
    reported: list[float] = field(default_factory=list)
    """Lap gain minus true gain."""
    covered: int = 0
    """Laps whose interval holds the true gain."""

    @property
    def false_share(self) -> float:
        return self.false / len(self.gains) if self.gains else 0.0


def run_org(lab: Lab, preset: Preset, trials: int) -> Story:
    """One run of the lead-and-champion rule within `trials` runs, verification cap included."""
    measured: dict[int, list[float]] = {}
    while wanted := noise.noise_runs(measured):
        for seed, _ in wanted:
            measured.setdefault(seed, []).append(lab.run(0.0, seed))
    floor = noise.floor(list(measured.values()))
    objective = Objective(metric="score", direction=Direction.MAXIMIZE)
    figures = numbers(PRESETS[preset], Budget(trials=trials), objective, 60.0, Resources(), floor)
    story, lead, estimate = Story(), 0.0, 0.0
    while lab.runs + 4 <= trials:
        lead, believed = _screened(lab, lead, floor.sd)
        estimate += believed
        if estimate >= figures.trigger and _may_certify(lab, figures, story, trials):
            _certify(lab, figures, story, lead, trials)
            lead, estimate = story.champion, 0.0
    story.runs = lab.runs
    return story


def run_greedy(lab: Lab, trials: int) -> Story:
    """Keep every candidate whose one score beats the best score on record."""
    story, best = Story(), lab.run(0.0)
    while lab.runs < trials:
        effect = lab.world.effect(lab.random)
        score = lab.run(story.champion + effect)
        if score > best:
            best, story.champion = score, story.champion + effect
            story.gains.append(effect)
            story.false += effect <= 0
    story.runs = lab.runs
    return story


def _screened(lab: Lab, lead: float, sd: float) -> tuple[float, float]:
    candidate = lead + lab.world.effect(lab.random)
    gains: list[float] = []
    while (outcome := screen(gains, sd)) is Screening.MORE:
        gains.append(lab.gain(lead, candidate))
    return (candidate, believed_gain(gains)) if outcome is Screening.PASS else (lead, 0.0)


def _may_certify(lab: Lab, figures: Numbers, story: Story, trials: int) -> bool:
    cost = figures.certification_cost + (figures.lap_pairs if story.gains else 0)
    return (
        story.tests < figures.tests_planned
        and story.verification_runs + cost <= figures.verification_trials
        and lab.runs + cost <= trials
    )


def _certify(lab: Lab, figures: Numbers, story: Story, lead: float, trials: int) -> None:
    lap_cost = figures.lap_trials + (figures.lap_pairs if story.gains else 0)
    left = min(figures.verification_trials - story.verification_runs, trials - lab.runs) - lap_cost
    bar = evidence.threshold(figures.alpha, figures.tests_planned, len(story.gains))
    cap, start, known = min(figures.max_pairs, left // 2), lab.runs, evidence.Evidence()
    state = EvidenceState.RUNNING
    while state is EvidenceState.RUNNING:
        known = evidence.bet(known, lab.gain(story.champion, lead), figures.delta, figures.scale)
        state = evidence.judge(known, threshold=bar, sd=figures.sd, max_pairs=cap)
    story.tests += 1
    if state is EvidenceState.PASSED:
        _crown(lab, figures, story, lead)
    story.verification_runs += lab.runs - start


def _crown(lab: Lab, figures: Numbers, story: Story, lead: float) -> None:
    truth = lead - story.champion
    lap = evidence.lap_summary([lab.gain(story.champion, lead) for _ in range(figures.lap_pairs)], figures.sd)
    lab.runs += figures.lap_pairs if story.gains else 0
    story.gains.append(truth)
    story.false += truth <= figures.delta
    story.reported.append(lap.gain - truth)
    story.covered += lap.interval[0] <= truth <= lap.interval[1]
    story.champion = lead
