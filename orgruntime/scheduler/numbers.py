"""From the appetite, the budget and one trial's worst case to the numbers of a run.

Does not know what was spent or found. Invariant: the number of planned tests, and with it every threshold, depends only
on what is known before the first trial; the noise adds the fields in the metric's units and changes nothing else.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise
from math import ceil, floor

from orgruntime.model.amounts import Budget
from orgruntime.model.appetite import Appetite
from orgruntime.model.manifest import Objective, Resources
from orgruntime.model.numbers import Numbers
from orgruntime.model.research import Noise
from orgruntime.scheduler.evidence import LAP_PAIRS, SCALE_IN_SD, fewest_pairs, threshold
from orgruntime.scheduler.halving import rungs
from orgruntime.scheduler.sleeves import MOST, STUCK_AFTER

VERIFICATION_CAP = 0.30
MOST_TESTS = 15
FEWEST_CAP_PAIRS = 16
SPARE_PAIRS = 1
"""A certification that could pay for clear wins only would lose to one unlucky pair."""
_TRIGGERS = ((0.0, 1.5), (0.25, 2.0), (0.5, 3.0), (1.0, 4.0))


def numbers(
    appetite: Appetite,
    budget: Budget,
    objective: Objective,
    time_limit_s: float,
    resources: Resources,
    noise: Noise | None = None,
    slots: int = 1,
) -> Numbers:
    """The numbers of a run. `resources` and `time_limit_s` are one trial's; `slots` trials at once turn a wall-clock
    bound into trials."""
    payable = payable_trials(budget, time_limit_s, resources, slots)
    allowance = None if payable is None else floor(payable * VERIFICATION_CAP + 1e-9)
    planned = planned_tests(appetite.false_champions, allowance)
    first = threshold(appetite.false_champions, planned, 0)
    n_min, lap_trials = fewest_pairs(first), 2 * LAP_PAIRS
    figures = Numbers(
        alpha=appetite.false_champions,
        tests_planned=planned,
        first_threshold=first,
        n_min=n_min,
        max_pairs=_max_pairs(n_min, allowance),
        lap_pairs=LAP_PAIRS,
        lap_trials=lap_trials,
        certification_cost=2 * (n_min + SPARE_PAIRS) + lap_trials,
        trials_payable=payable,
        verification_cap=VERIFICATION_CAP,
        verification_trials=allowance,
        smallest_win=appetite.smallest_win,
        trigger_sd=trigger_sd(appetite.smallest_win),
        min_effect=objective.min_effect,
        exploration=appetite.exploration,
        stuck_after=STUCK_AFTER,
        most_exploration=max(MOST, appetite.exploration),
        optimism=appetite.optimism,
        keep_per_rung=appetite.keep_per_rung,
        rungs=rungs(appetite.keep_per_rung),
        largest_stake=appetite.largest_stake,
        stake={unit: floor(appetite.largest_stake * bound + 1e-9) for unit, bound in budget.bounds().items()},
        dry_spell=appetite.dry_spell,
        dry_spell_trials=None if budget.trials is None else ceil(appetite.dry_spell * budget.trials - 1e-9),
        blast_radius=appetite.blast_radius,
    )
    return figures if noise is None else with_noise(figures, noise)


def with_noise(figures: Numbers, noise: Noise) -> Numbers:
    """The same numbers with those in the metric's units filled in.

    δ is the larger of smallest_win × sd and min_effect; the trigger keeps its distance above δ, so that an
    objective with a large min_effect does not ask for certificates that cannot pass.
    """
    delta = max(figures.smallest_win * noise.sd, figures.min_effect)
    margin = (figures.trigger_sd - figures.smallest_win) * noise.sd
    return figures.model_copy(
        update={"sd": noise.sd, "delta": delta, "scale": SCALE_IN_SD * noise.sd, "trigger": delta + margin}
    )


def payable_trials(budget: Budget, time_limit_s: float, resources: Resources, slots: int = 1) -> int | None:
    """Trials that the budget pays for: its bound on trials, else its other bounds over one trial's worst case.

    None when nothing that every trial uses is bounded. Tokens and dollars are spent by roles, not by trials.
    """
    if budget.trials is not None:
        return budget.trials
    worst = resources.cost(time_limit_s)
    counts = [
        bound // each
        for bound, each in ((budget.gpu_ms, worst.gpu_ms), (budget.cpu_ms, worst.cpu_ms))
        if bound is not None and each > 0
    ]
    if budget.wall_ms is not None:
        counts.append(floor(budget.wall_ms / (time_limit_s * 1000)) * slots)
    return min(counts) if counts else None


def planned_tests(alpha: float, verification_trials: int | None) -> int:
    """T: the largest number of tests, at most 15, of which each can be won and reported within the verification trials.

    More tests mean a higher bar for each; the bar falls with every champion, and each lap after the first also runs
    the base commit. At least 1; 15 where nothing is bounded.
    """
    if verification_trials is None:
        return MOST_TESTS
    for tests in range(MOST_TESTS, 1, -1):
        pairs = sum(fewest_pairs(threshold(alpha, tests, champions)) for champions in range(tests))
        if 2 * pairs + (3 * tests - 1) * LAP_PAIRS <= verification_trials:
            return tests
    return 1


def fewest_of_a_test(figures: Numbers, certified: int) -> int:
    """Pairs without which the next test can certify nothing, after so many that passed: the bar falls with each."""
    return fewest_pairs(threshold(figures.alpha, figures.tests_planned, certified))


def lap_of_a_test(figures: Numbers, *, champion_is_base: bool) -> int:
    """Trials of its lap: three pairs, and from the second champion on the base beside them."""
    return figures.lap_trials + (0 if champion_is_base else figures.lap_pairs)


def pairs_of_a_test(figures: Numbers, certified: int, *, champion_is_base: bool, left: Iterable[int | None]) -> int:
    """Pairs that the next test may take at most, with its lap set aside. `left`: trials that bounds leave it; None is
    no bound. Never fewer than can certify: whether these can be paid is asked before."""
    lap = lap_of_a_test(figures, champion_is_base=champion_is_base)
    payable = [(trials - lap) // 2 for trials in left if trials is not None]
    return max(fewest_of_a_test(figures, certified), min([*payable, figures.max_pairs]))


def trigger_sd(smallest_win: float) -> float:
    """How much better the lead must look before it is tested, in noise sd, for a smallest win in noise sd.

    4, 3 and 2 sd at the presets' 1.0, 0.5 and 0.25; linear in between, down to 1.5 at 0 (below that, verification took
    more than 30 % of the trials in simulation), and 3 sd above the smallest win beyond 1.0.
    """
    for (low, at_low), (high, at_high) in pairwise(_TRIGGERS):
        if smallest_win <= high:
            return at_low + (at_high - at_low) * (smallest_win - low) / (high - low)
    return smallest_win + 3.0


def _max_pairs(n_min: int, verification_trials: int | None) -> int:
    """Three times the clear-win number, at least 16, and no more than one certification can ever pay for."""
    cap = max(FEWEST_CAP_PAIRS, 3 * n_min)
    if verification_trials is None:
        return cap
    return max(n_min, min(cap, verification_trials // 2 - LAP_PAIRS))
