"""The negative control: the rule of a loop that keeps whatever scores best, in the same worlds.

Works on a world and a number of trials; one candidate is one run, no pair, no proof. Invariant: its draws of ideas and
luck have the same laws as those of a simulated org.
"""

from __future__ import annotations

from random import Random

from orgruntime.model.simulation import GreedyRun, Step
from orgruntime.simulator.worlds import World


def greedy_run(world: World, trials: int, exploration: float, seed: int) -> GreedyRun:
    """`trials` runs, the first of the base; `exploration` of the candidates are long shots."""
    random = Random(seed)
    first = best = _score(world, 0.0, random)
    level, false, curve = 0.0, 0, [Step(trials=1, champion=0.0, lead=0.0)]
    for trial in range(2, trials + 1):
        effect = world.ideas.effect(random, long_shot=random.random() < exploration)
        if random.random() < world.crash:
            continue
        score = _score(world, level + effect, random)
        if score > best:
            best, level = score, level + effect
            false += effect <= 0
            curve.append(Step(trials=trial, champion=level, lead=best - first))
    champions = len(curve) - 1
    curve.append(Step(trials=trials, champion=level, lead=best - first))
    return GreedyRun(
        trials=trials, champions=champions, false_champions=false, gain=level, recorded_gain=best - first,
        curve=tuple(curve),
    )  # fmt: skip


def _score(world: World, level: float, random: Random) -> float:
    return world.run(level, world.noise(random), random)
