"""The noise floor: how far two runs of the same code lie apart by luck.

Works on the metrics of the base commit, grouped by seed. Does not know how they were run. Invariant: the floor is an
upper bound for pairs on a shared seed (it counts the seed's own spread in full), so a threshold in units of it is
conservative; a run without a metric is an error, never a missing value.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import isfinite, sqrt

from orgruntime.model.research import Noise

NOISE_RUNS = 10
NOISE_SEEDS = 5
"""Seeds at least: five pairs, or nine seeds where a seed decides the result."""


class BaselineError(Exception):
    """The base commit cannot serve as a baseline: one sentence with the remedy. `seeds` are the failing groups."""

    def __init__(self, message: str, seeds: tuple[int, ...] = ()) -> None:
        super().__init__(message)
        self.seeds = seeds


def floor(pairs: Sequence[Sequence[float | None]]) -> Noise:
    """The noise floor from the base commit's metrics, one group a seed: two runs each, or one for a seed that decides.

    The single-run variance is the seeds' variance component plus the replicates' (one-way analysis of variance);
    `sd` is √2 times its root, and never 0. Raises BaselineError when a run has no finite metric or fewer than
    five seeds were measured.
    """
    groups = _complete(pairs)
    values = [value for group in groups for value in group]
    baseline = sum(values) / len(values)
    replicated = [group for group in groups if len(group) > 1]
    deterministic = bool(replicated) and all(value == group[0] for group in replicated for value in group)
    if deterministic:
        # Copies of one number hold no further news of the spread: one value a seed.
        groups = [group[:1] for group in groups]
        baseline = sum(group[0] for group in groups) / len(groups)
    within, between = _variances(groups)
    total = within + between
    correlation = 1.0 if deterministic or total == 0 else max(0.0, min(1.0, 1.0 - within / total))
    return Noise(
        sd=max(sqrt(2.0 * total), smallest_sd(baseline)),
        pairs=len(groups),
        correlation=correlation if replicated else 0.0,
        deterministic=deterministic,
        baseline=baseline,
    )


def smallest_sd(baseline: float) -> float:
    """What stands for a spread of 0: a billionth of the baseline. Below it lies rounding, not research."""
    return 1e-12 + 1e-9 * abs(baseline)


def noise_runs(measured: Mapping[int, Sequence[float | None]]) -> tuple[tuple[int, int], ...]:
    """The (seed index, replicate) runs that are known to be needed and not measured yet, in order; all may run at once.

    Ten runs in all. The first seed is run twice; when the two agree to the last bit, the seed decides the result and
    the other runs go to fresh seeds (nine seeds); when not, each of five seeds is run twice. Empty: done, or a run
    failed.
    """
    if any(value is None for values in measured.values() for value in values):
        return ()
    wanted = [(0, 0), (0, 1), *((seed, 0) for seed in range(1, NOISE_SEEDS))]
    first = measured.get(0, ())
    if len(first) > 1:
        rest = NOISE_RUNS - len(wanted)
        fresh = [(NOISE_SEEDS + i, 0) for i in range(rest)]
        wanted += fresh if first[0] == first[1] else [(seed, 1) for seed in range(1, 1 + rest)]
    return tuple((seed, replicate) for seed, replicate in wanted if len(measured.get(seed, ())) <= replicate)


def _complete(pairs: Sequence[Sequence[float | None]]) -> list[list[float]]:
    failed = tuple(i for i, group in enumerate(pairs) if any(value is None or not isfinite(value) for value in group))
    if failed:
        raise BaselineError(
            f"the base commit printed no finite metric on {len(failed)} of {len(pairs)} baseline seeds: "
            "mend the workspace's run command until every seed gives a number",
            failed,
        )
    groups = [[value for value in group if value is not None] for group in pairs if group]
    if len(groups) < NOISE_SEEDS:
        raise BaselineError(f"the noise floor needs at least {NOISE_SEEDS} seeds, and {len(groups)} were measured")
    return groups


def _variances(groups: Sequence[Sequence[float]]) -> tuple[float, float]:
    """(within a seed, between seeds): unbiased variance components of an unbalanced one-way layout, clipped at 0."""
    k, n = len(groups), sum(len(group) for group in groups)
    means = [sum(group) / len(group) for group in groups]
    grand = sum(sum(group) for group in groups) / n
    spread = sum((value - mean) ** 2 for group, mean in zip(groups, means, strict=True) for value in group)
    within = spread / (n - k) if n > k else 0.0
    mean_square = sum(len(group) * (mean - grand) ** 2 for group, mean in zip(groups, means, strict=True)) / (k - 1)
    size = (n - sum(len(group) ** 2 for group in groups) / n) / (k - 1)
    return within, max(0.0, (mean_square - within) / size)
