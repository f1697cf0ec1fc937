"""What the choice within a panel brings: by results against taking turns and against always the best, simulated.

    python benchmarks/panel_choice.py [--runs 200] [--steps 200]

A step of model i gains max(0, N(mean_i, 1)) noise sd, less as the run goes on (a climb gets harder: halved every 100
steps), and costs its dollars. Printed for each quantile of the optimism dial: gain for each dollar, as a multiple of
taking turns (above 1: better), the same of a choice that knows the best model beforehand, the share of steps that the
best one gets, the least share that any one gets. Results come in 4 steps late, as with desks at once.
"""

from __future__ import annotations

import argparse
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import fmean

from orgruntime.scheduler.choice import Record, by_results, in_turn

LATE, HALF_LIFE = 4, 100


@dataclass(frozen=True)
class Model:
    mean: float
    usd: float


PANELS = {
    "equal gain, 10 × the price": (Model(0.0, 0.5), Model(0.0, 0.05)),
    "better, same price": (Model(-1.0, 0.1), Model(1.0, 0.1)),
    "3 × the gain, 10 × the price": (Model(0.75, 1.0), Model(-0.4, 0.1)),
    "a free search, two models": (Model(-1.0, 0.002), Model(0.0, 0.1), Model(0.5, 0.3)),
    "nothing to choose": (Model(0.0, 0.1), Model(0.0, 0.1)),
}


@dataclass
class Played:
    gain: float
    usd: float
    counts: list[int]


def play(models: Sequence[Model], steps: int, rng: random.Random, pick: Callable[[list[Record], int], int]) -> Played:
    gains: list[list[float]] = [[] for _ in models]
    given: list[int] = []
    total = usd = 0.0
    for step in range(steps):
        done = max(0, step - LATE)
        records = []
        for i, model in enumerate(models):
            so_far, pending = given.count(i), given[done:].count(i)
            records.append(Record(str(i), so_far, pending, tuple(gains[i][: so_far - pending]), usd=model.usd * so_far))
        i = pick(records, step)
        gain = max(0.0, rng.gauss(models[i].mean, 1.0)) * 0.5 ** (step / HALF_LIFE)
        given.append(i)
        gains[i].append(gain)
        total, usd = total + gain, usd + models[i].usd
    return Played(total, usd, [given.count(i) for i in range(len(models))])


def worth(models: Sequence[Model], rng: random.Random) -> list[float]:
    """Mean gain of a step of each for its dollars."""
    return [fmean(max(0.0, rng.gauss(model.mean, 1.0)) for _ in range(4000)) / model.usd for model in models]


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--runs", type=int, default=200)
    options.add_argument("--steps", type=int, default=200)
    given = options.parse_args()
    print(f"{'panel':<30} {'quantile':>8} {'by results':>10} {'the best':>9} {'best gets':>9} {'least':>6}")
    for name, models in PANELS.items():
        best = max(range(len(models)), key=worth(models, random.Random(0)).__getitem__)

        def played(pick: Callable[[list[Record], int], int], models: Sequence[Model] = models) -> list[Played]:
            return [play(models, given.steps, random.Random(seed), pick) for seed in range(given.runs)]

        def rate(runs: Sequence[Played]) -> float:
            return sum(run.gain for run in runs) / sum(run.usd for run in runs)

        names = [str(i) for i in range(len(models))]
        turns = rate(played(lambda _, step, names=names: int(in_turn(names, step))))  # type: ignore[misc]  # bound now
        known = rate(played(lambda _, step, best=best: best)) / turns  # type: ignore[misc]  # bound now
        for quantile in (0.6, 0.9, 0.97):
            runs = played(lambda records, _, q=quantile: int(by_results(records, q).name))  # type: ignore[misc]  # bound
            share = fmean(run.counts[best] for run in runs) / given.steps
            least = min(min(run.counts) for run in runs) / given.steps
            print(f"{name:<30} {quantile:>8} {rate(runs) / turns:>10.2f} {known:>9.2f} {share:>9.0%} {least:>6.1%}")


if __name__ == "__main__":
    main()
